/** `nix log` and `nix store copy-log`: logs of builds. */
import { FerryError, messageOf } from '../../../error.ts';
import { printStorePath, type StorePath } from '../../../format/store-path.ts';
import type { Store } from '../../../store/store.ts';
import { printable } from '../../errors.ts';
import { openSession } from '../../session.ts';
import { say } from '../../context.ts';
import { derivationOf } from '../derivation-of.ts';
import { nixUsage } from '../nix-words.ts';
import { findInstallables, pathsOf } from './installables.ts';
import { PROGRAM } from './parse-verb-words.ts';
import { installableArgument } from './path-words.ts';
import { theOnlyPathOf } from './the-only-path.ts';
import { defineVerb, type NixCall, type NixVerb } from './verb.ts';

export const log: NixVerb = defineVerb({
  description: [
    'The store is asked, and then the substituters. The log of a path is that of the derivation it was built by.',
  ],
  arguments: [{ ...installableArgument, repeated: false }],
  options: {},
  evaluates: true,
  examples: [{ meaning: 'how it was built', command: 'nix log ./result' }],
  async run(call, words) {
    const { context, store: uri } = call;
    await using session = openSession(context);
    const store = await session.openExisting(uri);
    const path = await theOnlyPathOf(call, store, words[0] ?? '.');
    const printed = printStorePath(store.storeDir, path);
    const drv = await derivationOf(store, path, context.signal);
    const { substitute, substituters } = session.settings;
    for (const other of [undefined, ...(substitute ? substituters : [])]) {
      const found = await logIn(
        call,
        other === undefined ? async () => store : () => session.open(other),
        drv,
      );
      if (found === undefined) continue;
      await say(context, `got build log for '${printed}' from '${found.store.uri}'`);
      for await (const chunk of found.text) await context.stdout.write(chunk);
      return 0;
    }
    throw new FerryError('not-found', `build log of '${printed}' is not available`, {
      path: printed,
    });
  },
});

/** One that can't be asked is told of, and another is asked. */
async function logIn(
  { context }: NixCall,
  open: () => Promise<Store>,
  drv: StorePath | undefined,
): Promise<{ store: Store; text: AsyncIterable<Uint8Array> } | undefined> {
  if (drv === undefined) return undefined;
  try {
    const store = await open();
    const text = await store.readBuildLog?.(drv, { signal: context.signal });
    return text === undefined ? undefined : { store, text };
  } catch (error) {
    context.signal.throwIfAborted();
    await say(context, `warning: ${printable(messageOf(error))}`);
    return undefined;
  }
}

export const storeCopyLog: NixVerb = defineVerb({
  description: ['A destination that has the log of a build already keeps it.'],
  arguments: [installableArgument],
  options: {
    from: { help: 'the store to copy from', value: 'STORE', completes: 'store' },
    to: { help: 'the store to copy to', value: 'STORE', completes: 'store' },
  },
  evaluates: true,
  examples: [
    { meaning: 'to a cache', command: 'nix store copy-log --to file:///srv/cache ./result' },
  ],
  async run(call, words, { from, to }) {
    if (from === undefined && to === undefined) {
      throw nixUsage(PROGRAM, "you must pass '--from' and/or '--to'");
    }
    const { signal } = call.context;
    await using session = openSession(call.context);
    const source = await session.openExisting(from ?? call.store);
    const destination = await session.open(to ?? call.store);
    if (destination.addBuildLog === undefined) {
      throw new FerryError('unsupported', `"${destination.uri}" keeps no logs of builds`, {
        store: destination.uri,
      });
    }
    const found = await findInstallables(call, source, words, { storeUri: from ?? call.store });
    const copied = new Set<StorePath>();
    for (const path of pathsOf(found)) {
      const drv = await derivationOf(source, path, signal);
      const text = drv === undefined ? undefined : await source.readBuildLog?.(drv, { signal });
      if (drv === undefined || text === undefined) {
        const printed = printStorePath(source.storeDir, path);
        throw new FerryError('not-found', `build log for '${printed}' is not available`, {
          path: printed,
        });
      }
      if (copied.has(drv)) continue;
      copied.add(drv);
      await destination.addBuildLog(drv, text, { signal });
    }
    return 0;
  },
});
