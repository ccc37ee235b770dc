/** Plan and transfer in one call: what most callers want. */
import { computeClosure } from './closure.ts';
import type { StorePath } from '../format/store-path.ts';
import type { Store } from '../store/store.ts';
import type { CopyEvent, CopySummary } from './events.ts';
import { fanOut, type FanOutOptions, type FanOutTarget } from './fan-out.ts';
import { planCopy, type PlanOptions } from './plan.ts';
import { transfer, type TransferOptions } from './transfer.ts';

/**
 * Copies `roots` with all they refer to; what the destination has already is not sent.
 *
 * ```ts
 * import { copyClosure, MemoryStore } from 'nix-ferry';
 *
 * await using source = new MemoryStore();
 * await using destination = new MemoryStore();
 * const summary = await copyClosure(source, destination, []);
 * console.log(summary.copied); // 0
 * ```
 */
export async function copyClosure(
  source: Store,
  destination: Store,
  roots: Iterable<StorePath>,
  options: PlanOptions & TransferOptions = {},
): Promise<CopySummary> {
  const plan = await planCopy(source, destination, roots, options);
  const keepSignatures = options.keepSignatures ?? (options.signKeys?.length ?? 0) > 0;
  return transfer(plan, source, destination, { ...options, keepSignatures });
}

export interface CopyToManyOptions
  extends Omit<PlanOptions, 'closure' | 'onEvent'>,
    Omit<TransferOptions, 'onEvent' | 'keepOrder'>,
    FanOutOptions {
  /** @param key of the destination that it is about */
  readonly onEvent?: ((key: string, event: CopyEvent) => void) | undefined;
}

/**
 * The same to several stores at the same time: what they lack is read once for all of them. None of them delays or fails
 * another once all are planned for; `fanOut` says more.
 *
 * ```ts
 * import { copyClosureToMany, MemoryStore } from 'nix-ferry';
 *
 * await using source = new MemoryStore();
 * const destinations = new Map([['one', new MemoryStore()], ['two', new MemoryStore()]]);
 * const outcomes = await copyClosureToMany(source, destinations, []);
 * console.log(outcomes.get('one')?.status); // fulfilled
 * ```
 *
 * @returns how each ended, by the keys of `destinations`
 * @throws what keeps the source from telling the closure
 */
export async function copyClosureToMany(
  source: Store,
  destinations: ReadonlyMap<string, Store>,
  roots: Iterable<StorePath>,
  options: CopyToManyOptions = {},
): Promise<Map<string, PromiseSettledResult<CopySummary>>> {
  const { onEvent, parallel, windowBytes, signal, ...shared } = options;
  const wanted = [...new Set(roots)];
  const closure = await computeClosure(source, wanted, { ...shared, signal, onEvent: undefined });
  const keepSignatures = options.keepSignatures ?? (options.signKeys?.length ?? 0) > 0;
  const planTarget = async (key: string, destination: Store): Promise<FanOutTarget> => {
    const own = { ...shared, signal, onEvent: (event: CopyEvent) => onEvent?.(key, event) };
    const plan = await planCopy(source, destination, wanted, { ...own, closure });
    return { ...own, key, destination, plan, keepSignatures };
  };
  const keys = [...destinations.keys()];
  const plans = await Promise.allSettled(
    Array.from(destinations, ([key, destination]) => planTarget(key, destination)),
  );
  const targets = plans.flatMap((plan) => (plan.status === 'fulfilled' ? [plan.value] : []));
  const copies = fanOut(source, targets, { parallel, windowBytes, signal });
  const outcomes = new Map<string, PromiseSettledResult<CopySummary>>();
  for (const [index, plan] of plans.entries()) {
    const key = keys[index] ?? '';
    const [outcome] = await Promise.allSettled([
      plan.status === 'fulfilled' ? copies.get(key) : Promise.reject(plan.reason),
    ]);
    outcomes.set(key, outcome as PromiseSettledResult<CopySummary>);
  }
  return outcomes;
}
