/**
 * Whether a derivation is what it says: its own path follows from its text and what it refers to, the paths of its
 * outputs follow from what they are built from, and its builder is told these paths. (Nix manual, "Derivation".)
 */
import { fromByteString, toByteString, type ByteString } from '../bytes/byte-string.ts';
import { formatDerivation, type Derivation } from './derivation.ts';
import type { DerivationHashes } from './derivation-hashes.ts';
import { hashBytes } from './hash.ts';
import { contentAddressedPath } from './make-store-path.ts';
import { nameOf, printStorePath, type StoreDir, type StorePath } from './store-path.ts';

/** Something that isn't what it should be; `found` and `wanted` are paths in full, or undefined for none. */
export interface DerivationProblem {
  readonly what: 'path' | 'text' | 'output' | 'variable' | 'references';
  /** Of the output, or the variable. */
  readonly name?: string | undefined;
  readonly found?: string | undefined;
  readonly wanted?: string | undefined;
}

export interface DerivationToCheck {
  readonly path: StorePath;
  readonly text: Uint8Array;
  readonly derivation: Derivation;
  /** What it is registered to refer to, where that is known. */
  readonly references?: readonly StorePath[] | undefined;
}

/** @throws FerryError `not-found` where an input is missing, `corrupt` where the inputs make no sense */
export function checkDerivation(
  storeDir: StoreDir,
  { path, text, derivation, references }: DerivationToCheck,
  hashes: DerivationHashes,
): DerivationProblem[] {
  const problems: DerivationProblem[] = [];
  const print = (each: StorePath): string => printStorePath(storeDir, each);
  const inputs = inputsOf(derivation);
  const wantedPath = derivationPath(storeDir, nameOf(path), text, inputs);
  if (wantedPath !== path) {
    problems.push({ what: 'path', found: print(path), wanted: print(wantedPath) });
  }
  // Nix hashes what it would write itself.
  if (formatDerivation(storeDir, derivation) !== toByteString(text)) {
    problems.push({ what: 'text' });
  }
  for (const [name, wanted] of hashes.outputPathsOf(path, derivation)) {
    const output = derivation.outputs.get(name);
    const found = output !== undefined && 'path' in output ? output.path : undefined;
    if (found !== wanted) {
      problems.push({
        what: 'output',
        name,
        found: found && print(found),
        wanted: wanted && print(wanted),
      });
    }
    if (wanted === undefined) continue;
    const variable = derivation.env.get(name as ByteString);
    if (variable !== print(wanted)) {
      problems.push({ what: 'variable', name, found: variable, wanted: print(wanted) });
    }
  }
  if (references !== undefined) problems.push(...wrongReferences(storeDir, references, inputs));
  return problems;
}

/** What a derivation must refer to: its inputs, in order. */
export function inputsOf({ inputDrvs, inputSrcs }: Derivation): StorePath[] {
  return [...new Set([...inputDrvs.keys(), ...inputSrcs])].sort();
}

/**
 * The path that a derivation has in the store: that of its text.
 * @param name with the `.drv` at its end
 */
export function derivationPath(
  storeDir: StoreDir,
  name: string,
  text: Uint8Array | ByteString,
  inputs: Iterable<StorePath>,
): StorePath {
  const bytes = typeof text === 'string' ? fromByteString(text) : text;
  const ca = { method: 'text', hash: hashBytes('sha256', bytes) } as const;
  return contentAddressedPath(storeDir, name, ca, { others: inputs, self: false });
}

function wrongReferences(
  storeDir: StoreDir,
  found: readonly StorePath[],
  wanted: readonly StorePath[],
): DerivationProblem[] {
  const [a, b] = [new Set(found), new Set(wanted)];
  return [
    ...a
      .difference(b)
      .keys()
      .map((path) => ({ found: path })),
    ...b
      .difference(a)
      .keys()
      .map((path) => ({ wanted: path })),
  ].map((difference): DerivationProblem => {
    const { found: more, wanted: less } = difference as Record<string, StorePath | undefined>;
    return {
      what: 'references',
      found: more && printStorePath(storeDir, more),
      wanted: less && printStorePath(storeDir, less),
    };
  });
}
