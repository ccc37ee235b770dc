/** Bundles for tests: made in memory out of samples. */
import { writeBundle, headerOf } from '../../src/copy/bundle-export.ts';
import { planBundle, type BundlePlan } from '../../src/copy/bundle-plan.ts';
import type { BundleCompression } from '../../src/format/bundle/manifest.ts';
import type { StorePath } from '../../src/format/store-path.ts';
import { MemoryStore } from '../../src/store/memory.ts';
import { openTreeWorkers } from '../../src/system/threads/tree-workers.ts';
import { toAdd, type Sample } from '../conformance/nars.ts';

export interface BundleOfOptions {
  readonly compression?: BundleCompression | undefined;
  /** Default: all. */
  readonly roots?: readonly StorePath[] | undefined;
  /** Left out. */
  readonly without?: Iterable<StorePath> | undefined;
}

export interface MadeBundle {
  readonly bytes: Uint8Array;
  readonly plan: BundlePlan;
}

/** @param samples each after all that it refers to */
export async function bundleOf(
  samples: readonly Sample[],
  { compression = 'none', roots, without = [] }: BundleOfOptions = {},
): Promise<MadeBundle> {
  await using source = new MemoryStore();
  await source.addPaths(toAdd(...samples));
  await using workers = openTreeWorkers({ width: 1 });
  const wanted = roots ?? samples.map(({ info }) => info.path);
  const options = { compression, without: new Set(without) };
  const plan = await planBundle(source, wanted, options);
  const chunks: Uint8Array[] = [];
  const output = {
    async write(bytes: Uint8Array): Promise<void> {
      chunks.push(new Uint8Array(bytes));
    },
  };
  await writeBundle(source, plan, headerOf(plan), output, { workers });
  return { bytes: Buffer.concat(chunks), plan };
}

export async function* chunked(
  bytes: Uint8Array,
  size: number = bytes.length,
): AsyncGenerator<Uint8Array, void, undefined> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.slice(at, at + size);
}

/** The same bytes but for one bit. */
export function flipped(bytes: Uint8Array, bit: number): Uint8Array {
  const copy = new Uint8Array(bytes);
  const at = bit >> 3;
  copy[at] = (copy[at] ?? 0) ^ (1 << (bit & 7));
  return copy;
}
