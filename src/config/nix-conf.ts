/**
 * The syntax of nix.conf: `name = value` lines, comments, `include`. Where the files are and which wins is `settings.ts`.
 * (Nix manual, "nix.conf".)
 */
import { readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { FerryError } from '../error.ts';

/** One assignment, with the place it stands at for messages. */
export interface Assignment {
  readonly name: string;
  readonly value: string;
  readonly origin: string;
}

/** Files that include each other end here. */
const INCLUDE_DEPTH_MAX = 32;

/**
 * Reads a file with all it includes; a file that isn't there has no assignments.
 * @throws FerryError `usage` with file and line.
 */
export function readConfigFile(file: string): Assignment[] {
  const text = readIfThere(file);
  return text === undefined ? [] : parseConfig(text, file);
}

/** `origin` is the file (relative includes start there), or the variable that the text comes from. */
export function parseConfig(text: string, origin: string, depth = 0): Assignment[] {
  if (depth > INCLUDE_DEPTH_MAX) {
    throw new FerryError('usage', `cannot read "${origin}": included ${depth} levels deep`);
  }
  const assignments: Assignment[] = [];
  text.split('\n').forEach((line, i) => {
    const tokens = line
      .replace(/#.*/, '')
      .split(/[ \t\r]+/)
      .filter((token) => token !== '');
    const [first, second] = tokens;
    if (first === undefined) return;
    const place = `${origin}:${i + 1}`;
    if (first === 'include' || first === '!include') {
      if (second === undefined || tokens.length > 2) throw syntaxError(place, line);
      const file = resolve(dirname(origin), second);
      const included = readIfThere(file);
      if (included === undefined && first === 'include') {
        throw new FerryError('usage', `cannot include "${file}" at ${place}: no such file`);
      }
      if (included !== undefined) assignments.push(...parseConfig(included, file, depth + 1));
      return;
    }
    if (second !== '=') throw syntaxError(place, line);
    assignments.push({ name: first, value: tokens.slice(2).join(' '), origin: place });
  });
  return assignments;
}

function syntaxError(place: string, line: string): FerryError {
  return new FerryError('usage', `syntax error at ${place}: "${line.trim()}"`, {
    hint: 'a line is NAME = VALUE, with blanks around the "="',
  });
}

function readIfThere(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
    throw new FerryError('denied', `cannot read "${file}": ${(error as Error).message}`, {
      cause: error,
    });
  }
}
