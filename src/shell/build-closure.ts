/**
 * What a development shell needs where it is entered: its derivation, for whoever enters it to read, and the outputs that
 * the derivation is built from. The derivation's closure has the sources and all other derivations, which Nix wants to
 * be valid too; the closures of the outputs have all that runs. Outputs of the derivation itself are not needed.
 */
import { basename } from 'node:path';
import { displayByteString } from '../bytes/byte-string.ts';
import type { Derivation } from '../format/derivation.ts';
import {
  compareStorePaths,
  printStorePath,
  type StoreDir,
  type StorePath,
} from '../format/store-path.ts';
import { quoteShellWord } from '../system/shell-words.ts';

export interface BuildClosure {
  readonly drv: StorePath;
  readonly derivation: Derivation;
  /** Outputs that the derivation is built from, and what else is to go along, in order and each once. */
  readonly inputs: readonly StorePath[];
}

/**
 * @param inputs outputs and sources that the derivation is built from
 * @param others what shall be there besides: a pinned nixpkgs, an interactive bash
 */
export function buildClosure(
  drv: StorePath,
  derivation: Derivation,
  inputs: Iterable<StorePath>,
  others: Iterable<StorePath> = [],
): BuildClosure {
  // Sources are in the closure of the derivation, and kept by it.
  const sources = new Set(derivation.inputSrcs);
  const outputs = [...inputs].filter((path) => !sources.has(path));
  return {
    drv,
    derivation,
    inputs: [...new Set([...outputs, ...others])].sort(compareStorePaths),
  };
}

/** Paths whose closures are all of it. */
export function rootsOf({ drv, inputs }: BuildClosure): StorePath[] {
  return [drv, ...inputs];
}

/** What plain Nix is asked for, on a line of a POSIX shell. */
export function nixShellCommand(storeDir: StoreDir, { drv, derivation }: BuildClosure): string {
  const printed = quoteShellWord(printStorePath(storeDir, drv));
  // Offline Nix can't get the bash it would take; that of the builder is among the inputs where it is one.
  const builder = displayByteString(derivation.builder);
  const isBash = builder.startsWith(`${storeDir}/`) && basename(builder) === 'bash';
  return `${isBash ? `NIX_BUILD_SHELL=${quoteShellWord(builder)} ` : ''}nix-shell ${printed}`;
}
