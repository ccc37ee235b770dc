/**
 * Store paths as Nix's older programs take them: a path in the store or below one, or a link that leads there. Nothing
 * else is looked for, neither base names nor programs, so that what fails for Nix fails here.
 */
import { lstatSync, readlinkSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { FerryError } from '../../../error.ts';
import {
  isStorePathBaseName,
  parseStorePathBaseName,
  printStorePath,
  type StorePath,
} from '../../../format/store-path.ts';
import type { Store } from '../../../store/store.ts';
import { errnoOf, translateOsError } from '../../../system/os-error.ts';
import type { CommandContext } from '../../context.ts';

/** As in Nix. */
const LINKS_MAX = 1024;

/**
 * Only links at the end of what is named are followed, and only as far as the store.
 * @throws FerryError `not-found`, `corrupt` for what lies in the store and is no store path
 */
export function followToStorePath(
  { cwd }: CommandContext,
  { storeDir }: Store,
  word: string,
): StorePath {
  const inside = `${storeDir}/`;
  let file = resolve(cwd, word);
  for (let links = 0; !file.startsWith(inside); links++) {
    const target = readLink(file);
    if (target === undefined) {
      throw new FerryError('not-found', `path "${file}" is not in the store "${storeDir}"`, {
        path: file,
        ...(isStorePathBaseName(word) ? { hint: `write ${printStorePath(storeDir, word)}` } : {}),
      });
    }
    if (links === LINKS_MAX) {
      throw new FerryError('not-found', `cannot follow "${word}": more than ${LINKS_MAX} links`, {
        path: word,
      });
    }
    file = resolve(dirname(file), target);
  }
  const [baseName = ''] = file.slice(inside.length).split('/', 1);
  return parseStorePathBaseName(baseName);
}

/** Some words as paths, in their order, up to the first that is none: what comes before it is done. */
export interface FollowedWords {
  readonly paths: readonly StorePath[];
  readonly failure?: { readonly error: unknown };
}

export function followWords(
  context: CommandContext,
  store: Store,
  words: readonly string[],
): FollowedWords {
  const paths: StorePath[] = [];
  try {
    for (const word of words) paths.push(followToStorePath(context, store, word));
  } catch (error) {
    return { paths, failure: { error } };
  }
  return { paths };
}

function readLink(file: string): string | undefined {
  // No file has such a name, but words on stdin may.
  if (file.includes('\0')) return undefined;
  try {
    const isLink = lstatSync(file, { throwIfNoEntry: false })?.isSymbolicLink() === true;
    return isLink ? readlinkSync(file) : undefined;
  } catch (error) {
    if (errnoOf(error) === 'ENOTDIR') return undefined;
    throw translateOsError(error, 'read', file);
  }
}
