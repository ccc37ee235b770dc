/**
 * The fixed text of NARs, for reader and writer alike. The grammar, where every quoted word is a `str` (length, bytes,
 * zeros up to a multiple of eight):
 *
 *     nar   = "nix-archive-1" node
 *     node  = "(" "type" body ")"
 *     body  = "regular" [ "executable" "" ] "contents" <str>
 *           | "symlink" "target" <str>
 *           | "directory" entry*
 *     entry = "entry" "(" "name" <str> "node" node ")"
 *
 * Between two variable parts there is always the same run of words or a choice of few, so that the runs can be folded:
 *
 *     nar    = OPEN body CLOSE
 *     body   = REGULAR <contents> | EXECUTABLE <contents> | SYMLINK <target> | DIRECTORY (ENTRY <name> NODE body CLOSE_ENTRY)*
 *
 * No token is the beginning of another that is possible in the same place. (Nix manual, "Nix Archive (NAR) format".)
 */
import { paddingOf } from '../../bytes/byte-writer.ts';

export interface Token {
  readonly words: readonly string[];
  readonly bytes: Uint8Array;
}

export const OPEN: Token = token('nix-archive-1', '(', 'type');
export const REGULAR: Token = token('regular', 'contents');
export const EXECUTABLE: Token = token('regular', 'executable', '', 'contents');
export const SYMLINK: Token = token('symlink', 'target');
export const DIRECTORY: Token = token('directory');
export const ENTRY: Token = token('entry', '(', 'name');
export const NODE: Token = token('node', '(', 'type');
/** The end of the root. */
export const CLOSE: Token = token(')');
/** The end of a node and of the entry that it is in. */
export const CLOSE_ENTRY: Token = token(')', ')');

/** Bytes from the beginning of a token to that of a word of it. */
export function wordOffset(words: readonly string[], index: number): number {
  return words.slice(0, index).reduce((sum, word) => sum + wordSize(word), 0);
}

/** Bytes of a word of the grammar, with its length and its zeros. */
function wordSize(word: string): number {
  return 8 + word.length + paddingOf(word.length);
}

function token(...words: string[]): Token {
  const bytes = new Uint8Array(wordOffset(words, words.length));
  words.forEach((word, index) => {
    const at = wordOffset(words, index);
    bytes[at] = word.length;
    bytes.set(new TextEncoder().encode(word), at + 8);
  });
  return { words, bytes };
}
