/**
 * The names of hosts in the user's configuration of ssh (ssh_config(5)): those that stand on `Host` lines without a
 * pattern. What ssh makes of a name (address, user, port, jump hosts) stays its business.
 */
import { globSync } from 'node:fs';
import { dirname, isAbsolute, join } from 'node:path';
import type { Environment } from '../../config/environment.ts';
import { readConfigText } from '../../config/read-config-text.ts';
import { nearest } from '../../config/nearest.ts';
import { FerryError } from '../../error.ts';
import { splitShellWords } from '../../system/shell-words.ts';
import { isGlob, matchesGlob } from './glob.ts';
import { addressFault } from './host-place.ts';
import type { FoundHost } from './inventory.ts';
import { isHostName } from './names.ts';

/** As ssh has it. */
const DEPTH_MAX = 16;
/** Of all files together. */
const FILES_MAX = 1000;

const SYSTEM_FILE = '/etc/ssh/ssh_config';

export const sshConfigSource = 'ssh_config';

export interface SshConfigOptions {
  /** Read after the user's. */
  readonly systemFile?: string | undefined;
}

/** @throws FerryError `not-found` for a pattern that no host matches, `denied` where a file can't be read */
export function findSshConfigHosts(
  patterns: readonly string[],
  env: Environment,
  options: SshConfigOptions = {},
): FoundHost[] {
  const names = sshConfigNames(env, options);
  const hosts = new Map<string, FoundHost>();
  for (const pattern of patterns) {
    // ferry goes to "localhost" without ssh: whoever means that says it.
    const matching = [...names].filter(
      ([name]) => matchesGlob(pattern, name) && (name !== 'localhost' || pattern === name),
    );
    if (matching.length === 0) throw noHost(pattern, names);
    for (const [name, file] of matching) {
      hosts.set(name, {
        name,
        origin: `${sshConfigSource}: ${shortened(file, env.home)}`,
        source: sshConfigSource,
        config: { address: name },
      });
    }
  }
  return [...hosts.values()];
}

function shortened(file: string, home: string): string {
  return file.startsWith(`${home}/`) ? `~${file.slice(home.length)}` : file;
}

function noHost(pattern: string, names: ReadonlyMap<string, string>): FerryError {
  const guess = isGlob(pattern) ? undefined : nearest(pattern, names.keys());
  const known = [...names.keys()].slice(0, 12).join(', ');
  return new FerryError('not-found', `no host of ssh_config matches "${pattern}"`, {
    hint:
      guess !== undefined
        ? `did you mean "${guess}"?`
        : known === ''
          ? 'there is no Host line with a name in it'
          : `it has ${known}${names.size > 12 ? ' and others' : ''}`,
  });
}

/** By name the file that has it first. @throws FerryError `denied`, `usage` */
export function sshConfigNames(
  env: Environment,
  { systemFile = SYSTEM_FILE }: SshConfigOptions = {},
): Map<string, string> {
  const names = new Map<string, string>();
  let files = 0;
  for (const { file, directory } of configFiles(env, systemFile)) take(file, directory, 0);
  return names;

  function take(file: string, directory: string, depth: number): void {
    if (depth > DEPTH_MAX || ++files > FILES_MAX) {
      throw new FerryError('usage', `cannot read "${file}": too many files include each other`);
    }
    const read = readConfigText(file);
    if (read.state === 'absent') return;
    if (read.state === 'unreadable') {
      throw new FerryError('denied', `cannot read "${file}": ${read.why}`, { path: file });
    }
    for (const line of read.text.split('\n')) {
      const [keyword = '', ...words] = wordsOf(line);
      if (/^host$/i.test(keyword)) {
        for (const name of words) {
          if (isConcrete(name) && !names.has(name)) names.set(name, file);
        }
      } else if (/^include$/i.test(keyword)) {
        for (const word of words) {
          for (const included of filesOf(word, directory, env))
            take(included, directory, depth + 1);
        }
      }
    }
  }
}

/** With `-F` in `NIX_SSHOPTS` that file alone counts, as it does for ssh. */
function configFiles(
  { home, variables }: Environment,
  systemFile: string,
): { file: string; directory: string }[] {
  const own = join(home, '.ssh');
  const words = splitShellWords(variables['NIX_SSHOPTS'] ?? '');
  for (const [i, word] of words.entries()) {
    if (!word.startsWith('-F')) continue;
    const file = word === '-F' ? words[i + 1] : word.slice(2);
    if (file === undefined) continue;
    return file === 'none' ? [] : [{ file, directory: own }];
  }
  return [
    { file: join(own, 'config'), directory: own },
    { file: systemFile, directory: dirname(systemFile) },
  ];
}

/** `Keyword words`, `Keyword=words`, `Keyword "words with blanks"`. */
function wordsOf(line: string): string[] {
  const text = line.trim();
  if (text === '' || text.startsWith('#')) return [];
  const [, keyword = '', rest = ''] = /^([^\s=]+)[\s=]*(.*)$/s.exec(text) ?? [];
  const words = [...rest.matchAll(/"([^"]*)"|(#.*$)|(\S+)/g)].flatMap(
    ([, quoted, comment, word]) => (comment === undefined ? (quoted ?? word ?? []) : []),
  );
  return [keyword, ...words];
}

/** A host that can be asked for by this name, not a pattern, nor what ssh would take for an option. */
function isConcrete(name: string): boolean {
  return (
    !isGlob(name) && !name.startsWith('!') && isHostName(name) && addressFault(name) === undefined
  );
}

function filesOf(word: string, directory: string, { home, variables }: Environment): string[] {
  const filled = word
    .replace(/^~(?=\/|$)/, home)
    .replaceAll(/\$\{(\w+)\}/g, (_, name: string) => variables[name] ?? '');
  const path = isAbsolute(filled) ? filled : join(directory, filled);
  return isGlob(path) || path.includes('[') ? globSync(path).sort().slice(0, FILES_MAX) : [path];
}
