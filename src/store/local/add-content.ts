/** Contents into the store, under the name that they give themselves: `nix store add`. */
import { createReadStream, lstatSync } from 'node:fs';
import { utf8ByteString } from '../../bytes/byte-string.ts';
import { FerryError } from '../../error.ts';
import { StreamingHash, type Hash, type HashAlgorithm } from '../../format/hash.ts';
import { contentAddressedPath } from '../../format/make-store-path.ts';
import { NarEncoder } from '../../format/nar/encoder.ts';
import type { PathInfo } from '../../format/path-info.ts';
import { compareStorePaths, hashPartOf } from '../../format/store-path.ts';
import { translateOsError } from '../../system/os-error.ts';
import type { TreeDigest, TreeWorkers } from '../../system/tree-jobs.ts';
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
  // Nix keeps only the contents of such a file: the path is no program, even where the file is.
  const isStripped = method !== 'nar' && isExecutable(tree);
  const digest = await workers.hash({
    tree,
    ca: isStripped ? undefined : { method, algorithm },
    scanFor: scan ? [...named.keys()] : [],
    signal,
  });
  const hash = isStripped ? await hashFile(tree, algorithm) : digest.caHashes?.[0];
  if (hash === undefined) throw new FerryError('internal', `no hash of "${tree}"`);
  const ca = { method, hash };
  const found = scan ? new Set(digest.found) : undefined;
  const references = [...named]
    .filter(([hashPart]) => found?.has(hashPart) !== false)
    .map(([, path]) => path)
    .sort(compareStorePaths);
  const path = contentAddressedPath(store.storeDir, name, ca, { others: references, self: false });
  const { narHash, narSize } = isStripped ? await hashStream(readPlainFile(tree)) : digest;
  const nar: NarStream = isStripped
    ? { path, [Symbol.asyncIterator]: () => readPlainFile(tree) }
    : { path, tree, [Symbol.asyncIterator]: () => workers.pack(tree)[Symbol.asyncIterator]() };
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

function isExecutable(file: string): boolean {
  return (lstatSync(file).mode & 0o100) !== 0;
}

/** The NAR of a file as if it were not executable. */
async function* readPlainFile(file: string): AsyncGenerator<Uint8Array> {
  const chunks: Uint8Array[] = [];
  const encoder = new NarEncoder((chunk) => chunks.push(chunk), {
    nextBuffer: () => new Uint8Array(256 * 1024),
  });
  try {
    encoder.file(utf8ByteString(''), { executable: false, size: lstatSync(file).size });
    for await (const data of createReadStream(file)) {
      encoder.data(data as Uint8Array);
      yield* chunks.splice(0);
    }
    encoder.endFile();
    encoder.end();
    yield* chunks.splice(0);
  } catch (error) {
    throw translateOsError(error, 'read', file);
  }
}

async function hashFile(file: string, algorithm: HashAlgorithm): Promise<Hash> {
  const hash = new StreamingHash(algorithm);
  for await (const data of createReadStream(file)) hash.update(data as Uint8Array);
  return hash.finish();
}

async function hashStream(
  stream: AsyncIterable<Uint8Array>,
): Promise<Pick<TreeDigest, 'narHash' | 'narSize'>> {
  const hash = new StreamingHash();
  for await (const chunk of stream) hash.update(chunk);
  const narSize = hash.size;
  return { narHash: hash.finish(), narSize };
}
