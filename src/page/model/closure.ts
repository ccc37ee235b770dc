/** A closure as the page works on it: typed arrays by the number of a path, and who refers to whom both ways. */
import type { PageData } from './page-data.ts';

/** The neighbours of n are `targets` from `offsets[n]` up to, and without, `offsets[n + 1]`. */
export interface Adjacency {
  readonly offsets: Uint32Array;
  readonly targets: Uint32Array;
}

export interface Closure {
  readonly title: string;
  readonly storeDir: string;
  readonly count: number;
  readonly roots: readonly number[];
  readonly hashParts: readonly string[];
  readonly names: readonly string[];
  /** '' where there is none. */
  readonly versions: readonly string[];
  /** Bytes. */
  readonly narSizes: Float64Array;
  /** Bytes. */
  readonly closureSizes: Float64Array;
  /** Bytes of all of it. */
  readonly totalSize: number;
  readonly references: Adjacency;
  readonly referrers: Adjacency;
}

export function closureOf(data: PageData): Closure {
  const count = data.bases.length;
  const hashParts: string[] = [];
  const names: string[] = [];
  const versions: string[] = [];
  for (const [n, base] of data.bases.entries()) {
    const dash = base.indexOf('-');
    const end = dash + 1 + (data.nameLengths[n] ?? 0);
    hashParts.push(base.slice(0, Math.max(dash, 0)));
    names.push(base.slice(dash + 1, end));
    versions.push(base.slice(end + 1));
  }
  const narSizes = Float64Array.from(data.narSizes);
  const references = decodeReferences(data);
  return {
    title: data.title,
    storeDir: data.storeDir,
    count,
    roots: data.roots,
    hashParts,
    names,
    versions,
    narSizes,
    closureSizes: Float64Array.from(data.closureSizes),
    totalSize: narSizes.reduce((sum, size) => sum + size, 0),
    references,
    referrers: reverse(references),
  };
}

/** The neighbours of node `n`. */
export function neighbours({ offsets, targets }: Adjacency, n: number): Uint32Array {
  return targets.subarray(offsets[n], offsets[n + 1]);
}

/** How many neighbours node `n` has. */
export function degree({ offsets }: Adjacency, n: number): number {
  return (offsets[n + 1] ?? 0) - (offsets[n] ?? 0);
}

/** What follows the hash part. */
export function labelOf(closure: Closure, n: number): string {
  const version = closure.versions[n] ?? '';
  const name = closure.names[n] ?? '';
  return version === '' ? name : `${name}-${version}`;
}

/** The store path in full. */
export function pathOf(closure: Closure, n: number): string {
  const hashPart = closure.hashParts[n] ?? '';
  const base = `${hashPart}${hashPart === '' ? '' : '-'}${labelOf(closure, n)}`;
  return `${closure.storeDir}/${base}`;
}

/** Every arrow turned round; neighbours ascend. */
export function reverse({ offsets: from, targets: to }: Adjacency): Adjacency {
  const count = from.length - 1;
  const offsets = new Uint32Array(count + 1);
  for (const target of to) offsets[target + 1] = (offsets[target + 1] ?? 0) + 1;
  for (let n = 0; n < count; n++) offsets[n + 1] = (offsets[n + 1] ?? 0) + (offsets[n] ?? 0);
  const next = offsets.slice();
  const targets = new Uint32Array(to.length);
  for (let n = 0; n < count; n++) {
    for (let i = from[n] ?? 0; i < (from[n + 1] ?? 0); i++) {
      const target = to[i] ?? 0;
      const at = next[target] ?? 0;
      targets[at] = n;
      next[target] = at + 1;
    }
  }
  return { offsets, targets };
}

function decodeReferences(data: PageData): Adjacency {
  const count = data.bases.length;
  const offsets = new Uint32Array(count + 1);
  const targets = new Uint32Array(data.references.length);
  let at = 0;
  for (let n = 0; n < count; n++) {
    const end = at + (data.referenceCounts[n] ?? 0);
    for (let target = 0; at < end; at++) {
      target += data.references[at] ?? 0;
      targets[at] = target;
    }
    offsets[n + 1] = at;
  }
  return { offsets, targets };
}
