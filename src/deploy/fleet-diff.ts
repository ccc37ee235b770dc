/**
 * What a deployment would change on a host: the closure that is its profile's now against the one that is to be, package
 * by package, and what would have to be sent. Changes nothing.
 */
import { computeClosure } from '../copy/closure.ts';
import { compareStores, type Comparison, type SizedPath } from '../copy/compare-stores.ts';
import { planCopy } from '../copy/plan.ts';
import { FerryError } from '../error.ts';
import { parseStorePath, type StorePath } from '../format/store-path.ts';
import type { CallOptions, Refusal, Store } from '../store/store.ts';

export interface HostDiff {
  /** What the profile leads to; undefined where it is empty. */
  readonly before: StorePath | undefined;
  readonly after: StorePath;
  readonly comparison: Comparison;
  /** What the host lacks. */
  readonly toSend: { readonly paths: number; readonly narSize: number };
  /** Room there, where it can be known. */
  readonly freeBytes: number | undefined;
  /** Why the host would refuse paths, for the first of them. */
  readonly refusal: Refusal | undefined;
}

export interface DiffEnds {
  readonly source: Store;
  readonly destination: Store;
  /** Room on the host, where the store can't tell. */
  readonly freeBytes: number | undefined;
  /** Of `after`, which many hosts share. */
  readonly wanted: readonly SizedPath[];
}

/**
 * @param before what runs, as the host printed it
 * @throws FerryError
 */
export async function diffHost(
  before: string | undefined,
  after: StorePath,
  { source, destination, wanted, freeBytes, signal }: DiffEnds & CallOptions,
): Promise<HostDiff> {
  const current = before === undefined ? undefined : parseRunning(destination, before);
  const closure =
    current === undefined ? [] : await computeClosure(destination, [current], { signal });
  const plan = await planCopy(source, destination, [after], { signal });
  return {
    before: current,
    after,
    comparison: compareStores(closure.values(), wanted),
    toSend: { paths: plan.missing.length, narSize: plan.narSize },
    freeBytes: plan.freeSpace?.bytes ?? freeBytes,
    refusal: plan.refusals[0],
  };
}

function parseRunning({ storeDir, uri }: Store, printed: string): StorePath {
  try {
    return parseStorePath(storeDir, printed);
  } catch (cause) {
    throw new FerryError('conflict', `a profile of "${uri}" leads to "${printed}", no store path`, {
      cause,
    });
  }
}
