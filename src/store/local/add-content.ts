/**
 * Contents into the store, under the name that they give themselves: `nix store add`. They never refer to themselves:
 * what they will be called follows from them, so that nobody could have written it into them.
 */
import { lstatSync } from 'node:fs';
import { FerryError } from '../../error.ts';
import { contentAddressedPath } from '../../format/make-store-path.ts';
import type { PathInfo } from '../../format/path-info.ts';
import { compareStorePaths, hashPartOf, type StoreDir } from '../../format/store-path.ts';
import type { TreeWorkers } from '../../system/tree-jobs.ts';
import type { NarStream, Store } from '../store.ts';
import type { LocalContentToAdd } from './local-store.ts';

/**
 * To any store that can be written to.
 * @throws FerryError `usage` for contents that the method can't take, `corrupt` where they change meanwhile.
 */
export async function addContent(
  store: Store,
  workers: TreeWorkers,
  tree: string,
  content: LocalContentToAdd,
  signal: AbortSignal | undefined,
): Promise<PathInfo> {
  if (store.addPaths === undefined) {
    throw new FerryError('unsupported', `cannot write to "${store.uri}"`, { store: store.uri });
  }
  const info = await describeContent(store.storeDir, workers, tree, content, signal);
  const nar: NarStream = {
    path: info.path,
    tree,
    [Symbol.asyncIterator]: () => workers.pack(tree)[Symbol.asyncIterator](),
  };
  await store.addPaths(
    (async function* () {
      yield { info, nar };
    })(),
    { signal, checkSigs: false },
  );
  return (await store.queryPathInfos([info.path], { signal })).get(info.path) ?? info;
}

/** What a store would know of contents once they are in it. @throws FerryError `usage`, `not-found` */
export async function describeContent(
  storeDir: StoreDir,
  workers: TreeWorkers,
  tree: string,
  content: LocalContentToAdd,
  signal: AbortSignal | undefined,
): Promise<PathInfo> {
  const { name, method, algorithm, scan = false } = content;
  if (method !== 'nar') requireFile(tree);
  const named = new Map(
    [...(content.references ?? [])].map((path) => [hashPartOf(path), path] as const),
  );
  const digest = await workers.hash({
    tree,
    ca: { method, algorithm },
    scanFor: scan ? [...named.keys()] : [],
    signal,
  });
  const hash = digest.caHashes?.[0];
  if (hash === undefined) throw new FerryError('internal', `no hash of "${tree}"`);
  const ca = { method, hash };
  const found = scan ? new Set(digest.found) : undefined;
  const references = [...named]
    .filter(([hashPart]) => found?.has(hashPart) !== false)
    .map(([, path]) => path)
    .sort(compareStorePaths);
  const path = contentAddressedPath(storeDir, name, ca, { others: references, self: false });
  const { narHash, narSize } = digest;
  return { path, narHash, narSize, references, signatures: [], ca };
}

function requireFile(tree: string): void {
  const stat = lstatSync(tree, { throwIfNoEntry: false });
  if (stat === undefined) throw new FerryError('not-found', `"${tree}" does not exist`);
  if (!stat.isFile()) {
    throw new FerryError('usage', `cannot add "${tree}" by its bytes: it is not a regular file`, {
      hint: 'add it as an archive instead',
    });
  }
}
