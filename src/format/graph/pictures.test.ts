/** The pictures of a closure: dot, GraphML and trees; what real Nix prints is in test/interop/nix-store/query.test.ts. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { isFerryError } from '../../error.ts';
import {
  graphOfInfos,
  numbersOf,
  topologicalOrder,
  type ReferenceGraph,
} from '../reference-graph.ts';
import { defaultStoreDir, parseStorePathBaseName, type StorePath } from '../store-path.ts';
import { dotOf } from './dot.ts';
import { graphmlOf } from './graphml.ts';
import { makeOrderWithin } from './order-within.ts';
import { treeLines } from './tree-lines.ts';

/** `a-1` is the path whose hash part is all "a" and whose name is "a-1". */
function pathOf(name: string): StorePath {
  return parseStorePathBaseName(`${(name[0] ?? '').repeat(32)}-${name}`);
}

/** Written as `{ b: ['a'] }`: b refers to a. */
function graphOf(references: Readonly<Record<string, readonly string[]>>): ReferenceGraph {
  const narHash = { algorithm: 'sha256' as const, digest: new Uint8Array(32) };
  const infos = Object.entries(references).map(([name, others]) => {
    const path = pathOf(name);
    return { path, narHash, narSize: 120, references: others.map(pathOf).sort(), signatures: [] };
  });
  return graphOfInfos(new Map(infos.map((info) => [info.path, info])));
}

/** b and c refer to a, d to both, and c to itself; x is apart. */
const diamond = graphOf({ a: [], 'b-1': ['a'], c: ['a', 'c'], 'd.drv': ['b-1', 'c'], x: [] });

function short(text: string): string {
  return text.replaceAll(/([a-z0-9])\1{31}-/g, '');
}

function treeOf(graph: ReferenceGraph, ...roots: readonly string[]): string[] {
  const numbers = numbersOf(graph.paths);
  const some = roots.map((root) => numbers.get(pathOf(root)) ?? -1);
  return [...treeLines(graph, some)].map(short);
}

test('a tree unfolds each path once, and shows that one refers to itself', () => {
  assert.deepEqual(treeOf(diamond, 'd.drv', 'x', 'b-1'), [
    'd.drv\n',
    '├───b-1\n',
    '│   └───a\n',
    '└───c\n',
    '    ├───a [...]\n',
    '    └───c [...]\n',
    'x\n',
    'b-1 [...]\n',
  ]);
  assert.deepEqual(
    [...treeLines(diamond, [0], { label: (node) => `${node}: ${diamond.narSizes[node]}` })],
    ['0: 120\n'],
  );
});

test('in a tree comes first what the other references depend on', () => {
  const graph = graphOf({ z: [], m: ['z'], b: ['m'], w: ['b', 'm', 'z'] });
  assert.deepEqual(treeOf(graph, 'w'), [
    'w\n',
    '├───z\n',
    '├───m\n',
    '│   └───z [...]\n',
    '└───b\n',
    '    └───m [...]\n',
  ]);
  // What is between them doesn't count where it isn't a reference of the same path.
  const without = graphOf({ z: [], m: ['z'], b: ['m'], w: ['b', 'z'] });
  assert.deepEqual(treeOf(without, 'w')[1], '├───b\n');
});

test('a tree may be as deep as it likes', () => {
  const count = 3000;
  const narSizes = new Float64Array(count);
  const paths = Array.from({ length: count }, (_, n) =>
    parseStorePathBaseName(`${'0'.repeat(28)}${1000 + n}-p`),
  );
  const offsets = Uint32Array.from({ length: count + 1 }, (_, n) => Math.max(0, n - 1));
  const targets = Uint32Array.from({ length: count - 1 }, (_, n) => n);
  const graph = { paths, narSizes, offsets, targets };
  let lines = 0;
  let last = '';
  for (const line of treeLines(graph, [count - 1])) {
    lines++;
    last = line;
  }
  assert.equal(lines, count);
  assert.equal(last, `${' '.repeat(4 * (count - 2))}└───${paths[0]}\n`);
});

test('dot: nodes by name as they are met, edges with colours in turn', () => {
  const node = (name: string): string =>
    `"${name}" [label = "${name}", shape = box, style = filled, fillcolor = "#ff0000"];\n`;
  assert.equal(
    short([...dotOf(defaultStoreDir, diamond, [pathOf('d.drv')])].join('')).replaceAll(
      /"([^"]*)-\1"/g,
      '"$1"',
    ),
    [
      'digraph G {\n',
      node('d.drv'),
      '"b-1" -> "d.drv" [color = "black"];\n',
      '"c" -> "d.drv" [color = "red"];\n',
      node('b-1'),
      '"a" -> "b-1" [color = "green"];\n',
      node('a'),
      node('c'),
      '"a" -> "c" [color = "blue"];\n',
      '}\n',
    ].join(''),
  );
});

