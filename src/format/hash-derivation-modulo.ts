/**
 * What the output paths of input-addressed derivations are computed from: the derivation's text with each input
 * replaced by its own such hash, where a fixed output counts by its contents alone. How something was fetched so
 * changes no path of what is built from it. (Nix manual, "Derivation", "Input-addressing derivation outputs".)
 */
import { encodeBase16 } from '../bytes/base16.ts';
import { FerryError } from '../error.ts';
import { formatDerivation, methodPrefix, type Derivation } from './derivation.ts';
import { formatDigest, hashBytes, type Hash } from './hash.ts';
import { contentAddressedPath, outputPath } from './make-store-path.ts';
import { nameOf, printStorePath, type StoreDir, type StorePath } from './store-path.ts';

/** The hash of a derivation where it is an input of another. */
export type DerivationHash =
  | { readonly kind: 'regular'; readonly hex: string }
  /** By the name of the output. */
  | { readonly kind: 'fixed'; readonly hexes: ReadonlyMap<string, string> }
  /** An output of it, or of what it depends on, is known only once it is built. */
  | { readonly kind: 'deferred' };

/** Answers for the inputs of a derivation. */
export type LookUpHash = (input: StorePath) => DerivationHash;

/** @throws whatever `lookUp` throws; FerryError `corrupt` for a mixture of kinds of outputs. */
export function hashDerivation(
  storeDir: StoreDir,
  drv: Derivation,
  lookUp: LookUpHash,
): DerivationHash {
  const outputs = [...drv.outputs];
  const fixed = outputs.filter(([, output]) => output.kind === 'fixed');
  if (fixed.length > 0) {
    if (fixed.length < outputs.length) {
      throw new FerryError('corrupt', 'a derivation has outputs of several kinds');
    }
    return {
      kind: 'fixed',
      hexes: new Map(fixed.map(([name]) => [name, fixedHex(storeDir, drv, name)])),
    };
  }
  if (outputs.some(([, output]) => output.kind !== 'input-addressed')) return { kind: 'deferred' };
  const hash = hashText(storeDir, drv, lookUp, false);
  return hash === undefined
    ? { kind: 'deferred' }
    : { kind: 'regular', hex: encodeBase16(hash.digest) };
}

/**
 * The paths that the outputs must have; undefined for those that are known only once they are built.
 * @param path of the derivation: its name is that of the outputs.
 */
export function outputPathsOf(
  storeDir: StoreDir,
  path: StorePath,
  drv: Derivation,
  lookUp: LookUpHash,
): Map<string, StorePath | undefined> {
  const drvName = nameOf(path).slice(0, -'.drv'.length);
  let inputAddressed: { readonly hash: Hash | undefined } | undefined;
  const paths = new Map<string, StorePath | undefined>();
  for (const [name, output] of drv.outputs) {
    if (output.kind === 'fixed') {
      const outputName = name === 'out' ? drvName : `${drvName}-${name}`;
      paths.set(name, contentAddressedPath(storeDir, outputName, output.ca));
    } else if (output.kind === 'input-addressed') {
      inputAddressed ??= { hash: hashText(storeDir, drv, lookUp, true) };
      const { hash } = inputAddressed;
      paths.set(name, hash && outputPath(storeDir, drvName, name, hash));
    } else {
      paths.set(name, undefined);
    }
  }
  return paths;
}

function fixedHex(storeDir: StoreDir, drv: Derivation, name: string): string {
  const output = drv.outputs.get(name);
  if (output?.kind !== 'fixed') throw new FerryError('internal', `output "${name}" is not fixed`);
  const { method, hash } = output.ca;
  const text = `fixed:out:${methodPrefix(method)}${hash.algorithm}:${formatDigest(hash, 'base16')}:${printStorePath(storeDir, output.path)}`;
  return formatDigest(hashBytes('sha256', text), 'base16');
}

/** SHA-256 of the text with hashes for inputs; undefined where an input has none. */
function hashText(
  storeDir: StoreDir,
  drv: Derivation,
  lookUp: LookUpHash,
  maskOutputs: boolean,
): Hash | undefined {
  const inputs = new Map<string, string[]>();
  // Different derivations may have one hash: their outputs are then named together.
  const add = (hex: string, name: string): void => {
    const names = inputs.get(hex);
    if (names === undefined) inputs.set(hex, [name]);
    else if (!names.includes(name)) names.push(name);
  };
  for (const [path, names] of drv.inputDrvs) {
    const input = lookUp(path);
    if (input.kind === 'deferred') return undefined;
    for (const name of names) {
      if (input.kind === 'regular') {
        add(input.hex, name);
        continue;
      }
      const hex = input.hexes.get(name);
      if (hex === undefined) {
        throw new FerryError(
          'corrupt',
          `a derivation needs "${name}" of "${path}", which has none`,
        );
      }
      add(hex, 'out');
    }
  }
  const text = formatDerivation(storeDir, drv, { inputs, maskOutputs });
  return hashBytes('sha256', Buffer.from(text, 'latin1'));
}
