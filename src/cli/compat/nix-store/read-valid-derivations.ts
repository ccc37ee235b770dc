/** Derivations as Nix reads them: one that isn't in the store is fetched first. */
import { join } from 'node:path';
import { setImmediate as breathe } from 'node:timers/promises';
import type { ByteString } from '../../../bytes/byte-string.ts';
import type { Derivation } from '../../../format/derivation.ts';
import type { StorePath } from '../../../format/store-path.ts';
import { asLocalStore, realStoreDirOf } from '../../as-local-store.ts';
import type { StoreScene } from './store-scene.ts';

/** Files that are read before everything else gets its turn, a signal among it. */
const AT_ONCE = 256;

export interface DerivationsRead {
  readonly derivations: ReadonlyMap<StorePath, Derivation>;
  /** Why those that are missing from it couldn't be read, or the first of them. */
  readonly failure?: { readonly error: unknown };
}

export async function readValidDerivations(
  scene: StoreScene,
  drvs: Iterable<StorePath>,
): Promise<DerivationsRead> {
  const { store, call } = scene;
  const { signal } = call.context;
  const wanted = [...new Set(drvs)];
  const derivations = new Map<StorePath, Derivation>();
  if (wanted.length === 0) return { derivations };
  const valid = await store.queryValidPaths(wanted, { signal });
  const failures = await fetchMissing(
    scene,
    wanted.filter((drv) => !valid.has(drv)),
  );
  try {
    const there = wanted.filter((drv) => !failures.has(drv));
    const local = asLocalStore(store);
    if (local === undefined) {
      const { readDerivations } = await import('../../../store/read-derivations.ts');
      let next = 0;
      for await (const derivation of readDerivations(store, there, { signal })) {
        derivations.set(there[next++] as StorePath, derivation);
      }
    } else {
      const { readDerivationFile } = await import('../../../store/read-derivation-file.ts');
      const realDir = realStoreDirOf(local) ?? store.storeDir;
      for (const [i, drv] of there.entries()) {
        derivations.set(drv, readDerivationFile(store.storeDir, drv, join(realDir, drv)));
        if (i % AT_ONCE !== AT_ONCE - 1) continue;
        await breathe();
        signal.throwIfAborted();
      }
    }
  } catch (error) {
    signal.throwIfAborted();
    return { derivations, failure: { error } };
  }
  const [first] = failures.values();
  return first === undefined ? { derivations } : { derivations, failure: { error: first } };
}

/** Seldom there are any. */
async function fetchMissing(
  scene: StoreScene,
  missing: readonly StorePath[],
): Promise<ReadonlyMap<StorePath, Error>> {
  if (missing.length === 0) return new Map();
  const { fetchInto } = await import('./fetch-into.ts');
  return await fetchInto(scene, missing);
}

/** @throws why it couldn't be read */
export function derivationIn(
  { derivations, failure }: DerivationsRead,
  drv: StorePath,
): Derivation {
  const derivation = derivations.get(drv);
  if (derivation === undefined) throw failure?.error;
  return derivation;
}

/** Structured attributes as derivations have them in their text: newer releases of Nix don't count it as a variable. */
const STRUCTURED = '__json' as ByteString;

/** What a builder finds in its environment, by name. */
export function variablesOf({ env }: Derivation): Map<ByteString, ByteString> {
  const variables = new Map(env);
  variables.delete(STRUCTURED);
  return variables;
}
