import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { graphOfEdges, referencesOf, type ReferenceGraph } from '../format/reference-graph.ts';
import type { StorePath } from '../format/store-path.ts';
import { distancesTo, graphBetween, shortestChains } from './shortest-chains.ts';

function graphOf(count: number, edges: readonly (readonly [number, number])[]): ReferenceGraph {
  const paths = Array.from(
    { length: count },
    (_, n) => `${String(n).padStart(32, '0')}-p` as StorePath,
  );
  return graphOfEdges(
    { paths, narSizes: new Float64Array(count) },
    edges.map(([from]) => from),
    edges.map(([, to]) => to),
  );
}

/** All ways, by trying all; the graph has no cycles but loops. */
function allChains(graph: ReferenceGraph, from: number, to: number): number[][] {
  if (from === to) return [[to]];
  return [...referencesOf(graph, from)]
    .filter((target) => target !== from)
    .flatMap((target) => allChains(graph, target, to).map((rest) => [from, ...rest]));
}

const COUNT = 9;
const graphs = fc
  .uniqueArray(fc.tuple(fc.nat(COUNT - 1), fc.nat(COUNT - 1)), {
    selector: ([a, b]) => `${Math.max(a, b)} ${Math.min(a, b)}`,
  })
  .map((edges) =>
    graphOf(
      COUNT,
      edges.map(([a, b]) => [Math.max(a, b), Math.min(a, b)] as const),
    ),
  );

test('the shortest chains are those of trying all', () => {
  fc.assert(
    fc.property(graphs, fc.nat(COUNT - 1), fc.nat(COUNT - 1), (graph, from, to) => {
      const all = allChains(graph, from, to);
      const found = shortestChains(graph, { from, to, max: 1000 });
      if (all.length === 0) {
        assert.equal(found, undefined);
        return;
      }
      const length = Math.min(...all.map((chain) => chain.length - 1));
      const shortest = all.filter((chain) => chain.length - 1 === length);
      assert.deepEqual(found, { length, count: shortest.length, chains: shortest });
      const few = shortestChains(graph, { from, to, max: 2 });
      assert.deepEqual(few, { length, count: shortest.length, chains: shortest.slice(0, 2) });
    }),
  );
});

test('between two paths lies what is on any chain', () => {
  fc.assert(
    fc.property(graphs, fc.nat(COUNT - 1), fc.nat(COUNT - 1), (graph, from, to) => {
      const chains = allChains(graph, from, to);
      const between = graphBetween(graph, from, to);
      const expected = [...new Set(chains.flat())].sort((a, b) => a - b);
      assert.deepEqual(
        between.paths,
        expected.map((n) => graph.paths[n]),
      );
      const edges = new Set(
        chains.flatMap((chain) => chain.slice(1).map((n, i) => `${chain[i]} ${n}`)),
      );
      assert.equal(between.targets.length, edges.size);
    }),
  );
});

test('so many chains that they can not be counted', () => {
  // Sixty diamonds in a row: 2^60 ways.
  const edges: [number, number][] = [];
  for (let i = 0; i < 60; i++) {
    const bottom = 3 * i;
    edges.push(
      [bottom + 1, bottom],
      [bottom + 2, bottom],
      [bottom + 3, bottom + 1],
      [bottom + 3, bottom + 2],
    );
  }
  const graph = graphOf(181, edges);
  const found = shortestChains(graph, { from: 180, to: 0, max: 3 });
  assert.equal(found?.count, Infinity);
  assert.equal(found.length, 120);
  assert.equal(found.chains.length, 3);
  assert.equal(shortestChains(graph, { from: 3, to: 0, max: 0 })?.count, 2);
});

test('distances are counted in references', () => {
  const graph = graphOf(5, [
    [1, 0],
    [2, 1],
    [3, 2],
    [3, 1],
    [3, 3],
  ]);
  assert.deepEqual([...distancesTo(graph, 0)], [0, 1, 2, 2, -1]);
});
