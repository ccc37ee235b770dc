/** Where the arrow keys lead in the graph: up and down along references, left and right within a layer. */
import type { Analysis } from '../model/analysis.ts';
import { neighbours } from '../model/closure.ts';
import type { Layout } from '../model/layered-layout.ts';

/** The node that stands nearest of those a key leads to; undefined where there is none. */
export function stepFrom(
  { closure, distances }: Analysis,
  { x, y }: Layout,
  from: number,
  key: string,
): number | undefined {
  const here = x[from] ?? 0;
  const away = (n: number): number =>
    Math.abs((x[n] ?? 0) - here) + Math.abs((y[n] ?? 0) - (y[from] ?? 0));
  let choices: number[] = [];
  if (key === 'ArrowUp') choices = [...neighbours(closure.referrers, from)];
  else if (key === 'ArrowDown') choices = [...neighbours(closure.references, from)];
  else {
    const side = key === 'ArrowLeft' ? -1 : 1;
    for (const [n, layer] of distances.longest.entries()) {
      const isBeside = ((x[n] ?? 0) - here) * side > 1e-6;
      if (isBeside && layer === distances.longest[from]) choices.push(n);
    }
  }
  return choices.sort((a, b) => away(a) - away(b))[0];
}
