/** The exit status of a deployment, out of what became of each host (docs/exit-status.md). */
import type { HostResult } from '../../deploy/events.ts';
import { isGood } from '../../deploy/strategy.ts';
import { exitStatusOf, partialStatus, rolledBackStatus } from '../errors.ts';

/**
 * 0 only where every host has what was asked for. Where all that went wrong went wrong in one way, it is that way's
 * status; hosts whose turn didn't come say nothing about it.
 */
export function deployStatus(results: Iterable<Pick<HostResult, 'outcome' | 'error'>>): number {
  const all = [...results];
  const bad = all.filter(({ outcome }) => !isGood(outcome));
  if (bad.length === 0) return 0;
  if (bad.length < all.length) return partialStatus;
  const causes = bad.filter(({ outcome, error }) => outcome !== 'skipped' || error !== undefined);
  const statuses = new Set(causes.map(statusOf));
  const [first = 1] = statuses;
  return statuses.size === 1 ? first : 1;
}

function statusOf({ outcome, error }: Pick<HostResult, 'outcome' | 'error'>): number {
  if (outcome === 'rolled-back') return rolledBackStatus;
  return error === undefined ? 1 : exitStatusOf(error);
}
