/**
 * Contents into the store, under the name that they give themselves: `nix store add`. They never refer to themselves:
 * what they will be called follows from them, so that nobody could have written it into them.
 */
import { lstatSync } from 'node:fs';
import { FerryError } from '../../error.ts';
import { contentAddressedPath } from '../../format/make-store-path.ts';
import type { PathInfo } from '../../format/path-info.ts';
import { compareStorePaths, hashPartOf } from '../../format/store-path.ts';
import type { TreeWorkers } from '../../system/tree-jobs.ts';
import type { NarStream } from '../store.ts';
import type { LocalContentToAdd, LocalStore } from './local-store.ts';

/** @throws FerryError `usage` for contents that the method can't take, `corrupt` where they change meanwhile. */
export async function addContent(
  store: LocalStore,
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
  const path = contentAddressedPath(store.storeDir, name, ca, { others: references, self: false });
  const nar: NarStream = {
    path,
    tree,
    [Symbol.asyncIterator]: () => workers.pack(tree)[Symbol.asyncIterator](),
  };
  const { narHash, narSize } = digest;
  const info: PathInfo = { path, narHash, narSize, references, signatures: [], ca };
  await store.addPaths?.(
    (async function* () {
      yield { info, nar };
    })(),
    { signal, checkSigs: false },
  );
  return (await store.queryPathInfos([path], { signal })).get(path) ?? info;
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
