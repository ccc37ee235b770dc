/** Bytes as words of bash. A shell's variables may hold any bytes but zero, so all of this is about byte strings. */
import type { ByteString } from '../bytes/byte-string.ts';

/** In single quotes, always: whatever is in it, bash takes it as it is. As Nix writes the words of its scripts. */
export function quoteForBash(text: ByteString): ByteString {
  return `'${text.replaceAll("'", "'\\''")}'` as ByteString;
}

/** Whether bash can have a variable of this name. */
export function isVariableName(name: string): boolean {
  return /^[A-Za-z_][A-Za-z0-9_]*$/.test(name);
}

/** Cut at blanks, tabs and line ends, as Nix cuts attributes that are lists of names. */
export function namesIn(text: ByteString): ByteString[] {
  return text.split(/[ \t\n\r]+/).filter((word) => word !== '') as ByteString[];
}
