import assert from 'node:assert/strict';
import { test } from 'node:test';
import { graphOfEdges } from '../format/reference-graph.ts';
import { defaultStoreDir, type StorePath } from '../format/store-path.ts';
import { findInClosure } from './find-in-closure.ts';

const names = [
  'glibc-2.38',
  'glibc-2.38-bin',
  'gcc-12',
  'gcc-13',
  'tool-1-dev',
  'tool-1-man',
  'plain',
];
const paths = names.map((name, n) => `${String(n).repeat(32)}-${name}` as StorePath);
const graph = graphOfEdges({ paths, narSizes: new Float64Array(paths.length) }, [], []);
const find = (word: string): StorePath | undefined => findInClosure(defaultStoreDir, graph, word);

test('a path is found by its package, with or without a version', () => {
  assert.equal(find('glibc'), paths[0], 'the main output');
  assert.equal(find('glibc-2.38'), paths[0]);
  assert.equal(find('glibc-2.38-bin'), paths[1]);
  assert.equal(find('gcc-13'), paths[3]);
  assert.equal(find('plain'), paths[6]);
});

test('what is no name, or the name of nothing there, is not found', () => {
  for (const word of ['', 'other', 'glib', './glibc', 'bin/glibc', paths[0] ?? '']) {
    assert.equal(find(word), undefined, word);
  }
});

test('several paths of one name are told', () => {
  assert.throws(() => find('gcc'), {
    code: 'usage',
    message: '"gcc" is the name of 2 paths there',
    hint: `name one in full: ${paths
      .slice(2, 4)
      .map((path) => `/nix/store/${path}`)
      .join(', ')}`,
  });
  assert.throws(() => find('tool'), { code: 'usage' });
});
