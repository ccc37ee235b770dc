/**
 * Passwords for hosts, the file that `netrc-file` names: `machine NAME login USER password WORD`, `default`, and macros,
 * which mean nothing here. Read as curl reads it (curl manual, "netrc"): words are parted by white space, may stand in
 * double quotes with `\n`, `\r`, `\t` and `\` for the next character, and one that begins with `#` begins a comment.
 * No message has a word of it.
 */
import { statSync } from 'node:fs';
import { FerryError } from '../error.ts';
import { readConfigText } from './read-config-text.ts';

export interface NetrcEntry {
  /** In lower case; undefined is `default`, any host. */
  readonly machine: string | undefined;
  readonly login: string | undefined;
  readonly password: string | undefined;
}

export interface Netrc {
  readonly entries: readonly NetrcEntry[];
  /** Why it could not be read, where there is one: a user may well lack the right to. */
  readonly unreadable?: string | undefined;
  /** What is odd about it. */
  readonly warning?: string | undefined;
}

export interface NetrcQuery {
  /** Only an entry of this user. */
  readonly user?: string | undefined;
  /** Whether `default` may answer: not for a host that somebody else named. */
  readonly allowDefault: boolean;
}

const ENTRIES_MAX = 10_000;
/** What a mode gives to everybody. */
const OTHERS = 0o007;

/** A file that isn't there has no entries. @throws FerryError `usage` for a malformed file, with its line. */
export function readNetrc(file: string): Netrc {
  const read = readConfigText(file);
  if (read.state === 'absent') return { entries: [] };
  if (read.state === 'unreadable') return { entries: [], unreadable: read.why };
  const entries = parseNetrc(read.text, file);
  const mode = statSync(file, { throwIfNoEntry: false })?.mode ?? 0;
  const isOpen = entries.length > 0 && (mode & OTHERS) !== 0;
  const shown = (mode & 0o777).toString(8).padStart(4, '0');
  return isOpen
    ? { entries, warning: `"${file}" has passwords, and its mode ${shown} lets everybody read it` }
    : { entries };
}

/** The first entry that fits, as curl has it: what stands behind `default` is never reached. */
export function findNetrc(
  entries: readonly NetrcEntry[],
  host: string,
  { user, allowDefault }: NetrcQuery,
): NetrcEntry | undefined {
  const wanted = host.toLowerCase();
  return entries.find(
    ({ machine, login, password }) =>
      (machine === undefined ? allowDefault : machine === wanted) &&
      (login !== undefined || password !== undefined) &&
      (user === undefined || login === user),
  );
}

/** @param file for messages. @throws FerryError `usage` with the line. */
export function parseNetrc(text: string, file: string): NetrcEntry[] {
  const entries: NetrcEntry[] = [];
  const words = new Words(text, file);
  let open: { machine: string | undefined; login?: string; password?: string } | undefined;
  const close = (): void => {
    if (open !== undefined) {
      const { machine, login, password } = open;
      entries.push({ machine, login, password });
    }
    if (entries.length > ENTRIES_MAX) throw words.error(`more than ${ENTRIES_MAX} entries`);
  };
  for (let word = words.next(); word !== undefined; word = words.next()) {
    switch (word.toLowerCase()) {
      case 'machine':
        close();
        open = { machine: words.value('machine').toLowerCase() };
        break;
      case 'default':
        close();
        open = { machine: undefined };
        break;
      case 'login': {
        const login = words.value('login');
        if (open !== undefined) open.login = login;
        break;
      }
      case 'password': {
        const password = words.value('password');
        if (open !== undefined) open.password = password;
        break;
      }
      case 'account':
        words.value('account');
        break;
      case 'macdef':
        words.skipMacro();
        break;
      // What else stands there is for other programs.
      default:
    }
  }
  close();
  return entries;
}

/** Cuts the text into words. */
class Words {
  readonly #text: string;
  readonly #file: string;
  #at = 0;

  constructor(text: string, file: string) {
    this.#text = text;
    this.#file = file;
  }

  next(): string | undefined {
    for (;;) {
      this.#skip(/[\s\0]*/y);
      if (this.#text[this.#at] !== '#') break;
      this.#skip(/[^\n]*/y);
    }
    if (this.#at >= this.#text.length) return undefined;
    if (this.#text[this.#at] === '"') return this.#quoted();
    return this.#skip(/[^\s\0]+/y);
  }

  value(keyword: string): string {
    const word = this.next();
    if (word === undefined) throw this.error(`nothing follows "${keyword}"`);
    return word;
  }

  /** To the next empty line. */
  skipMacro(): void {
    const end = /\n[ \t\r]*\n/g;
    end.lastIndex = this.#at;
    this.#at = end.exec(this.#text) === null ? this.#text.length : end.lastIndex;
  }

  error(problem: string): FerryError {
    const line = this.#text.slice(0, this.#at).split('\n').length;
    return new FerryError('usage', `cannot read "${this.#file}": line ${line}: ${problem}`, {
      path: this.#file,
    });
  }

  #quoted(): string {
    const start = this.#at;
    let word = '';
    for (this.#at += 1; this.#at < this.#text.length; this.#at += 1) {
      const character = this.#text[this.#at];
      if (character === '\n') break;
      if (character === '"') {
        this.#at += 1;
        return word;
      }
      if (character === '\\') {
        this.#at += 1;
        word += ESCAPES[this.#text[this.#at] ?? ''] ?? this.#text[this.#at] ?? '';
      } else {
        word += character;
      }
    }
    this.#at = start;
    throw this.error('a quote is not closed');
  }

  #skip(pattern: RegExp): string {
    pattern.lastIndex = this.#at;
    const found = pattern.exec(this.#text)?.[0] ?? '';
    this.#at += found.length;
    return found;
  }
}

const ESCAPES: Readonly<Record<string, string>> = { n: '\n', r: '\r', t: '\t' };
