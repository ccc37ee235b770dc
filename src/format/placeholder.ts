/**
 * What stands for the path of an output where that isn't known yet. (Nix manual, "Derivations", "placeholder".)
 */
import { encodeNix32 } from '../bytes/nix32.ts';
import { hashBytes } from './hash.ts';

/** `builtins.placeholder "out"`. */
export function outputPlaceholder(outputName: string): string {
  return `/${encodeNix32(hashBytes('sha256', `nix-output:${outputName}`).digest)}`;
}
