/**
 * What a `.drv` in the store promises to build, checked: an output path that doesn't follow from the derivation would
 * let it pass for the deriver of something else.
 */
import { join } from 'node:path';
import { FerryError } from '../../error.ts';
import type { Derivation } from '../../format/derivation.ts';
import { DerivationHashes } from '../../format/derivation-hashes.ts';
import { printStorePath, type StoreDir, type StorePath } from '../../format/store-path.ts';
import { readDerivationFile } from '../read-derivation-file.ts';

/**
 * Paths of the outputs of a derivation whose tree lies in the store, those that are known before it is built.
 * @throws FerryError `corrupt` where it can't be read or claims wrong paths, `not-found` where an input is missing.
 */
export type OutputsOfDerivation = (path: StorePath) => Map<string, StorePath>;

export function makeDerivationReader(storeDir: StoreDir, realDir: string): OutputsOfDerivation {
  const read = (path: StorePath): Derivation =>
    readDerivationFile(storeDir, path, join(realDir, path));
  const hashes = new DerivationHashes(storeDir, read);
  return (path) => {
    const drv = read(path);
    const outputs = new Map<string, StorePath>();
    for (const [name, wanted] of hashes.outputPathsOf(path, drv)) {
      const output = drv.outputs.get(name);
      const claimed = output !== undefined && 'path' in output ? output.path : undefined;
      if (claimed !== wanted) throw wrongOutput(storeDir, path, name, claimed, wanted);
      if (wanted !== undefined) outputs.set(name, wanted);
    }
    return outputs;
  };
}

function wrongOutput(
  storeDir: StoreDir,
  path: StorePath,
  name: string,
  claimed: StorePath | undefined,
  wanted: StorePath | undefined,
): FerryError {
  const print = (output: StorePath | undefined): string =>
    output === undefined ? 'none yet' : `"${printStorePath(storeDir, output)}"`;
  const printed = printStorePath(storeDir, path);
  return new FerryError(
    'corrupt',
    `derivation "${printed}" has incorrect output "${name}": ${print(claimed)}, should be ${print(wanted)}`,
    { path: printed },
  );
}
