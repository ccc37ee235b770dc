/** What the colours of paths mean. Both scales have as many steps as the stylesheet has colours. */
import { degree, type Closure } from './closure.ts';
import type { Distances } from './distances.ts';

/** By how many paths refer to it directly, or by how far it is from a root. */
export type Colouring = 'referrers' | 'distance';

/** What each step stands for, the first being a root. */
export const stepNames: Readonly<Record<Colouring, readonly string[]>> = {
  referrers: ['root', '1', '2–3', '4–9', '10–29', '30+'],
  distance: ['root', '1', '2', '3', '4', '5+'],
};

/** By number: the step of the scale. */
export function stepsOf(closure: Closure, distances: Distances, colouring: Colouring): Uint8Array {
  const steps = new Uint8Array(closure.count);
  for (let n = 0; n < closure.count; n++) {
    steps[n] =
      colouring === 'referrers'
        ? referrersStep(degree(closure.referrers, n))
        : Math.min(distances.shortest[n] ?? 0, 5);
  }
  for (const root of closure.roots) steps[root] = 0;
  return steps;
}

function referrersStep(count: number): number {
  if (count <= 1) return 1;
  if (count <= 3) return 2;
  if (count <= 9) return 3;
  return count <= 29 ? 4 : 5;
}
