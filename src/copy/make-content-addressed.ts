/**
 * Rewrites paths so that their contents prove their names, and nobody need be trusted for them: each gets the name that
 * follows from what it is, and what referred to it refers to that. (Nix manual, "nix store make-content-addressed".)
 *
 * The hash of a path that refers to itself is taken with the positions of these references, as is documented: Nix up to
 * 2.16 and from 2.35 on takes it, those between check against a hash without them and refuse the path.
 */
import { FerryError } from '../error.ts';
import { formatHash, hashesEqual, StreamingHash, type Hash } from '../format/hash.ts';
import { contentAddressedPath } from '../format/make-store-path.ts';
import { ModuloHasher } from '../format/nar/hash-modulo.ts';
import { HashPartRewriter } from '../format/nar/rewrite-hash-parts.ts';
import type { PathInfo } from '../format/path-info.ts';
import {
  compareStorePaths,
  hashPartOf,
  nameOf,
  printStorePath,
  type StorePath,
} from '../format/store-path.ts';
import type { CallOptions, NarStream, PathToAdd, Store } from '../store/store.ts';
import { openScratchFile, type ScratchFile } from '../system/scratch-file.ts';
import { computeClosure } from './closure.ts';
import { sortTopologically } from './order.ts';

export interface RewriteOptions extends CallOptions {
  /** A path has its new name: each after all that it refers to. */
  readonly onRewriting?: ((from: StorePath, to: StorePath) => void) | undefined;
}

/**
 * Rewrites the closure of `roots` and adds it to `destination`.
 * @returns the new name of every path of the closure.
 * @throws FerryError `not-found` for a root that isn't valid, `corrupt` for a NAR that isn't what its info says,
 *   `unsupported` where nothing can be written; what the stores throw
 */
export async function makeContentAddressed(
  source: Store,
  destination: Store,
  roots: readonly StorePath[],
  options: RewriteOptions = {},
): Promise<Map<StorePath, StorePath>> {
  const { signal } = options;
  if (destination.addPaths === undefined) {
    throw new FerryError('unsupported', `cannot write to "${destination.uri}"`, {
      store: destination.uri,
    });
  }
  if (source.storeDir !== destination.storeDir) {
    throw new FerryError(
      'unsupported',
      `cannot rewrite paths of "${source.uri}" for "${destination.uri}": their store directories differ`,
    );
  }
  const infos = sortTopologically([...(await computeClosure(source, roots, { signal })).values()]);
  const renamed = new Map<StorePath, StorePath>();
  // Each is gone when it was read for the last time; those of paths that were there already, at the end.
  using scratch = new DisposableStack();
  await destination.addPaths(rewrittenPaths(source, infos, renamed, scratch, options), {
    signal,
    checkSigs: false,
  });
  return renamed;
}

async function* rewrittenPaths(
  source: Store,
  infos: readonly PathInfo[],
  renamed: Map<StorePath, StorePath>,
  scratch: DisposableStack,
  { signal, onRewriting }: RewriteOptions,
): AsyncGenerator<PathToAdd> {
  for (const info of infos) {
    signal?.throwIfAborted();
    const nar = await openAgainAndAgain(source, info, scratch, signal);
    await requireWhole(source, info, nar);
    const rewritten = await rewrite(source, info, nar, renamed);
    renamed.set(info.path, rewritten.info.path);
    onRewriting?.(info.path, rewritten.info.path);
    yield rewritten;
  }
}

/** The bytes of a NAR, from the beginning each time. */
interface Again extends Disposable {
  read(): AsyncIterable<Uint8Array>;
}

/** It is read four times: a tree on this machine is packed each time, all else is kept meanwhile. */
async function openAgainAndAgain(
  source: Store,
  { path, narSize }: PathInfo,
  scratch: DisposableStack,
  signal: AbortSignal | undefined,
): Promise<Again> {
  for await (const nar of source.readNars([path], { signal })) {
    if (nar.tree !== undefined) return { read: () => nar, [Symbol.dispose]: () => {} };
    const file: ScratchFile = scratch.use(openScratchFile());
    // Old databases don't know it.
    let left = narSize || Number.POSITIVE_INFINITY;
    for await (const chunk of nar) {
      left -= chunk.length;
      if (left < 0) throw otherThan(source, path, `it goes on after its ${narSize} bytes`);
      file.append(chunk);
    }
    return file;
  }
  throw new FerryError('internal', `"${source.uri}" gave no NAR of "${path}"`);
}

/** What it is made into proves itself: whether it was the right thing to begin with, nobody could tell any more. */
async function requireWhole(source: Store, info: PathInfo, again: Again): Promise<void> {
  const state = new StreamingHash('sha256');
  for await (const chunk of again.read()) state.update(chunk);
  const got = state.finish();
  if (hashesEqual(got, info.narHash)) return;
  const [is, wanted] = [got, info.narHash].map((hash) => formatHash(hash, 'sri'));
  throw otherThan(source, info.path, `it has hash ${is} instead of ${wanted}`);
}

function otherThan({ storeDir, uri }: Store, path: StorePath, why: string): FerryError {
  const printed = printStorePath(storeDir, path);
  return new FerryError('corrupt', `cannot rewrite path "${printed}": its NAR is wrong: ${why}`, {
    path: printed,
    store: uri,
  });
}

async function rewrite(
  { storeDir }: Store,
  old: PathInfo,
  again: Again,
  renamed: ReadonlyMap<StorePath, StorePath>,
): Promise<PathToAdd> {
  const self = old.references.includes(old.path);
  const others = old.references
    .filter((path) => path !== old.path)
    .map((path) => renamed.get(path) ?? path);
  const replacements = new Map<string, string>();
  for (const path of old.references) {
    const young = renamed.get(path);
    if (young !== undefined) replacements.set(hashPartOf(path), hashPartOf(young));
  }
  const hash = await hashModulo(rewriting(again, replacements), hashPartOf(old.path));
  const ca = { method: 'nar', hash } as const;
  const path = contentAddressedPath(storeDir, nameOf(old.path), ca, { others, self });
  replacements.set(hashPartOf(old.path), hashPartOf(path));
  const state = new StreamingHash('sha256');
  for await (const chunk of rewriting(again, replacements)) state.update(chunk);
  const narSize = state.size;
  const references = [...new Set([...others, ...(self ? [path] : [])])].sort(compareStorePaths);
  const info = { path, narHash: state.finish(), narSize, references, signatures: [], ca };
  const nar: NarStream = {
    path,
    isIndependent: true,
    async *[Symbol.asyncIterator]() {
      using last = again;
      yield* rewriting(last, replacements);
    },
  };
  return { info, nar };
}

async function hashModulo(bytes: AsyncIterable<Uint8Array>, hashPart: string): Promise<Hash> {
  const hasher = new ModuloHasher('sha256', hashPart);
  for await (const chunk of bytes) hasher.update(chunk);
  const [documented] = hasher.finish();
  if (documented === undefined) throw new FerryError('internal', 'no hash of a NAR');
  return documented;
}

async function* rewriting(
  again: Again,
  replacements: ReadonlyMap<string, string>,
): AsyncGenerator<Uint8Array> {
  const rewriter = new HashPartRewriter(replacements);
  for await (const chunk of again.read()) {
    const ready = rewriter.update(chunk);
    if (ready.length > 0) yield ready;
  }
  const rest = rewriter.finish();
  if (rest.length > 0) yield rest;
}
