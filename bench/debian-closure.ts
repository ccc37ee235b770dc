/**
 * The big corpus: Debian packages as store paths. What a package depends on stands in the RPATH of its programs and
 * libraries and in a text file, as in a closure of nixpkgs; so a reference is also found in the contents.
 */
import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readSync,
  renameSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import type { NixHome } from '../test/support/nix-home.ts';
import { run, runOk } from '../test/support/run.ts';
import { type RegisteredTree, registerTrees } from '../test/support/store-tree.ts';
import { removeTree } from '../test/support/temp.ts';
import { checkout } from './directory.ts';
import { type DebianPackage, readPackages } from './debian-packages.ts';
import { inventStorePath } from './store-path.ts';

const SUITE = 'bookworm';
/** Together about 370 packages and 1.4 GB: large libraries, many small files, deep and wide dependencies. */
const ROOTS: readonly string[] = [
  'clang-16',
  'emacs-gtk',
  'g++',
  'git',
  'libreoffice-core',
  'qemu-system-x86',
];

/** Builds it in the home's store and returns the root path. What an interrupted run left is used. */
export async function buildDebianClosure(home: NixHome, downloads: string): Promise<string> {
  const fetch = join(checkout, 'scripts/debian-fetch.sh');
  await runOk(fetch, [SUITE, downloads, ...ROOTS], { timeoutMs: 30 * 60_000 });
  const packages = await readPackages(join(downloads, 'archives'), ROOTS);
  const byName = new Map(packages.map((each) => [each.name, each]));
  const pathOf = (name: string): string => {
    const version = byName.get(name)?.version;
    if (version === undefined) throw new Error(`no package "${name}"`);
    return inventStorePath(`${name}-${version}`);
  };
  const unpacked = join(home.path, 'unpacked');
  for (const directory of [unpacked, home.realPath('/nix/store')]) {
    mkdirSync(directory, { recursive: true });
  }
  // All are unpacked before the first RPATH is set, which names directories of others.
  await forEachOf(packages, 2, async (each) => {
    if (existsSync(home.realPath(pathOf(each.name)))) return;
    await unpack(each, join(unpacked, each.name));
  });
  const trees: RegisteredTree[] = [];
  await forEachOf(packages, 2, async (each) => {
    const path = pathOf(each.name);
    const references = each.dependencies.map(pathOf);
    const linked = [each.name, ...each.dependencies].flatMap((name) => {
      const early = join(unpacked, name);
      const root = existsSync(early) ? early : home.realPath(pathOf(name));
      return libraryDirectories(root).map((directory) => `${pathOf(name)}/${directory}`);
    });
    const isOwn = linked.some((directory) => directory.startsWith(`${path}/`));
    const early = join(unpacked, each.name);
    if (existsSync(early)) {
      await refer(early, linked, [...references, ...(isOwn ? [path] : [])]);
      renameSync(early, home.realPath(path));
    }
    trees.push({ path, references: isOwn ? [...references, path] : references });
  });
  const root = inventStorePath('debian-closure');
  const references = ROOTS.map(pathOf);
  removeTree(home.realPath(root));
  writeFileSync(home.realPath(root), references.map((path) => `${path}\n`).join(''));
  await registerTrees(home, [...trees, { path: root, references }]);
  removeTree(unpacked);
  return root;
}

async function unpack(each: DebianPackage, directory: string): Promise<void> {
  removeTree(directory);
  await runOk('dpkg-deb', ['--extract', each.file, `${directory}.part`]);
  renameSync(`${directory}.part`, directory);
}

/** Such as `usr/lib/x86_64-linux-gnu`, relative to the root of a package. */
function libraryDirectories(root: string): string[] {
  return ['lib', 'usr/lib'].flatMap((directory) => {
    const path = join(root, directory);
    if (!existsSync(path)) return [];
    const names = readdirSync(path).filter((name) => name.endsWith('-linux-gnu'));
    return names.map((name) => `${directory}/${name}`);
  });
}

async function refer(
  root: string,
  rpath: readonly string[],
  references: readonly string[],
): Promise<void> {
  mkdirSync(join(root, 'nix-support'), { recursive: true });
  writeFileSync(
    join(root, 'nix-support/references'),
    references.map((path) => `${path}\n`).join(''),
  );
  if (rpath.length === 0) return;
  for (const file of elfFiles(root)) {
    const { status, stderr } = await run('patchelf', ['--set-rpath', rpath.join(':'), file]);
    // A static program has no RPATH to set.
    if (status !== 0 && !/dynamic|section header/.test(stderr)) {
      throw new Error(`cannot set the RPATH of "${file}": ${stderr}`);
    }
  }
}

/** Programs and shared libraries below a directory. */
function elfFiles(directory: string): string[] {
  return readdirSync(directory, { withFileTypes: true }).flatMap((entry) => {
    const path = join(directory, entry.name);
    if (entry.isDirectory()) return elfFiles(path);
    return entry.isFile() && isLinked(path) ? [path] : [];
  });
}

/** By magic number and type (`e_type` 2: program, 3: shared object). */
function isLinked(path: string): boolean {
  const head = new Uint8Array(18);
  const file = openSync(path, 'r');
  try {
    readSync(file, head, 0, head.length, 0);
  } finally {
    closeSync(file);
  }
  const isElf = head[0] === 0x7f && head[1] === 0x45 && head[2] === 0x4c && head[3] === 0x46;
  return isElf && (head[16] === 2 || head[16] === 3);
}

/** So many at a time, in order of the list. */
async function forEachOf<T>(
  items: readonly T[],
  limit: number,
  work: (item: T) => Promise<void>,
): Promise<void> {
  const rest = items.values();
  const worker = async (): Promise<void> => {
    for (const item of rest) await work(item);
  };
  await Promise.all(Array.from({ length: limit }, worker));
}
