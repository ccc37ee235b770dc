/** Corpora that are written rather than found: very many tiny paths, and one path with a huge file. */
import { closeSync, mkdirSync, openSync, writeFileSync, writeSync } from 'node:fs';
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import type { NixHome } from '../test/support/nix-home.ts';
import { type RegisteredTree, registerTrees } from '../test/support/store-tree.ts';
import { removeTree } from '../test/support/temp.ts';
import { inventStorePath } from './store-path.ts';

/** Each path refers to so many others, so that a thousand make a tree a few levels deep. */
const REFERENCES = 10;

/** Paths of one file of 100 to 200 bytes (more where there are references to name), all below one root. */
export async function buildTinyPaths(home: NixHome, count: number): Promise<string> {
  startAfresh(home);
  const pathOf = (index: number): string => inventStorePath(`tiny-${count}-${index}`);
  const trees: RegisteredTree[] = [];
  for (let index = 0; index < count; index += 1) {
    const first = index * REFERENCES + 1;
    const last = Math.min(first + REFERENCES, count);
    const references: string[] = [];
    for (let child = first; child < last; child += 1) references.push(pathOf(child));
    const path = pathOf(index);
    const filler = createHash('sha512').update(path).digest('hex');
    const text = [...references, filler].map((line) => `${line}\n`).join('');
    writeFileSync(home.realPath(path), text);
    trees.push({ path, references });
  }
  await registerTrees(home, trees);
  return pathOf(0);
}

/** Tiny paths in a row, each of which refers to the next one alone: all that can be learnt, one after the other. */
export async function buildChain(home: NixHome, count: number): Promise<string> {
  startAfresh(home);
  const pathOf = (index: number): string => inventStorePath(`chain-${count}-${index}`);
  const trees: RegisteredTree[] = [];
  for (let index = 0; index < count; index += 1) {
    const references = index + 1 < count ? [pathOf(index + 1)] : [];
    const path = pathOf(index);
    writeFileSync(home.realPath(path), `${[path, ...references].join('\n')}\n`);
    trees.push({ path, references });
  }
  await registerTrees(home, trees);
  return pathOf(0);
}

const MEBIBYTE = 1024 * 1024;

/** A directory with one file. Its content repeats after 64 MiB with a counter in each MiB, so no two are alike. */
export async function buildBigFile(home: NixHome, sizeBytes: number): Promise<string> {
  startAfresh(home);
  const path = inventStorePath(`big-file-${sizeBytes}`);
  const directory = home.realPath(path);
  mkdirSync(directory);
  const file = openSync(join(directory, 'content'), 'w');
  try {
    for (let at = 0; at < sizeBytes; at += MEBIBYTE) {
      const piece = pseudoRandom(at / MEBIBYTE);
      writeSync(file, piece, 0, Math.min(MEBIBYTE, sizeBytes - at));
    }
  } finally {
    closeSync(file);
  }
  await registerTrees(home, [{ path, references: [] }]);
  return path;
}

const PATTERNS = 64;
const patterns = new Map<number, Uint8Array>();

function pseudoRandom(index: number): Uint8Array {
  const seed = index % PATTERNS;
  const pattern = patterns.get(seed) ?? expand(seed);
  patterns.set(seed, pattern);
  new DataView(pattern.buffer, pattern.byteOffset).setUint32(0, index);
  return pattern;
}

/** The output of an extendable hash: incompressible, and the same everywhere. */
function expand(seed: number): Uint8Array {
  return createHash('shake256', { outputLength: MEBIBYTE }).update(`big-file-${seed}`).digest();
}

/** What an interrupted run left is read-only, and quicker to write again than to examine. */
function startAfresh(home: NixHome): void {
  const store = home.realPath('/nix/store');
  removeTree(store);
  mkdirSync(store, { recursive: true });
}
