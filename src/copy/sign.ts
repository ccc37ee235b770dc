/** Signatures of paths that are in a store already: making them, and fetching those that other stores have. */
import { FerryError } from '../error.ts';
import { fingerprintOf, sameContents, type PathInfo } from '../format/path-info.ts';
import { isSignature, signText, type SecretKey } from '../format/signature.ts';
import { printStorePath, type StoreDir, type StorePath } from '../format/store-path.ts';
import type { CallOptions, Store } from '../store/store.ts';
import { chunksOf } from './chunks.ts';

export interface CopySignaturesOptions extends CallOptions {
  /** Told of a store that couldn't be asked; the others are asked all the same. Without it the error ends the call. */
  readonly onFailed?: ((store: Store, error: unknown) => void) | undefined;
}

/** Paths that are asked for and written at a time: memory is bounded however many there are. */
const CHUNK = 1000;

/**
 * Signs what a store says of its paths; their contents are not read, whoever wants to be sure verifies them first.
 * @returns how many signatures were new.
 * @throws FerryError `unsupported` where the store keeps no signatures, `not-found` for a path that isn't valid.
 */
export async function signPaths(
  store: Store,
  paths: Iterable<StorePath>,
  keys: readonly SecretKey[],
  { signal }: CallOptions = {},
): Promise<number> {
  requireSigning(store);
  let added = 0;
  for (const chunk of chunksOf(paths, CHUNK)) {
    const infos = await store.queryPathInfos(chunk, { signal });
    const signatures = new Map<StorePath, readonly string[]>();
    for (const path of chunk) {
      const lacking = missingSignaturesBy(keys, store.storeDir, requireInfo(store, infos, path));
      if (lacking.length > 0) signatures.set(path, lacking);
    }
    added += await addSignatures(store, signatures, signal);
  }
  return added;
}

/** The signatures of `keys` that an info doesn't have yet. */
export function missingSignaturesBy(
  keys: readonly SecretKey[],
  storeDir: StoreDir,
  info: PathInfo,
): string[] {
  if (keys.length === 0) return [];
  const fingerprint = fingerprintOf(storeDir, info);
  const made = new Set(keys.map((key) => signText(key, fingerprint)));
  return [...made].filter((signature) => !info.signatures.includes(signature));
}

/**
 * Gives paths the signatures that other stores have for the very same contents.
 * @returns how many signatures were new.
 * @throws FerryError `unsupported` where the store keeps no signatures, `not-found` for a path that isn't valid in it.
 */
export async function copySignatures(
  from: readonly Store[],
  to: Store,
  paths: Iterable<StorePath>,
  { signal, onFailed }: CopySignaturesOptions = {},
): Promise<number> {
  requireSigning(to);
  let added = 0;
  const alive = new Set(from.filter(({ storeDir }) => storeDir === to.storeDir));
  for (const chunk of chunksOf(paths, CHUNK)) {
    const infos = await to.queryPathInfos(chunk, { signal });
    const here = chunk.map((path) => requireInfo(to, infos, path));
    const found = await signaturesElsewhere(alive, here, { signal, onFailed });
    const signatures = new Map<StorePath, readonly string[]>();
    for (const info of here) {
      const known = new Set(info.signatures);
      const lacking = [...(found.get(info.path) ?? [])].filter((text) => !known.has(text));
      if (lacking.length > 0) signatures.set(info.path, lacking);
    }
    added += await addSignatures(to, signatures, signal);
  }
  return added;
}

/**
 * The signatures that other stores have for the very contents of these infos. A store that fails is told of once, and
 * removed from `stores`. All have the same store directory: it is part of what is signed.
 */
export async function signaturesElsewhere(
  stores: Set<Store>,
  infos: readonly PathInfo[],
  { signal, onFailed }: CopySignaturesOptions,
): Promise<Map<StorePath, Set<string>>> {
  const found = new Map<StorePath, Set<string>>();
  const paths = infos.map(({ path }) => path);
  const ask = async (store: Store): Promise<void> => {
    let others: ReadonlyMap<StorePath, PathInfo>;
    try {
      others = await store.queryPathInfos(paths, { signal });
    } catch (error) {
      signal?.throwIfAborted();
      if (onFailed === undefined) throw error;
      stores.delete(store);
      onFailed(store, error);
      return;
    }
    for (const info of infos) {
      const other = others.get(info.path);
      // That of other contents, as of another build of the same derivation, would be wrong here.
      if (other === undefined || !sameContents({ ...other, ca: info.ca }, info)) continue;
      const known = found.get(info.path) ?? new Set();
      found.set(info.path, known);
      for (const text of other.signatures) if (isSignature(text)) known.add(text);
    }
  };
  await Promise.all([...stores].map(ask));
  return found;
}

async function addSignatures(
  store: Store,
  signatures: ReadonlyMap<StorePath, readonly string[]>,
  signal: AbortSignal | undefined,
): Promise<number> {
  if (signatures.size === 0) return 0;
  await store.addSignatures?.(signatures, { signal });
  return [...signatures.values()].reduce((sum, added) => sum + added.length, 0);
}

function requireSigning(store: Store): void {
  if (store.features.has('sign') && store.addSignatures !== undefined) return;
  throw new FerryError('unsupported', `cannot add signatures to "${store.uri}": it keeps none`, {
    store: store.uri,
    hint: 'stores on this machine, daemons, ssh-ng:// and binary caches do; over ssh:// there is no way to send them',
  });
}

function requireInfo(
  store: Store,
  infos: ReadonlyMap<StorePath, PathInfo>,
  path: StorePath,
): PathInfo {
  const info = infos.get(path);
  if (info !== undefined) return info;
  const printed = printStorePath(store.storeDir, path);
  throw new FerryError('not-found', `path "${printed}" is not valid in "${store.uri}"`, {
    path: printed,
    store: store.uri,
  });
}
