/** Plan and transfer in one call: what most callers want. */
import type { StorePath } from '../format/store-path.ts';
import type { Store } from '../store/store.ts';
import type { CopySummary } from './events.ts';
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
