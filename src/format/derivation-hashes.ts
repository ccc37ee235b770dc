/**
 * Hashes modulo fixed outputs for whole graphs of derivations: of each that is met the hash is computed once, what it
 * depends on first, with a stack of our own. Chains of inputs may be longer than that of the machine.
 */
import { FerryError } from '../error.ts';
import type { Derivation } from './derivation.ts';
import { hashDerivation, outputPathsOf, type DerivationHash } from './hash-derivation-modulo.ts';
import { printStorePath, type StoreDir, type StorePath } from './store-path.ts';

export class DerivationHashes {
  readonly #storeDir: StoreDir;
  readonly #read: (path: StorePath) => Derivation;
  /** Of inputs seen so far: in a closure each is the input of many. */
  readonly #hashes = new Map<StorePath, DerivationHash>();

  /** @param read gives the inputs of derivations, and throws where it can't */
  constructor(storeDir: StoreDir, read: (path: StorePath) => Derivation) {
    this.#storeDir = storeDir;
    this.#read = read;
  }

  /**
   * The paths that the outputs of a derivation must have; undefined for those that are known only once they are built.
   * @throws FerryError `corrupt` where the inputs form a cycle or make no sense; what `read` throws
   */
  outputPathsOf(path: StorePath, drv: Derivation): Map<string, StorePath | undefined> {
    this.#hashInputs(drv);
    return outputPathsOf(this.#storeDir, path, drv, this.#known);
  }

  readonly #known = (path: StorePath): DerivationHash => {
    const hash = this.#hashes.get(path);
    if (hash === undefined) throw new FerryError('internal', `hash of "${path}" is not known`);
    return hash;
  };

  #hashInputs(drv: Derivation): void {
    const open = new Map<StorePath, Derivation>();
    const stack = this.#unknownInputs(drv);
    for (let path = stack.at(-1); path !== undefined; path = stack.at(-1)) {
      if (this.#hashes.has(path)) {
        stack.pop();
        continue;
      }
      const seen = open.get(path);
      const input = seen ?? this.#read(path);
      const missing = this.#unknownInputs(input);
      if (missing.length > 0) {
        if (seen !== undefined) throw this.#cycle(path);
        open.set(path, input);
        stack.push(...missing);
        continue;
      }
      this.#hashes.set(path, hashDerivation(this.#storeDir, input, this.#known));
      open.delete(path);
      stack.pop();
    }
  }

  /** Inputs whose hash it takes to get that of this one. */
  #unknownInputs(drv: Derivation): StorePath[] {
    const isInputAddressed = drv.outputs.values().every(({ kind }) => kind === 'input-addressed');
    return isInputAddressed
      ? [...drv.inputDrvs.keys()].filter((path) => !this.#hashes.has(path))
      : [];
  }

  #cycle(path: StorePath): FerryError {
    const printed = printStorePath(this.#storeDir, path);
    return new FerryError('corrupt', `the inputs of derivation "${printed}" form a cycle`, {
      path: printed,
    });
  }
}
