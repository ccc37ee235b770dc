/**
 * Scripts that `nix-shell` is the interpreter of: their second lines say with which words it is to be started.
 * (Nix manual, "nix-shell", "Use as a #!-interpreter".)
 */
import { closeSync, openSync, readSync } from 'node:fs';
import { FerryError } from '../../error.ts';

/** Bytes at the beginning of a script in which its lines for us are looked for. */
const HEAD_MAX = 64 << 10;

/** The words that the lines of a script say, all of them; undefined where it is no such script. */
export function shebangWordsOf(file: string): string[] | undefined {
  const head = readHead(file);
  if (head?.startsWith('#!') !== true) return undefined;
  return head
    .split('\n')
    .slice(1)
    .flatMap((line) => {
      const words = /^#!\s*nix-shell\s+(.*)$/.exec(line.trimEnd())?.[1];
      return words === undefined ? [] : splitShebangWords(words);
    });
}

/** What the shell of a script runs: the interpreter with the script and the words that it was called with. */
export function interpreterCommand(
  interpreter: string,
  script: string,
  words: readonly string[],
): string {
  const quoted = [script, ...words].map((word) => `'${word.replaceAll("'", "'\\''")}'`).join(' ');
  // Perl would obey the first line of the script again unless it goes by another name, and Ruby looks for its own name
  // in that line.
  if (interpreter.includes('perl')) return `exec -a PERL ${interpreter} ${quoted}`;
  if (interpreter.includes('ruby')) return `exec ${interpreter} -e 'load(ARGV.shift)' -- ${quoted}`;
  return `exec ${interpreter} ${quoted}`;
}

/**
 * Words between blanks. Quotes group, and a backslash, but for single quotes, takes the next character as it is.
 * @throws FerryError `usage`
 */
export function splitShebangWords(text: string): string[] {
  const words: string[] = [];
  let word = '';
  let quote = '';
  for (let at = 0; at < text.length; at++) {
    const character = text.charAt(at);
    if (quote === '' && /\s/.test(character)) {
      words.push(word);
      word = '';
      while (/\s/.test(text.charAt(at + 1))) at++;
      if (at + 1 === text.length) return words;
    } else if (character === quote) {
      quote = '';
    } else if (quote === '' && (character === '"' || character === "'")) {
      quote = character;
    } else if (character === '\\' && quote !== "'") {
      word += text.charAt(++at);
    } else {
      word += character;
    }
  }
  if (quote !== '') throw new FerryError('usage', 'unterminated quote in shebang line');
  return [...words, word];
}

/** Undefined where it can't be read: then the word is no file. */
function readHead(file: string): string | undefined {
  let fd: number;
  try {
    fd = openSync(file, 'r');
  } catch {
    return undefined;
  }
  try {
    const bytes = Buffer.alloc(HEAD_MAX);
    return bytes.toString('utf8', 0, readSync(fd, bytes));
  } catch {
    return undefined;
  } finally {
    closeSync(fd);
  }
}
