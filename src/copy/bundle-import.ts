/** Brings a bundle into a store: what is presupposed is looked for first, the rest is a copy like any other. */
import { FerryError } from '../error.ts';
import type { BundleManifest } from '../format/bundle/manifest.ts';
import { printStorePath, type StorePath } from '../format/store-path.ts';
import type { CallOptions, Store } from '../store/store.ts';
import type { CopySummary, OnCopyEvent } from './events.ts';
import { planCopy, type CopyPlan } from './plan.ts';
import { transfer } from './transfer.ts';

/** A bundle as a store. */
export interface BundleSource extends Store {
  readonly manifest: BundleManifest;
  /** Where it comes out of a pipe: passes over what is left, and sees that it is whole. */
  finish?(signal?: AbortSignal): Promise<void>;
}

export interface BundleImportOptions extends CallOptions {
  /** Default true. */
  readonly checkSigs?: boolean | undefined;
  readonly onEvent?: OnCopyEvent | undefined;
}

/** Paths that a message names. */
const NAMED_MAX = 5;

/**
 * @throws FerryError `not-found` where the destination lacks what the bundle presupposes; as `planCopy`
 */
export async function planBundleImport(
  source: BundleSource,
  destination: Store,
  options: BundleImportOptions = {},
): Promise<CopyPlan> {
  const { manifest } = source;
  if (source.storeDir === destination.storeDir) {
    await requirePresupposed(source, destination, options);
  }
  const paths = manifest.infos.map(({ path }) => path);
  const plan = await planCopy(source, destination, paths, options);
  // In the order of the bundle: of one that comes out of a pipe there is no other.
  const missing = new Set(plan.missing.map(({ path }) => path));
  return { ...plan, missing: manifest.infos.filter(({ path }) => missing.has(path)) };
}

/** @throws as `transfer`; FerryError `corrupt` also where what comes after the last path isn't the end of the bundle */
export async function importBundle(
  plan: CopyPlan,
  source: BundleSource,
  destination: Store,
  options: BundleImportOptions = {},
): Promise<CopySummary> {
  const { signal, onEvent } = options;
  const keepOrder = source.finish !== undefined;
  // Nothing is told as done before the end has been seen.
  let done: (() => void) | undefined;
  const summary = await transfer(plan, source, destination, {
    ...options,
    keepOrder,
    onEvent: (event) => {
      if (event.type === 'done') done = () => onEvent?.(event);
      else onEvent?.(event);
    },
  });
  await source.finish?.(signal);
  done?.();
  return summary;
}

async function requirePresupposed(
  { uri, storeDir, manifest }: BundleSource,
  destination: Store,
  { signal }: CallOptions,
): Promise<void> {
  const { presupposed } = manifest;
  if (presupposed.length === 0) return;
  const hold = destination.features.has('hold');
  const valid = await destination.queryValidPaths(presupposed, { hold, signal });
  const lacking = presupposed.filter((path) => !valid.has(path));
  const [first] = lacking;
  if (first === undefined) return;
  const print = (path: StorePath): string => `"${printStorePath(storeDir, path)}"`;
  const named = lacking.slice(0, NAMED_MAX).map(print).join(', ');
  const more = lacking.length > NAMED_MAX ? ` and ${lacking.length - NAMED_MAX} more` : '';
  throw new FerryError(
    'not-found',
    `cannot import "${uri}": it was made for a store that has ${named}${more}, which "${destination.uri}" lacks`,
    {
      path: printStorePath(storeDir, first),
      store: destination.uri,
      hint: 'export anew without --since and --without-closure-of, or bring those first',
    },
  );
}
