import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import type { PathInfo } from '../format/path-info.ts';
import { graphOfEdges, type ReferenceGraph } from '../format/reference-graph.ts';
import type { StorePath } from '../format/store-path.ts';
import { closureSizes, ClosureSums, computeClosureSizes } from './closure-sizes.ts';

/** Nodes whose numbers say nothing of their order: edges lead from later to earlier places of `order`. */
function graphOf(
  order: readonly number[],
  edges: readonly (readonly [number, number])[],
): ReferenceGraph {
  const paths = order.map((_, n) => `${String(n).padStart(32, '0')}-p` as StorePath);
  const narSizes = Float64Array.from(order, (_, n) => (n * 7919) % 10_007);
  const unique = new Map(
    edges.map(([a, b]) => {
      const [from = 0, to = 0] = [Math.max(a, b), Math.min(a, b)].map((at) => order[at]);
      return [`${from} ${to}`, [from, to] as const];
    }),
  );
  const kept = [...unique.values()];
  return graphOfEdges(
    { paths, narSizes },
    kept.map(([from]) => from),
    kept.map(([, to]) => to),
  );
}

function naiveSum({ narSizes, offsets, targets }: ReferenceGraph, n: number): number {
  const seen = new Set([n]);
  let sum = 0;
  for (const node of seen) {
    sum += narSizes[node] ?? 0;
    for (const target of targets.subarray(offsets[node], offsets[node + 1])) seen.add(target);
  }
  return sum;
}

/** Of so many nodes, and about so many references of each: several blocks of columns, the last of them not full. */
function graphs(count: number, each: number): fc.Arbitrary<ReferenceGraph> {
  const node = fc.nat(count - 1);
  return fc
    .tuple(
      fc.shuffledSubarray([...Array(count).keys()], { minLength: count }),
      fc.array(fc.tuple(node, node), { maxLength: count * each }),
    )
    .map(([order, edges]) => graphOf(order, edges));
}

test('the sums are those of walking to each', async () => {
  for (const [count, each] of [
    [1, 1],
    [40, 3],
    [600, 1],
    [600, 3],
  ] as const) {
    await fc.assert(
      fc.asyncProperty(graphs(count, each), async (graph) => {
        const sums = await computeClosureSizes(graph);
        for (const n of graph.paths.keys()) assert.equal(sums[n], naiveSum(graph, n));
      }),
      { numRuns: count > 100 ? 5 : 50 },
    );
  }
});

test('a chain, and a graph without references, across blocks', () => {
  const count = 1000;
  const order = [...Array(count).keys()];
  const chain = graphOf(
    order,
    order.slice(1).map((n) => [n, n - 1]),
  );
  const sums = closureSizes(chain);
  let sum = 0;
  for (const n of order) {
    sum += chain.narSizes[n] ?? 0;
    assert.equal(sums[n], sum);
  }
  assert.deepEqual(closureSizes(graphOf(order, [])), chain.narSizes);
});

test('sums of terabytes are exact', () => {
  const order = [...Array(300).keys()];
  const graph = graphOf(
    order,
    order.slice(1).map((n) => [n, n - 1]),
  );
  const weights = new Float64Array(300).fill(2 ** 44 + 1);
  const sums = closureSizes(graph, { weights });
  assert.equal(sums[299], 300 * (2 ** 44 + 1));
});

test('of a few nodes only their sums are computed', () => {
  const graph = graphOf(
    [0, 1, 2],
    [
      [2, 1],
      [1, 1],
    ],
  );
  const [zero, one, two] = closureSizes(graph, { of: [2] });
  assert.equal(zero, 0);
  assert.equal(one, 0);
  assert.equal(two, naiveSum(graph, 2));
});

test('a cycle is an error', async () => {
  const paths = ['a', 'b'].map((name) => `${'0'.repeat(32)}-${name}` as StorePath);
  const graph = graphOfEdges({ paths, narSizes: new Float64Array(2) }, [0, 1], [1, 0]);
  await assert.rejects(computeClosureSizes(graph), { code: 'corrupt' });
});

test('of infos, by size and by other weights', async () => {
  const narHash = { algorithm: 'sha256' as const, digest: new Uint8Array(32) };
  const info = (name: string, narSize: number, ...references: StorePath[]): PathInfo => {
    const path = `${name.repeat(32)}-x` as StorePath;
    return { path, narHash, narSize, references, signatures: [] };
  };
  const a = info('a', 1);
  const b = info('b', 10, a.path);
  const c = info('c', 100, a.path, b.path);
  const closure = new Map([a, b, c].map((each) => [each.path, each]));
  const sums = new ClosureSums(closure, [c, a]);
  const narSizeOf = await sums.sums();
  assert.deepEqual(
    [a, c].map(({ path }) => narSizeOf(path)),
    [1, 111],
  );
  const paths = await sums.sums(() => 2);
  assert.equal(paths(c.path), 6);
});

test('an abort is heeded between two blocks', async () => {
  const order = [...Array(2000).keys()];
  const stop = new AbortController();
  const summing = computeClosureSizes(graphOf(order, []), { signal: stop.signal });
  stop.abort(new Error('enough'));
  await assert.rejects(summing, { message: 'enough' });
});
