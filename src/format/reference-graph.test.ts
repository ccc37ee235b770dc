import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { sortTopologically } from '../copy/order.ts';
import type { PathInfo } from './path-info.ts';
import {
  graphOfEdges,
  graphOfInfos,
  referencesOf,
  reverseGraph,
  subgraphOf,
  topologicalOrder,
  withoutLoops,
  type ReferenceGraph,
} from './reference-graph.ts';
import { parseStorePathBaseName, type StorePath } from './store-path.ts';

const names = Array.from({ length: 24 }, (_, i) =>
  parseStorePathBaseName(`${'0123456789abcdfghijklmnp'[(i * 7) % 24]}${'0'.repeat(31)}-p${i}`),
);

function infoOf(path: StorePath, references: readonly StorePath[]): PathInfo {
  const narHash = { algorithm: 'sha256' as const, digest: new Uint8Array(32) };
  return { path, narHash, narSize: 100, references: [...references].sort(), signatures: [] };
}

/** Any graph without cycles: edges lead from later ones to earlier ones, or to itself. */
const closures = fc
  .array(fc.subarray([...names.keys()]), { minLength: 24, maxLength: 24 })
  .map((all) => {
    const infos = all.map((some, n) =>
      infoOf(
        names[n] as StorePath,
        some.filter((m) => m <= n).map((m) => names[m] as StorePath),
      ),
    );
    return new Map(infos.map((info) => [info.path, info]));
  });

function edgesOf(graph: ReferenceGraph): string[] {
  return graph.paths.flatMap((path, n) =>
    [...referencesOf(graph, n)].map((target) => `${path} ${graph.paths[target]}`),
  );
}

test('a graph of infos has their paths, sizes and references', () => {
  const [a, b, c] = names as [StorePath, StorePath, StorePath];
  const graph = graphOfInfos(
    new Map([
      [a, infoOf(a, [b, a])],
      [b, infoOf(b, [c])],
    ]),
  );
  assert.deepEqual(graph.paths, [a, b].sort());
  assert.deepEqual([...graph.narSizes], [100, 100]);
  assert.deepEqual(edgesOf(graph), [`${a} ${a}`, `${a} ${b}`].sort(), 'c is not in the graph');
});

test('a graph reversed twice is the same graph', () => {
  fc.assert(
    fc.property(closures, (infos) => {
      const graph = graphOfInfos(infos);
      const turned = reverseGraph(graph);
      assert.deepEqual(
        edgesOf(turned)
          .map((edge) => edge.split(' ').reverse().join(' '))
          .sort(),
        edgesOf(graph).sort(),
      );
      assert.deepEqual(reverseGraph(turned), graph);
    }),
  );
});

test('a graph is the same in whatever order its edges are told', () => {
  fc.assert(
    fc.property(closures, fc.infiniteStream(fc.nat()), (infos, random) => {
      const graph = graphOfInfos(infos);
      const edges = [...graph.paths.keys()]
        .flatMap((n) => [...referencesOf(graph, n)].map((target) => [n, target] as const))
        .map((edge) => ({ edge, by: random.next().value ?? 0 }))
        .sort((a, b) => a.by - b.by);
      const from = edges.map(({ edge }) => edge[0]);
      const to = edges.map(({ edge }) => edge[1]);
      assert.deepEqual(graphOfEdges(graph, from, to), graph);
    }),
  );
});

test('what some nodes lead to is a graph of its own', () => {
  fc.assert(
    fc.property(closures, fc.subarray([...names.keys()]), (infos, roots) => {
      const graph = graphOfInfos(infos);
      const wanted = new Set(roots.map((n) => graph.paths[n] as StorePath));
      for (const path of wanted) {
        for (const reference of infos.get(path)?.references ?? []) wanted.add(reference);
      }
      const kept = new Map([...infos].filter(([path]) => wanted.has(path)));
      assert.deepEqual(subgraphOf(graph, roots), graphOfInfos(kept));
    }),
  );
});

test('references to oneself can be left out', () => {
  fc.assert(
    fc.property(closures, (infos) => {
      const graph = graphOfInfos(infos);
      const others = [...infos.values()].map((info) => ({
        ...info,
        references: info.references.filter((path) => path !== info.path),
      }));
      const without = graphOfInfos(new Map(others.map((info) => [info.path, info])));
      assert.deepEqual(withoutLoops(graph), without);
    }),
  );
});

test('the order is that of Nix: depth first over sorted sets', () => {
  fc.assert(
    fc.property(closures, (infos) => {
      const graph = graphOfInfos(infos);
      assert.deepEqual(
        [...topologicalOrder(graph)].map((n) => graph.paths[n]),
        sortTopologically([...infos.values()]).map(({ path }) => path),
      );
    }),
  );
});

test('a cycle is an error, not a loop', () => {
  const [a, b] = names as [StorePath, StorePath];
  const graph = graphOfInfos(
    new Map([
      [a, infoOf(a, [b])],
      [b, infoOf(b, [a])],
    ]),
  );
  assert.throws(() => topologicalOrder(graph), { code: 'corrupt', message: /form a cycle/ });
});
