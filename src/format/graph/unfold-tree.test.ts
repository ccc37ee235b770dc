import assert from 'node:assert/strict';
import { test } from 'node:test';
import { graphOfEdges, type ReferenceGraph } from '../reference-graph.ts';
import type { StorePath } from '../store-path.ts';
import { unfoldTree, type UnfoldOptions } from './unfold-tree.ts';

/** Nodes are the letters in order; `ba` is an edge from b to a. */
function graphOf(letters: string, ...edges: readonly string[]): ReferenceGraph {
  const number = (letter = ''): number => letters.indexOf(letter);
  return graphOfEdges(
    {
      paths: letters.split('').map((letter) => letter as StorePath),
      narSizes: new Float64Array(letters.length),
    },
    edges.map(([from]) => number(from)),
    edges.map(([, to]) => number(to)),
  );
}

/** c refers to both others and itself, b to a; d to all. */
const graph = graphOf('abcd', 'ba', 'ca', 'cb', 'cc', 'da', 'db', 'dc');

function linesOf(roots: readonly number[], options: UnfoldOptions = {}): string[] {
  return [...unfoldTree(graph, roots, options)].map(
    ({ node, branch, depth, isRepeated, hidden }) =>
      `${branch}${graph.paths[node]} ${depth}${isRepeated ? ' again' : ''}${hidden > 0 ? ` +${hidden}` : ''}`,
  );
}

test('each node is unfolded once', () => {
  assert.deepEqual(linesOf([3, 2]), [
    'd 0',
    '├───a 1',
    '├───b 1',
    '│   └───a 2 again',
    '└───c 1',
    '    ├───a 2 again',
    '    ├───b 2 again',
    '    └───c 2 again',
    'c 0 again',
  ]);
});

test('what is too deep is counted, and shown where it is met again nearer to a root', () => {
  assert.deepEqual(linesOf([3], { depthMax: 0 }), ['d 0 +3']);
  assert.deepEqual(linesOf([3], { depthMax: 1 }), ['d 0', '├───a 1', '├───b 1 +1', '└───c 1 +3']);
  const chain = graphOf('abcd', 'ba', 'cb', 'dc', 'db');
  const lines = [
    ...unfoldTree(chain, [3], { depthMax: 2, order: (some) => Uint32Array.from(some).reverse() }),
  ];
  assert.deepEqual(
    lines.map(({ node, depth, hidden }) => [chain.paths[node], depth, hidden]),
    [
      ['d', 0, 0],
      ['c', 1, 0],
      ['b', 2, 1],
      ['b', 1, 0],
      ['a', 2, 0],
    ],
  );
});

test('references come in the order asked for', () => {
  const order = (some: ArrayLike<number>): Uint32Array => Uint32Array.from(some).reverse();
  assert.deepEqual(linesOf([1, 3], { order }), [
    'b 0',
    '└───a 1',
    'd 0',
    '├───c 1',
    '│   ├───c 2 again',
    '│   ├───b 2 again',
    '│   └───a 2 again',
    '├───b 1 again',
    '└───a 1 again',
  ]);
});
