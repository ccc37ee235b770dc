/**
 * The manifest of a bundle: text that says all about it before the first NAR. A record of lines `Key: value` about the
 * whole, then for each path an empty line and its narinfo as a binary cache would have it, the URL being the number of
 * its frame. Each path comes after all that it refers to, so that whoever reads from a pipe can register as it goes.
 * Keys that aren't known are skipped, as in narinfos.
 */
import { FerryError, messageOf } from '../../error.ts';
import type { Compression } from '../compression.ts';
import { formatNarInfo, narInfoBytesMax, parseNarInfo } from '../narinfo.ts';
import type { PathInfo } from '../path-info.ts';
import {
  compareStorePaths,
  parseStoreDir,
  parseStorePathBaseName,
  type StoreDir,
  type StorePath,
} from '../store-path.ts';

/** How the frames of a bundle may be compressed. */
export type BundleCompression = Extract<Compression, 'zstd' | 'xz' | 'gzip' | 'none'>;
export const bundleCompressions: readonly BundleCompression[] = ['zstd', 'xz', 'gzip', 'none'];

export interface BundleManifest {
  readonly storeDir: StoreDir;
  /** Of all frames. */
  readonly compression: BundleCompression;
  /** It was made with; nobody needs it to read. */
  readonly level: number;
  /** What it was made for, sorted; each is in it or presupposed. */
  readonly roots: readonly StorePath[];
  /** What isn't in it and must be valid where it goes, sorted. */
  readonly presupposed: readonly StorePath[];
  /** One for each frame, in their order: each after all that it refers to. */
  readonly infos: readonly PathInfo[];
}

/** The most that one has. */
const PATHS_MAX = 1_000_000;
/** Of the record about the whole: room for some 500,000 presupposed paths. */
const HEAD_BYTES_MAX = 64 * 1024 * 1024;

/** The same text for the same manifest. */
export function formatManifest(manifest: BundleManifest): string {
  const { storeDir, compression, level, roots, presupposed, infos } = manifest;
  const head = [
    `StoreDir: ${storeDir}`,
    `Compression: ${compression}`,
    `Level: ${level}`,
    `Paths: ${infos.length}`,
    ...roots.toSorted(compareStorePaths).map((path) => `Root: ${path}`),
    ...presupposed.toSorted(compareStorePaths).map((path) => `Presupposed: ${path}`),
  ];
  const records = infos.map((info, number) =>
    formatNarInfo({ info, url: String(number), compression }, storeDir),
  );
  return [`${head.join('\n')}\n`, ...records].join('\n');
}

/** @throws FerryError `corrupt`, `unsupported` for a compression that isn't known here */
export function parseManifest(text: string): BundleManifest {
  const records = recordsOf(text);
  const first = records.next();
  const head = parseHead(first.done === true ? '' : first.value);
  const { storeDir, compression } = head;
  const known = new Set<StorePath>(head.presupposed);
  const infos: PathInfo[] = [];
  for (const record of records) {
    const number = infos.length;
    if (number >= head.count) throw new FerryError('corrupt', 'it has more paths than it says');
    try {
      const { info, url, compression: other } = parseNarInfo(record, storeDir);
      if (url !== String(number) || other !== compression) {
        throw new FerryError('corrupt', 'it is of another frame');
      }
      requireOrder(info, known);
      known.add(info.path);
      infos.push(info);
    } catch (error) {
      const problem = `path ${number} of its manifest: ${messageOf(error)}`;
      throw new FerryError('corrupt', problem, { cause: error });
    }
  }
  if (infos.length < head.count) throw new FerryError('corrupt', 'it has fewer paths than it says');
  const stray = head.roots.find((path) => !known.has(path));
  if (stray !== undefined) throw new FerryError('corrupt', `its root "${stray}" is not in it`);
  const { level, roots, presupposed } = head;
  return { storeDir, compression, level, roots, presupposed, infos };
}

/** References to what comes later would make cycles possible, others would make it anything but closed. */
function requireOrder({ path, references }: PathInfo, known: ReadonlySet<StorePath>): void {
  if (known.has(path)) throw new FerryError('corrupt', `"${path}" comes a second time`);
  const stray = references.find((reference) => reference !== path && !known.has(reference));
  if (stray === undefined) return;
  const problem = `"${path}" refers to "${stray}", which neither comes before it nor is presupposed`;
  throw new FerryError('corrupt', problem);
}

function* recordsOf(text: string): Generator<string, void, undefined> {
  for (let at = 0; at < text.length; ) {
    const end = text.indexOf('\n\n', at);
    const next = end < 0 ? text.length : end + 1;
    const max = at === 0 ? HEAD_BYTES_MAX : narInfoBytesMax;
    if (next - at > max)
      throw new FerryError('corrupt', `its manifest has a record that is too long`);
    yield text.slice(at, next);
    // A line that is empty has another after it.
    if (end >= 0 && next + 1 === text.length) {
      throw new FerryError('corrupt', 'its manifest ends with an empty line');
    }
    at = end < 0 ? next : next + 1;
  }
}

interface Head {
  storeDir: StoreDir;
  compression: BundleCompression;
  level: number;
  count: number;
  readonly roots: StorePath[];
  readonly presupposed: StorePath[];
}

function parseHead(text: string): Head {
  const single = new Map<string, string>();
  const lists = { Root: new Set<StorePath>(), Presupposed: new Set<StorePath>() };
  if (!text.endsWith('\n')) throw new FerryError('corrupt', 'its manifest is cut');
  for (const line of text.slice(0, -1).split('\n')) {
    const separator = line.indexOf(': ');
    if (separator <= 0) {
      throw new FerryError('corrupt', 'its manifest has a line that is not "KEY: VALUE"');
    }
    const key = line.slice(0, separator);
    const value = line.slice(separator + 2);
    if (key === 'Root' || key === 'Presupposed') lists[key].add(parseStorePathBaseName(value));
    else if (single.has(key)) throw new FerryError('corrupt', `its manifest says ${key} twice`);
    else single.set(key, value);
  }
  const get = (key: string): string => {
    const value = single.get(key);
    if (value === undefined) throw new FerryError('corrupt', `its manifest has no ${key}`);
    return value;
  };
  return {
    storeDir: parseOwnStoreDir(get('StoreDir')),
    compression: parseFrameCompression(get('Compression')),
    level: parseNumber(get('Level'), 1000),
    count: parseNumber(get('Paths'), PATHS_MAX),
    roots: [...lists.Root],
    presupposed: [...lists.Presupposed],
  };
}

function parseOwnStoreDir(text: string): StoreDir {
  // It is shown to people: what steers a terminal is no part of it.
  const isPlain = text.startsWith('/') && !/\p{Cc}/u.test(text);
  const storeDir = isPlain ? parseStoreDir(text) : undefined;
  if (storeDir === text && storeDir !== '/') return storeDir;
  throw new FerryError('corrupt', 'its manifest names no store directory');
}

function parseFrameCompression(text: string): BundleCompression {
  const compression = bundleCompressions.find((name) => name === text);
  if (compression !== undefined) return compression;
  const problem = `its compression "${text.slice(0, 40)}" is not one of bundles`;
  throw new FerryError('unsupported', problem);
}

/** Levels of zstd may be below zero. */
function parseNumber(text: string, max: number): number {
  const number = /^-?\d{1,9}$/.test(text) ? Number(text) : Number.NaN;
  if (Math.abs(number) <= max && String(number) === text) return number;
  throw new FerryError('corrupt', `its manifest has "${text.slice(0, 40)}" for a number`);
}
