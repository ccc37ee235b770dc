/** How many readings of a store whose paths lie on this machine may be under way at the same time. */
import type { TreeWorkers } from '../system/tree-jobs.ts';

/** A NAR that isn't taken on keeps a thread busy: one is left for whoever packs something else. */
export function readingsOnThreads({ width }: TreeWorkers): number {
  return Math.max(1, width - 1);
}
