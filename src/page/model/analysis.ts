/** All that the page knows of a closure, computed once when it opens. */
import type { Closure } from './closure.ts';
import { referrersFirst } from './depth-first.ts';
import { distancesOf, type Distances } from './distances.ts';
import { heldOf, type Held } from './held.ts';

export interface Analysis {
  readonly closure: Closure;
  /** All nodes, each before what it refers to. */
  readonly order: Uint32Array;
  readonly distances: Distances;
  readonly held: Held;
}

export function analyse(closure: Closure): Analysis {
  const order = referrersFirst(closure.references, closure.roots);
  return {
    closure,
    order,
    distances: distancesOf(closure, order),
    held: heldOf(closure, order),
  };
}
