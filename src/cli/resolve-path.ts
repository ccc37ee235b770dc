/**
 * Which store path a word of the command line means. Store paths in full or by base name, files inside them, links that
 * lead into the store such as `./result`, and programs found on PATH are all taken. Links are followed on this
 * machine, also where the path is then looked for in a store elsewhere, as Nix does.
 */
import { lstatSync, readlinkSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { FerryError } from '../error.ts';
import { isStorePathBaseName, type StoreDir, type StorePath } from '../format/store-path.ts';

export interface PathResolution {
  /** The store directory that paths are written with. */
  readonly storeDir: StoreDir;
  /** Where the store's files lie on this machine, when that is elsewhere: `/mnt/nix/store`. */
  readonly realStoreDir?: string | undefined;
  readonly cwd: string;
  /** The value of PATH. */
  readonly searchPath?: string | undefined;
}

export interface ResolvedPath {
  readonly path: StorePath;
  /** What follows the store path, without slashes at its ends: `bin/hello`, or ''. */
  readonly inside: string;
}

/** As many as Linux follows. */
const LINKS_MAX = 40;

/** @throws FerryError `not-found` for what isn't there, or isn't a path of the store. */
export function resolvePath(word: string, resolution: PathResolution): ResolvedPath {
  const file = resolve(resolution.cwd, word);
  const named = splitStorePath(word, file, resolution);
  if (named !== undefined) return named;
  if (exists(file)) return followToStore(word, file, resolution);
  const underRoot = rootedPath(file, resolution);
  if (underRoot !== undefined && exists(underRoot)) {
    return followToStore(word, underRoot, resolution);
  }
  // A link may lead into a store whose files lie elsewhere: `./result/bin` then is no file of this machine.
  const walked = walkToStore(file, resolution);
  if (walked !== undefined) return walked;
  const program = word.includes('/') ? undefined : findProgram(word, resolution.searchPath);
  if (program !== undefined) return followToStore(word, program, resolution);
  throw notThere(word, file, resolution);
}

/** The path in the store that the text itself says, without a look at any file. */
function splitStorePath(
  word: string,
  file: string,
  { storeDir, realStoreDir }: PathResolution,
): ResolvedPath | undefined {
  const inStore = within(file, storeDir) ?? (realStoreDir && within(file, realStoreDir));
  if (inStore !== undefined && inStore !== '') {
    const slash = inStore.indexOf('/');
    const path = slash < 0 ? inStore : inStore.slice(0, slash);
    if (isStorePathBaseName(path)) {
      return { path, inside: slash < 0 ? '' : inStore.slice(slash + 1) };
    }
    throw new FerryError('not-found', `"${word}" is not a store path`, {
      path: word,
      hint: hintFor(word, path) ?? 'a store path is 32 letters and digits, a "-" and a name',
    });
  }
  if (isStorePathBaseName(word)) return { path: word, inside: '' };
  return undefined;
}

/**
 * Follows links at the end of the path for as long as it lies outside the store, as Nix does: a profile's `bin/firefox`
 * is a link to the package, and that is what is meant, not the profile. What is then still outside may lie below a
 * directory that is a link.
 */
function followToStore(word: string, start: string, resolution: PathResolution): ResolvedPath {
  let file = start;
  for (let links = 0; links < LINKS_MAX; links++) {
    const target = readLink(file);
    if (target === undefined) {
      const walked = walkToStore(file, resolution);
      if (walked !== undefined) return walked;
      throw new FerryError('not-found', `"${word}" is not in the store "${resolution.storeDir}"`, {
        path: file,
        hint: 'ferry store add puts files into a store',
      });
    }
    // The directory of the link may itself be reached through links, past which ".." means something else.
    const directory = walkToStore(dirname(file), resolution);
    const next = resolve(
      directory === undefined
        ? dirname(file)
        : join(resolution.storeDir, directory.path, directory.inside),
      target,
    );
    const named = splitStorePath(next, next, resolution);
    if (named !== undefined) return named;
    file = exists(next) ? next : (rootedPath(next, resolution) ?? next);
    if (!exists(file)) {
      throw new FerryError('not-found', `"${word}" is a link to "${next}", which is not there`, {
        path: word,
      });
    }
  }
  throw new FerryError('not-found', `cannot follow "${word}": more than ${LINKS_MAX} links`, {
    path: word,
  });
}

/** Goes down from the root, link by link, until it is in the store. */
function walkToStore(file: string, resolution: PathResolution): ResolvedPath | undefined {
  let at = '/';
  let rest = parts(file);
  for (let links = 0; links < LINKS_MAX; ) {
    const [name, ...others] = rest;
    if (name === undefined) return undefined;
    const next = name === '..' ? dirname(at) : join(at, name);
    rest = others;
    const inStore =
      within(next, resolution.storeDir) ??
      (resolution.realStoreDir && within(next, resolution.realStoreDir));
    if (inStore !== undefined && isStorePathBaseName(inStore)) {
      return { path: inStore, inside: resolve('/', ...rest).slice(1) };
    }
    const target = name === '..' ? undefined : readLink(next);
    if (target === undefined) {
      at = next;
    } else {
      links++;
      if (target.startsWith('/')) at = '/';
      rest = [...parts(target), ...rest];
    }
  }
  return undefined;
}

/** Where a file of a store below a root lies: `/mnt/x` for `/x`. */
function rootedPath(file: string, { storeDir, realStoreDir }: PathResolution): string | undefined {
  if (realStoreDir === undefined || !realStoreDir.endsWith(storeDir)) return undefined;
  const root = realStoreDir.slice(0, -storeDir.length);
  return root === '' ? undefined : join(root, file);
}

function findProgram(name: string, searchPath = ''): string | undefined {
  return searchPath
    .split(':')
    .filter((directory) => directory.startsWith('/'))
    .map((directory) => join(directory, name))
    .find(exists);
}

function notThere(word: string, file: string, { storeDir }: PathResolution): FerryError {
  return new FerryError(
    'not-found',
    word.includes('/')
      ? `"${word}" is neither a file nor a path in the store "${storeDir}"`
      : `"${word}" is neither a file, nor a store path, nor a program on PATH`,
    { path: file, hint: hintFor(word, basename(word)) ?? 'check the spelling, or build it first' },
  );
}

/** What people write who come from Nix, or lose a piece while copying. */
function hintFor(word: string, baseName: string): string | undefined {
  if (word.includes('#')) {
    return `ferry takes what is built: "$(nix build --no-link --print-out-paths '${word}')"`;
  }
  if (/[!^]/.test(word)) {
    return 'name the output itself, or the derivation alone: with --include-outputs its outputs go along';
  }
  if (/^[0-9a-z]{32}$/.test(baseName))
    return 'the hash alone is not enough: the name belongs to it';
  return undefined;
}

/** What follows `directory/` in a path, or undefined where the path lies elsewhere. */
function within(file: string, directory: string): string | undefined {
  return file.startsWith(`${directory}/`) ? file.slice(directory.length + 1) : undefined;
}

function parts(path: string): string[] {
  return path.split('/').filter((part) => part !== '' && part !== '.');
}

function exists(file: string): boolean {
  return lstatSync(file, { throwIfNoEntry: false }) !== undefined;
}

function readLink(file: string): string | undefined {
  const stat = lstatSync(file, { throwIfNoEntry: false });
  return stat?.isSymbolicLink() === true ? readlinkSync(file) : undefined;
}
