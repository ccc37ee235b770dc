/** Garbage as `ferry gc --dry-run` tells it. */
import { formatBytes } from '../../bytes/format-bytes.ts';
import { printStorePath, type StoreDir, type StorePath } from '../../format/store-path.ts';
import { printable } from '../errors.ts';
import type { GarbageItem } from '../garbage-view.ts';
import type { OldGeneration } from '../old-generations.ts';
import { formatCount } from './units.ts';

export interface FoundGarbage {
  readonly storeDir: StoreDir;
  /** The smallest first: the end is what stays on the screen. */
  readonly items: readonly GarbageItem[];
  readonly generations: readonly OldGeneration[];
  /** Whether sizes are of files, rather than of NARs. */
  readonly isMeasured: boolean;
}

export function* garbageText(found: FoundGarbage): Generator<string> {
  const { storeDir, items, generations, isMeasured } = found;
  for (const generation of generations) yield `would give up ${generationText(generation)}\n`;
  const printed = items.map(({ name }) => printable(printStorePath(storeDir, name as StorePath)));
  const widest = printed.reduce((width, text) => Math.max(width, text.length), 0);
  for (const [i, { size }] of items.entries()) {
    yield `  ${(printed[i] ?? '').padEnd(widest)}  ${formatBytes(size).padStart(8)}\n`;
  }
  if (items.length === 0) {
    yield 'nothing to delete\n';
    return;
  }
  const { bytes, files } = sumOf(items);
  const what = countText(items);
  yield isMeasured
    ? `would delete ${what}, ${formatCount(files, 'file')}: frees ${formatBytes(bytes)}\n`
    : `would delete ${what}, ${formatBytes(bytes)} as NARs; --measure says what that frees\n`;
}

/** `3 paths and 2 leftovers` */
export function countText(items: Iterable<Pick<GarbageItem, 'isValid'>>): string {
  let paths = 0;
  let others = 0;
  for (const { isValid } of items) {
    if (isValid) paths++;
    else others++;
  }
  const leftovers = formatCount(others, 'leftover');
  if (others === 0) return formatCount(paths, 'path');
  return paths === 0 ? leftovers : `${formatCount(paths, 'path')} and ${leftovers}`;
}

export function generationText({ profile, number }: OldGeneration): string {
  return `generation ${number} of ${printable(profile)}`;
}

/** One object, in pieces: there may be a million. */
export function* garbageJson(found: FoundGarbage): Generator<string> {
  const { storeDir, items, generations, isMeasured } = found;
  const { bytes, files } = sumOf(items);
  const head = {
    version: 1,
    isMeasured,
    count: items.length,
    bytes,
    files: isMeasured ? files : null,
    generations: generations.map(({ profile, number, link }) => ({ profile, number, link })),
  };
  yield `${JSON.stringify(head).slice(0, -1)},"garbage":[`;
  let separator = '';
  for (const { name, isValid, size, files: own } of items) {
    const path = printStorePath(storeDir, name as StorePath);
    yield separator + JSON.stringify({ path, isValid, size, files: own ?? null });
    separator = ',';
  }
  yield ']}\n';
}

function sumOf(items: readonly GarbageItem[]): { bytes: number; files: number } {
  let bytes = 0;
  let files = 0;
  for (const item of items) {
    bytes += item.size;
    files += item.files ?? 0;
  }
  return { bytes, files };
}
