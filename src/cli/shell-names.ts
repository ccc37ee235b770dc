/**
 * Development shells that have names on this machine: `ferry shell copy` puts the links that keep one from being
 * collected into a directory of that name, and a link to the derivation among them.
 */
import { readdirSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { stateDirOf, type Environment } from '../config/environment.ts';
import { nameOf, type StorePath } from '../format/store-path.ts';
import { exists } from '../system/exists.ts';

export interface NamedShell {
  readonly name: string;
  /** The link to its derivation. */
  readonly link: string;
}

/** The user's own come first: what both have is theirs. */
function directoriesOf(env: Environment): string[] {
  return [join(env.stateHome, 'ferry/shells'), join(stateDirOf(env), 'gcroots/ferry-shells')];
}

/** In the order of their names. */
export function listNamedShells(env: Environment): NamedShell[] {
  const found = new Map<string, NamedShell>();
  for (const directory of directoriesOf(env)) {
    for (const name of namesIn(directory)) {
      const link = join(directory, name, 'shell.drv');
      if (!found.has(name) && isThere(link)) found.set(name, { name, link });
    }
  }
  return [...found.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
}

function namesIn(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch {
    // There are none, or they are somebody else's.
    return [];
  }
}

function isThere(link: string): boolean {
  try {
    return exists(link);
  } catch {
    return false;
  }
}

/**
 * What a shell is called that was given no name: like the directory that it is of, since many derivations of shells have
 * the same name; else like the derivation.
 * @param word as it was typed, if it was
 */
export function shellName(cwd: string, word: string | undefined, drv: StorePath): string {
  const file = resolve(cwd, word?.replace(/#.*$/, '') || '.');
  const isDirectory =
    word === undefined || /(^|\/)\.{1,2}\/?(#.*)?$/.test(word) || word.endsWith('/');
  const isNamed = isDirectory || file.endsWith('.nix');
  const directory = file.endsWith('.nix') ? dirname(file) : file;
  const name = isNamed ? basename(directory) : nameOf(drv).replace(/\.drv$/, '');
  return name.replace(/[^\w+.-]/g, '-').replace(/^[-.]+/, '') || 'shell';
}
