/** What the commands share that look into closures: their store, the paths that words mean, and how numbers are shown. */
import { styleText } from 'node:util';
import { formatBytes } from '../bytes/format-bytes.ts';
import { loadReferenceGraph } from '../copy/reference-graph.ts';
import { graphOfInfos, numbersOf, type ReferenceGraph } from '../format/reference-graph.ts';
import { nameOf, printStorePath, type StorePath } from '../format/store-path.ts';
import type { Store } from '../store/store.ts';
import { allPathsOf } from './all-paths-of.ts';
import type { CommandContext, Output } from './context.ts';
import { resolveIn } from './resolve-in-store.ts';
import { formatCount, formatNumber } from './ui/units.ts';

/** `--json` and `--bytes`. */
export const lookingOptions: {
  readonly json: { readonly help: string };
  readonly bytes: { readonly help: string };
} = {
  json: { help: 'tell programs, in JSON' },
  bytes: { help: 'sizes in bytes' },
};

export interface ClosureGraph {
  readonly graph: ReferenceGraph;
  /** What was asked for, each once, in the order of the words. */
  readonly roots: readonly number[];
}

/** The closure of what the words mean. @throws FerryError `not-found` */
export async function closureOfWords(
  context: CommandContext,
  store: Store,
  words: readonly string[],
): Promise<ClosureGraph> {
  const named = [...new Set(words.map((word) => resolveIn(context, store, word).path))];
  const { signal } = context;
  const graph = await loadReferenceGraph(store, named, { signal });
  const numbers = numbersOf(graph.paths);
  return { graph, roots: named.map((path) => numbers.get(path) ?? 0) };
}

/**
 * All that is valid in a store. Of a binary cache that has parts of closures only, the references to what it lacks are
 * left out.
 * @throws FerryError `unsupported` where the store can't list its paths
 */
export async function wholeStore(store: Store, signal: AbortSignal): Promise<ReferenceGraph> {
  const all = await allPathsOf(store, signal);
  if (store.queryReferenceGraph !== undefined) {
    return await loadReferenceGraph(store, all, { signal });
  }
  return graphOfInfos(await store.queryPathInfos(all, { signal }));
}

/** What a picture of them is called. */
export function titleOf(graph: ReferenceGraph, roots: readonly number[]): string {
  const [first] = roots;
  const name = first === undefined ? 'nothing' : nameOf(graph.paths[first] as StorePath);
  return roots.length > 1 ? `${name} and ${formatNumber(roots.length - 1)} more` : name;
}

/** Sizes for people, or exact ones. */
export function sizeFormat(bytes: boolean): (size: number) => string {
  return bytes ? String : formatBytes;
}

/** What a list comes to, for its end: `371 paths, 1.4 GiB`. */
export function totalText(count: number, size: number, bytes: boolean): string {
  return `${formatCount(count, 'path')}, ${bytes ? formatCount(size, 'byte') : formatBytes(size)}`;
}

type Look = Parameters<typeof styleText>[0];

export type Paint = (look: Look, text: string) => string;

/** Colours, where the output has any. */
export function paintFor({ hasColours }: Output): Paint {
  return hasColours
    ? (look, text) => styleText(look, text, { validateStream: false })
    : (_look, text) => text;
}

/**
 * How paths are called in a picture for people: by name, with the beginning of the hash part where several have the same
 * one.
 */
export function shortLabels(paths: readonly StorePath[]): (node: number) => string {
  const counts = new Map<string, number>();
  for (const path of paths) counts.set(nameOf(path), (counts.get(nameOf(path)) ?? 0) + 1);
  return (node) => {
    const path = paths[node] as StorePath;
    const name = nameOf(path);
    return (counts.get(name) ?? 0) > 1 ? `${name} (${path.slice(0, HASH_SHOWN)})` : name;
  };
}

/** Digits of the hash part that tell paths of one name apart: one chance in a billion that they don't. */
const HASH_SHOWN = 7;

/** The same in full. */
export function fullLabels(
  { storeDir }: Store,
  paths: readonly StorePath[],
): (node: number) => string {
  return (node) => printStorePath(storeDir, paths[node] as StorePath);
}
