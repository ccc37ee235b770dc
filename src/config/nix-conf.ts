/**
 * The syntax of nix.conf: `name = value` lines, comments, `include`. Where the files are and which wins is
 * `config-files.ts`. (Nix manual, "nix.conf".)
 */
import { dirname, isAbsolute, resolve } from 'node:path';
import { FerryError } from '../error.ts';
import { readConfigText, type ConfigText } from './read-config-text.ts';
import { wordsOf } from './setting-kinds.ts';

/** One assignment, with the place it stands at for messages. */
export interface Assignment {
  readonly name: string;
  readonly value: string;
  readonly origin: string;
}

export interface ConfigOptions {
  /** Is told of files that are there and can't be read: Nix goes on without them, and so do we. */
  readonly onWarning?: ((text: string) => void) | undefined;
  /** How files are read. Default: from the file system. */
  readonly readFile?: ((file: string) => ConfigText) | undefined;
}

/** Files may include others, which may do the same: so many in all. */
const INCLUDES_MAX = 1000;
/** Characters of a name in a message. */
const SHOWN_MAX = 120;

/**
 * Reads a file with all it includes; undefined where it isn't there, or can't be read.
 * @throws FerryError `usage` with file and line.
 */
export function readConfigFile(
  file: string,
  options: ConfigOptions = {},
): Assignment[] | undefined {
  const read = (options.readFile ?? readConfigText)(file);
  warnOf(file, read, options);
  if (read.state !== 'read') return undefined;
  return new ConfigParser(options).parse(read.text, file, [file]);
}

/**
 * `origin` is the file (relative includes start there), or the variable that the text comes from, which has no place
 * that includes could be relative to.
 * @throws FerryError `usage` with file and line.
 */
export function parseConfig(
  text: string,
  origin: string,
  options: ConfigOptions = {},
): Assignment[] {
  return new ConfigParser(options).parse(text, origin, [origin]);
}

class ConfigParser {
  readonly #options: ConfigOptions;
  #includes = 0;

  constructor(options: ConfigOptions) {
    this.#options = options;
  }

  /** @param within the files that are being read, the outermost first. */
  parse(text: string, origin: string, within: readonly string[]): Assignment[] {
    const assignments: Assignment[] = [];
    text.split('\n').forEach((line, i) => {
      const place = `${origin}:${i + 1}`;
      const [first, second, ...rest] = wordsOf(line.split('#', 1)[0] ?? '');
      if (first === undefined) return;
      if (first === 'include' || first === '!include') {
        if (second === undefined || rest.length > 0) throw syntaxError(place, line);
        const included = this.#include(second, first === 'include', { origin, place, within });
        for (const assignment of included) assignments.push(assignment);
      } else if (second === '=') {
        assignments.push({ name: first, value: rest.join(' '), origin: place });
      } else {
        throw syntaxError(place, line);
      }
    });
    return assignments;
  }

  #include(
    path: string,
    isRequired: boolean,
    { origin, place, within }: { origin: string; place: string; within: readonly string[] },
  ): Assignment[] {
    if (!isAbsolute(origin) && !isAbsolute(path)) {
      throw new FerryError('usage', `cannot include "${path}" at ${place}: not an absolute path`);
    }
    const file = resolve(dirname(origin), path);
    const refuse = (why: string): FerryError =>
      new FerryError('usage', `cannot include "${file}" at ${place}: ${why}`);
    if (within.includes(file)) throw refuse('it would include itself');
    if (++this.#includes > INCLUDES_MAX) throw refuse(`more than ${INCLUDES_MAX} includes`);
    const read = (this.#options.readFile ?? readConfigText)(file);
    if (read.state === 'absent' && isRequired) throw refuse('no such file');
    // Tokens often stand in a file that only root may read: others do without them, and needn't hear of it each time.
    if (isRequired) warnOf(file, read, this.#options);
    return read.state === 'read' ? this.parse(read.text, file, [...within, file]) : [];
  }
}

function warnOf(file: string, read: ConfigText, { onWarning }: ConfigOptions): void {
  if (read.state === 'unreadable') onWarning?.(`cannot read "${file}": ${read.why}`);
}

function syntaxError(place: string, line: string): FerryError {
  // What stands behind the name may be a secret.
  const name = /^[^\s=]*=?/.exec(line.trim())?.[0].slice(0, SHOWN_MAX) ?? '';
  const rest = line.trim().length > name.length ? '…' : '';
  return new FerryError('usage', `syntax error at ${place}: "${name}${rest}"`, {
    hint: 'a line is NAME = VALUE, with blanks around the "="',
  });
}
