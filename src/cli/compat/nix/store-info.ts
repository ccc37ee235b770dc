/** `nix store info`: what a store is, and whether it answers. */
import { version } from '../../version.ts';
import { asLocalStore } from '../../as-local-store.ts';
import { defineVerb, type NixVerb } from './verb.ts';
import { openSession } from '../../session.ts';
import type { Store } from '../../../store/store.ts';
import type { DaemonStore } from '../../../store/worker/daemon-store.ts';

export const storeInfo: NixVerb = defineVerb({
  description: [],
  arguments: [],
  options: { json: { help: 'tell programs, in JSON' } },
  examples: [
    { meaning: 'whether a server answers', command: 'nix store info --store ssh://server' },
  ],
  async run({ context, store: uri }, _words, options) {
    await using session = openSession(context);
    const store = await session.open(uri);
    // Opening may be lazy: a question that costs nothing shows whether it answers.
    await store.queryValidPaths([], { signal: context.signal });
    const { version: storeVersion, isTrusted } = traitsOf(store);
    if (options.json) {
      const told = { trusted: isTrusted, url: store.uri, version: storeVersion };
      await context.stdout.write(`${JSON.stringify(told)}\n`);
      return 0;
    }
    const lines = [`Store URL: ${store.uri}`];
    if (storeVersion !== undefined) lines.push(`Version: ${storeVersion}`);
    if (isTrusted !== undefined) lines.push(`Trusted: ${isTrusted ? 1 : 0}`);
    await context.stderr.write(lines.map((line) => `${line}\n`).join(''));
    return 0;
  },
});

interface StoreTraits {
  /** Of the program that has it. */
  readonly version?: string | undefined;
  /** Whether it believes us without signatures; absent where it doesn't say. */
  readonly isTrusted?: boolean | undefined;
}

/** A daemon tells both; of a store on this machine the program is this one. */
function traitsOf(store: Store): StoreTraits {
  if ('isTrusted' in store) {
    const { isTrusted, release } = store as DaemonStore;
    return { isTrusted, version: release };
  }
  if (asLocalStore(store) !== undefined) return { version: `${version} (ferry)`, isTrusted: true };
  return store.uri.startsWith('file:') ? { isTrusted: true } : {};
}
