/**
 * What need not be uploaded, because whoever uses the cache gets it from another one: paths that such an upstream has,
 * and paths that an upstream's key has signed, which then are assumed to be there.
 */
import { messageOf } from '../error.ts';
import { fingerprintOf, type PathInfo } from '../format/path-info.ts';
import type { TrustedKeys } from '../format/signature.ts';
import type { StoreDir, StorePath } from '../format/store-path.ts';
import type { Store } from '../store/store.ts';
import type { SkipPaths } from './plan.ts';

export interface UpstreamOptions {
  readonly storeDir: StoreDir;
  /** Opened when there is something to ask; what opens is the caller's to close. */
  readonly upstreams: readonly { readonly uri: string; readonly open: () => Promise<Store> }[];
  /** Keys of upstreams, which sign nothing that isn't there. */
  readonly keys?: TrustedKeys | undefined;
  /** An upstream that can't be asked: what it may have is then sent. */
  readonly onWarning?: ((message: string) => void) | undefined;
}

/** For the option `skip` of a plan. Each upstream is asked once, about what the ones before it don't have. */
export function skipUpstream(options: UpstreamOptions): SkipPaths {
  const { storeDir, upstreams, keys, onWarning } = options;
  return async (infos, { signal }) => {
    const skipped = new Map<StorePath, string>();
    for (const info of infos) {
      const name = keys && signerOf(storeDir, info, keys);
      if (name !== undefined) skipped.set(info.path, `signed by "${name}"`);
    }
    for (const { uri, open } of upstreams) {
      const asked = infos.map(({ path }) => path).filter((path) => !skipped.has(path));
      if (asked.length === 0) break;
      try {
        const store = await open();
        const valid =
          store.storeDir === storeDir ? await store.queryValidPaths(asked, { signal }) : [];
        for (const path of valid) skipped.set(path, `found in "${uri}"`);
      } catch (error) {
        signal?.throwIfAborted();
        onWarning?.(`cannot ask "${uri}" what it has, so that is sent: ${messageOf(error)}`);
      }
    }
    return skipped;
  };
}

function signerOf(storeDir: StoreDir, info: PathInfo, keys: TrustedKeys): string | undefined {
  if (info.narSize === 0) return undefined;
  const fingerprint = fingerprintOf(storeDir, info);
  const signature = info.signatures.find((text) => keys.verifies(text, fingerprint));
  return signature?.slice(0, signature.indexOf(':'));
}
