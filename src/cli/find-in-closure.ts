/** A path of a closure by the name of its package: who asks why something needs glibc knows no hash of it. */
import { FerryError } from '../error.ts';
import { packageOf, splitPackageName } from '../format/package-name.ts';
import type { ReferenceGraph } from '../format/reference-graph.ts';
import {
  isStorePathBaseName,
  nameOf,
  printStorePath,
  type StoreDir,
  type StorePath,
} from '../format/store-path.ts';

/** As many of several candidates as a message names. */
const NAMED_MAX = 8;

/**
 * The one path that is called `word`, with or without its version. Where outputs of one package are all there are, the
 * main one is meant.
 * @returns undefined where it isn't a plain name, or nothing is called so.
 * @throws FerryError `usage` where several are
 */
export function findInClosure(
  storeDir: StoreDir,
  { paths }: ReferenceGraph,
  word: string,
): StorePath | undefined {
  if (word.includes('/') || word === '' || isStorePathBaseName(word)) return undefined;
  const exact = paths.filter((path) => nameOf(path) === word);
  const found =
    exact.length > 0 ? exact : paths.filter((path) => packageOf(nameOf(path)).name === word);
  const main = found.filter((path) => isMainOutput(path));
  const candidates = main.length > 0 ? main : found;
  const [only] = candidates;
  if (candidates.length <= 1) return only;
  const named = candidates.slice(0, NAMED_MAX).map((path) => printStorePath(storeDir, path));
  const more = candidates.length - named.length;
  throw new FerryError('usage', `"${word}" is the name of ${candidates.length} paths there`, {
    hint: `name one in full: ${named.join(', ')}${more > 0 ? ` and ${more} more` : ''}`,
  });
}

/** Tells that nothing there is called `word`, and what is called similarly. */
export function notInClosure({ paths }: ReferenceGraph, word: string, root: string): FerryError {
  const names = new Set(paths.map((path) => packageOf(nameOf(path)).name));
  const similar = [...names].filter((name) => name.includes(word)).sort();
  const named = similar.slice(0, NAMED_MAX).map((name) => `"${name}"`);
  const more = similar.length - named.length;
  return new FerryError('not-found', `nothing in the closure of "${root}" is called "${word}"`, {
    hint:
      similar.length === 0
        ? 'ferry tree shows what is in it'
        : `there is ${named.join(', ')}${more > 0 ? ` and ${more} more` : ''}`,
  });
}

/** Nothing behind its version. */
function isMainOutput(path: StorePath): boolean {
  const name = nameOf(path);
  return packageOf(name).version === splitPackageName(name).version;
}
