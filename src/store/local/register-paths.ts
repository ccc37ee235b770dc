/**
 * Makes paths valid whose trees lie in the store already, put there by somebody else: all of them in one transaction,
 * whatever their order, or none. (Nix manual, `nix-store --load-db` and `--register-validity`.)
 */
import { join } from 'node:path';
import { setImmediate as breathe } from 'node:timers/promises';
import { FerryError, isFerryError } from '../../error.ts';
import type { PathInfo } from '../../format/path-info.ts';
import { graphOfInfos, topologicalOrder } from '../../format/reference-graph.ts';
import type { PathRegistration } from '../../format/registration.ts';
import {
  compareStorePaths,
  isDerivation,
  printStorePath,
  type StorePath,
} from '../../format/store-path.ts';
import { forEachAtOnce } from '../../system/at-once.ts';
import type { CallOptions } from '../store.ts';
import type { AddContext } from './add-paths.ts';
import { lockPath } from './path-lock.ts';

export interface RegisterPathsOptions extends CallOptions {
  /** Whether those that are valid already are registered anew. Default false: they are left as they are. */
  readonly reregister?: boolean | undefined;
  /** Whether the trees are given the metadata of a store. Default false. */
  readonly canonicalise?: boolean | undefined;
}

/** Of two registrations of one path the later counts. A registration without a hash gets that of the tree. */
export async function registerPaths(
  context: AddContext,
  registrations: Iterable<PathRegistration>,
  options: RegisterPathsOptions,
): Promise<void> {
  const { signal, reregister = false, canonicalise = false } = options;
  const { store, outputsOf } = context;
  const all = new Map<StorePath, PathRegistration>();
  for (const registration of registrations) all.set(registration.path, registration);
  const paths = [...all.keys()];
  const touchesTrees = canonicalise || [...all.values()].some(({ nar }) => nar === undefined);
  // As long as they aren't valid, a garbage collection would take them for garbage.
  if (touchesTrees) await store.tempRoots.add(paths, signal);
  const valid = await validAmong(context, paths, signal);
  const wanted = [...all.values()].filter(({ path }) => reregister || !valid.has(path));
  if (wanted.length === 0) return;
  const infos = await measure(context, wanted, options);
  refuseCycles(infos);
  const outputs = new Map<StorePath, ReadonlyMap<string, StorePath>>();
  for (const { path } of wanted) {
    if (!isDerivation(path) || valid.has(path)) continue;
    // Reading derivations takes its time: others get their turn, an abort among them.
    await breathe();
    signal?.throwIfAborted();
    outputs.set(path, outputsOf(path));
  }
  const now = Math.floor(Date.now() / 1000);
  await store.db.transaction(() => {
    // What somebody else has registered meanwhile is as good.
    const open = reregister ? infos : infos.filter(({ path }) => !store.queries.isValid(path));
    store.registrar.registerTogether(open, now, (drv) => outputs.get(drv) ?? outputsOf(drv));
  }, signal);
}

/** Paths after which everything else gets its turn. */
const AT_ONCE = 2000;

async function validAmong(
  { store }: AddContext,
  paths: readonly StorePath[],
  signal: AbortSignal | undefined,
): Promise<Set<StorePath>> {
  const valid = new Set<StorePath>();
  for (let from = 0; from < paths.length; from += AT_ONCE) {
    if (from > 0) await breathe();
    const some = paths.slice(from, from + AT_ONCE);
    await store.db.read(() => {
      for (const path of some) if (store.queries.isValid(path)) valid.add(path);
    }, signal);
  }
  return valid;
}

/**
 * No order of adding could have led there, and none of deleting leads away. Nix refuses them too, but for 2.34, which
 * by mistake takes them.
 */
function refuseCycles(infos: readonly PathInfo[]): void {
  try {
    topologicalOrder(graphOfInfos(new Map(infos.map((info) => [info.path, info]))));
  } catch (error) {
    if (!isFerryError(error, 'corrupt')) throw error;
    throw new FerryError('corrupt', `cannot register paths: ${error.message}`, { cause: error });
  }
}

/** Looks at the trees, several at a time, for what wasn't said of them. */
async function measure(
  context: AddContext,
  registrations: readonly PathRegistration[],
  options: RegisterPathsOptions,
): Promise<PathInfo[]> {
  const infos: PathInfo[] = [];
  await forEachAtOnce(registrations, context.workers.width * 2, async (registration) => {
    options.signal?.throwIfAborted();
    const { path, deriver, references } = registration;
    const told = options.canonicalise === true ? undefined : registration.nar;
    const { hash, size } = told ?? (await look(context, registration, options));
    infos.push({ path, narHash: hash, narSize: size, deriver, references, signatures: [] });
  });
  return infos.sort((a, b) => compareStorePaths(a.path, b.path));
}

/** Nobody may be making it while it is looked at. */
async function look(
  { store, storeDir, realDir, workers, heldLocks }: AddContext,
  { path, nar }: PathRegistration,
  { canonicalise, signal }: RegisterPathsOptions,
): Promise<NonNullable<PathRegistration['nar']>> {
  const tree = join(realDir, path);
  const lock = heldLocks.has(path) ? undefined : await lockPath(store.flock, tree, signal);
  try {
    if (canonicalise === true) await workers.canonicalise(tree, { signal });
    if (nar !== undefined) return nar;
    const { narHash, narSize } = await workers.hash({ tree, signal });
    return { hash: narHash, size: narSize };
  } catch (error) {
    signal?.throwIfAborted();
    throw naming(printStorePath(storeDir, path), error);
  } finally {
    lock?.release();
  }
}

function naming(path: string, cause: unknown): unknown {
  if (!isFerryError(cause)) return cause;
  const hint = cause.hint === undefined ? {} : { hint: cause.hint };
  const message = `cannot register path "${path}": ${cause.message}`;
  return new FerryError(cause.code, message, { path, cause, ...hint });
}
