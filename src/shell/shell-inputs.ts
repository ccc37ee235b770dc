/** What has to be valid before the shell of a derivation can start: the outputs and sources that it is built from. */
import { FerryError, isFerryError } from '../error.ts';
import type { Derivation } from '../format/derivation.ts';
import { compareStorePaths, printStorePath, type StorePath } from '../format/store-path.ts';
import { readDerivations } from '../store/read-derivations.ts';
import type { CallOptions, Store } from '../store/store.ts';

export interface ShellInput {
  readonly path: StorePath;
  /** The derivation that it is an output of, and the name of that output; absent for a source. */
  readonly drv?: StorePath | undefined;
  readonly output?: string | undefined;
}

export interface ShellInputs {
  /** All that are known, by path. */
  readonly inputs: readonly ShellInput[];
  /** Those that aren't valid. */
  readonly missing: readonly ShellInput[];
  /** Derivations that aren't valid, whose outputs nobody can tell therefore. */
  readonly missingDrvs: readonly StorePath[];
}

export interface ShellInputsQuery extends CallOptions {
  /** Derivations that are left out. */
  readonly isExcluded?: ((drv: StorePath) => boolean) | undefined;
}

/**
 * What is valid is held, where the store lets us, for as long as it is open.
 * @throws FerryError `unsupported` for an input whose path only follows from its contents
 */
export async function queryShellInputs(
  store: Store,
  { inputDrvs, inputSrcs }: Derivation,
  { signal, isExcluded = () => false }: ShellInputsQuery = {},
): Promise<ShellInputs> {
  const drvs = [...inputDrvs.keys()].filter((drv) => !isExcluded(drv));
  const validDrvs = await queryHeldPaths(store, drvs, signal);
  const readable = drvs.filter((drv) => validDrvs.has(drv));
  const inputs: ShellInput[] = inputSrcs.map((path) => ({ path }));
  let next = 0;
  for await (const { outputs } of readDerivations(store, readable, { signal })) {
    const drv = readable[next++] as StorePath;
    for (const name of inputDrvs.get(drv) ?? []) {
      const output = outputs.get(name);
      if (output === undefined || !('path' in output)) throw withoutPath(store, drv, name);
      inputs.push({ path: output.path, drv, output: name });
    }
  }
  inputs.sort((a, b) => compareStorePaths(a.path, b.path));
  const valid = await queryHeldPaths(
    store,
    inputs.map(({ path }) => path),
    signal,
  );
  return {
    inputs,
    missing: inputs.filter(({ path }) => !valid.has(path)),
    missingDrvs: drvs.filter((drv) => !validDrvs.has(drv)),
  };
}

/** The valid ones. Who may only read the store can't hold anything in it, and can use it all the same. */
export async function queryHeldPaths(
  store: Store,
  paths: readonly StorePath[],
  signal: AbortSignal | undefined,
): Promise<Set<StorePath>> {
  try {
    return await store.queryValidPaths(paths, { hold: store.features.has('hold'), signal });
  } catch (error) {
    if (!isFerryError(error, 'denied')) throw error;
    return await store.queryValidPaths(paths, { signal });
  }
}

function withoutPath(store: Store, drv: StorePath, name: string): FerryError {
  const printed = printStorePath(store.storeDir, drv);
  return new FerryError(
    'unsupported',
    `output "${name}" of "${printed}" has no path before it is built`,
    { path: printed, hint: 'Nix itself can enter this shell: nix-shell' },
  );
}
