/**
 * What a `.drv` in the store promises to build, checked: an output path that doesn't follow from the derivation would
 * let it pass for the deriver of something else.
 */
import { closeSync, constants, fstatSync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { FerryError, isFerryError, messageOf } from '../../error.ts';
import { derivationSizeMax, parseDerivation, type Derivation } from '../../format/derivation.ts';
import {
  hashDerivation,
  outputPathsOf,
  type DerivationHash,
} from '../../format/hash-derivation-modulo.ts';
import { printStorePath, type StoreDir, type StorePath } from '../../format/store-path.ts';
import { errnoOf, translateOsError } from '../../system/os-error.ts';

/**
 * Paths of the outputs of a derivation whose tree lies in the store, those that are known before it is built.
 * @throws FerryError `corrupt` where it can't be read or claims wrong paths, `not-found` where an input is missing.
 */
export type OutputsOfDerivation = (path: StorePath) => Map<string, StorePath>;

export function makeDerivationReader(storeDir: StoreDir, realDir: string): OutputsOfDerivation {
  /** Of inputs seen so far: in a closure each is the input of many. */
  const hashes = new Map<StorePath, DerivationHash>();
  const read = (path: StorePath): Derivation => readDerivationFile(storeDir, realDir, path);
  const known = (path: StorePath): DerivationHash => {
    const hash = hashes.get(path);
    if (hash === undefined) throw new FerryError('internal', `hash of "${path}" is not known`);
    return hash;
  };

  /** Depth first with a stack of our own: chains of inputs may be longer than that of the machine. */
  const hashInputs = (drv: Derivation): void => {
    const open = new Map<StorePath, Derivation>();
    const stack = unknownInputs(drv);
    for (let path = stack.at(-1); path !== undefined; path = stack.at(-1)) {
      if (hashes.has(path)) {
        stack.pop();
        continue;
      }
      const seen = open.get(path);
      const input = seen ?? read(path);
      const missing = unknownInputs(input);
      if (missing.length > 0) {
        if (seen !== undefined) throw cycle(path);
        open.set(path, input);
        stack.push(...missing);
        continue;
      }
      hashes.set(path, hashDerivation(storeDir, input, known));
      open.delete(path);
      stack.pop();
    }
  };

  /** Inputs whose hash it takes to get that of this one. */
  const unknownInputs = (drv: Derivation): StorePath[] => {
    const isInputAddressed = [...drv.outputs.values()].every(
      ({ kind }) => kind === 'input-addressed',
    );
    return isInputAddressed ? [...drv.inputDrvs.keys()].filter((path) => !hashes.has(path)) : [];
  };

  const cycle = (path: StorePath): FerryError =>
    new FerryError('corrupt', `the inputs of derivation "${path}" form a cycle`, { path });

  return (path) => {
    const drv = read(path);
    hashInputs(drv);
    const outputs = new Map<string, StorePath>();
    for (const [name, wanted] of outputPathsOf(storeDir, path, drv, known)) {
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

/**
 * A derivation whose tree lies in the store, valid or not.
 * @throws FerryError `corrupt`, `denied`, `not-found`
 */
export function readDerivationFile(
  storeDir: StoreDir,
  realDir: string,
  path: StorePath,
): Derivation {
  const printed = printStorePath(storeDir, path);
  try {
    return parseDerivation(storeDir, readSmallFile(join(realDir, path)));
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') {
      throw new FerryError('not-found', `derivation "${printed}" is not in the store`, {
        path: printed,
        cause: error,
      });
    }
    if (!isFerryError(error)) throw translateOsError(error, 'read derivation', printed);
    throw new FerryError(error.code, `derivation "${printed}": ${messageOf(error)}`, {
      path: printed,
      cause: error,
    });
  }
}

/** A regular file and no link to one: it came from elsewhere, and this may be root. */
function readSmallFile(file: string): Uint8Array {
  const fd = openSync(file, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  try {
    const stat = fstatSync(fd);
    if (!stat.isFile()) throw new FerryError('corrupt', 'it is not a regular file');
    if (stat.size > derivationSizeMax) {
      throw new FerryError('corrupt', `it has ${stat.size} bytes, more than any derivation`);
    }
    return readFileSync(fd);
  } finally {
    closeSync(fd);
  }
}