test('GraphML: names up to the first dash, and what is a derivation', () => {
  const text = [...graphmlOf(defaultStoreDir, diamond, [pathOf('d.drv'), pathOf('b-1')])].join('');
  const node = (name: string, shown: string, type: string): string =>
    `  <node id="${pathOf(name)}">\n    <data key="narSize">120</data>\n    <data key="name">${shown}</data>\n    <data key="type">${type}</data>\n  </node>\n`;
  const edge = (from: string, to: string): string =>
    `  <edge source="${pathOf(from)}" target="${pathOf(to)}"/>\n`;
  assert.equal(
    text.slice(text.indexOf('  <node')),
    [
      node('b-1', 'b-', 'output-path'),
      edge('b-1', 'a'),
      node('a', '', 'output-path'),
      node('d.drv', '', 'derivation'),
      edge('d.drv', 'b-1'),
      edge('d.drv', 'c'),
      node('c', '', 'output-path'),
      edge('c', 'a'),
      '</graph>\n</graphml>\n',
    ].join(''),
  );
});

test('a root that is not there ends a picture in its turn', () => {
  const told: string[] = [];
  assert.throws(
    () => {
      for (const piece of dotOf(defaultStoreDir, diamond, [
        pathOf('x'),
        pathOf('b-0'),
        pathOf('a'),
      ]))
        told.push(short(piece).slice(0, 10));
    },
    (error) => isFerryError(error, 'not-found') && error.message.includes(pathOf('b-0')),
  );
  assert.deepEqual(told, ['digraph G ', '"a" [label', '"b-0" [lab']);
  const pieces = graphmlOf(defaultStoreDir, diamond, [pathOf('0')]);
  assert.match(pieces.next().value ?? '', /^<\?xml/);
  assert.throws(() => pieces.next(), { code: 'not-found' });
});

/** Edges lead from later ones to earlier ones, or to itself. */
const graphs = fc
  .array(fc.subarray('0123456789abcdfg'.split('')), { minLength: 16, maxLength: 16 })
  .map((all) => {
    const names = '7c3g0f9a51b8d642'.split('');
    return graphOf(
      Object.fromEntries(
        names.map((name, n) => [name, (all[n] ?? []).filter((other) => names.indexOf(other) <= n)]),
      ),
    );
  });

test('a picture has every node that can be reached once, and every edge', () => {
  fc.assert(
    fc.property(graphs, fc.nat({ max: 15 }), (graph, root) => {
      const path = graph.paths[root] as StorePath;
      const text = [...dotOf(defaultStoreDir, graph, [path])].join('');
      const nodes = [...text.matchAll(/^"(.*)" \[label/gm)].map(([, name]) => name);
      const edges = [...text.matchAll(/^"(.*)" -> "(.*)" \[/gm)].map(([, to, from]) => {
        return `${from} ${to}`;
      });
      const reached = reachable(graph, root);
      assert.equal(nodes.length, reached.length);
      assert.deepEqual(new Set(nodes), new Set(reached.map((node) => graph.paths[node])));
      const all = reached.flatMap((node) =>
        targetsOf(graph, node).map((target) => `${graph.paths[node]} ${graph.paths[target]}`),
      );
      assert.equal(edges.length, all.length);
      assert.deepEqual(new Set(edges), new Set(all));
      const tree = treeOf(graph, nameAt(graph, root));
      const unfolded = tree.filter((line) => !line.endsWith(' [...]\n'));
      assert.equal(unfolded.length, reached.length);
    }),
  );
});

test('in the order within a set each comes after what it refers to', () => {
  fc.assert(
    fc.property(graphs, fc.array(fc.subarray([...Array(16).keys()])), (graph, subsets) => {
      const orderWithin = makeOrderWithin(graph);
      assert.deepEqual([...orderWithin([...graph.paths.keys()])], [...topologicalOrder(graph)]);
      for (const subset of subsets) {
        const order = [...orderWithin(subset)];
        assert.deepEqual(
          order.toSorted((a, b) => a - b),
          subset,
        );
        for (const [i, node] of order.entries()) {
          for (const target of targetsOf(graph, node)) {
            assert.ok(!subset.includes(target) || order.indexOf(target) < i);
          }
        }
      }
    }),
  );
});

test('paths that refer to each other have no order', () => {
  const graph = graphOf({ a: ['b'], b: ['c'], c: ['a'] });
  const orderWithin = makeOrderWithin(graph);
  assert.throws(() => orderWithin([0, 1, 2]), { code: 'corrupt' });
  assert.deepEqual([...orderWithin([0, 1])], [1, 0]);
});

function targetsOf({ offsets, targets }: ReferenceGraph, node: number): number[] {
  return [...targets.subarray(offsets[node], offsets[node + 1])].filter((to) => to !== node);
}

function reachable(graph: ReferenceGraph, root: number): number[] {
  const reached = new Set([root]);
  for (const node of reached) for (const target of targetsOf(graph, node)) reached.add(target);
  return [...reached];
}

function nameAt(graph: ReferenceGraph, node: number): string {
  return graph.paths[node]?.slice(33) ?? '';
}
