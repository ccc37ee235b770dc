/** Words of a POSIX shell: cutting `NIX_SSHOPTS` into them, quoting them for the shell at the far end. */
import { FerryError } from '../error.ts';

/**
 * Words separated by blanks; quotes and backslashes as in `sh`, nothing is expanded.
 * @throws FerryError `usage` for a quote that is left open.
 */
export function splitShellWords(text: string): string[] {
  const words: string[] = [];
  let word: string | undefined;
  let quote = '';
  for (let i = 0; i < text.length; i++) {
    const character = text.charAt(i);
    if (quote === '' && /\s/.test(character)) {
      if (word !== undefined) words.push(word);
      word = undefined;
    } else if (character === quote) {
      quote = '';
    } else if (quote === '' && (character === "'" || character === '"')) {
      quote = character;
      word ??= '';
    } else if (character === '\\' && takesEscape(quote, text.charAt(i + 1))) {
      word = (word ?? '') + text.charAt(++i);
    } else {
      word = (word ?? '') + character;
    }
  }
  if (quote !== '') throw new FerryError('usage', `in "${text}" a ${quote} is not closed`);
  if (word !== undefined) words.push(word);
  return words;
}

function takesEscape(quote: string, next: string): boolean {
  if (quote === "'" || next === '') return false;
  return quote === '' || '$`"\\'.includes(next);
}

/** A word as a shell reads it back, in single quotes where it needs any; also for fish and csh. */
export function quoteShellWord(word: string): string {
  if (/^[\w@%+=:,./-]+$/.test(word)) return word;
  return `'${word.replaceAll("'", "'\\''")}'`;
}
