import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { hashBytes } from '../format/hash.ts';
import type { PathInfo } from '../format/path-info.ts';
import { parseStorePathBaseName, type StorePath } from '../format/store-path.ts';
import { sortTopologically } from './order.ts';

function pathOf(i: number): StorePath {
  return parseStorePathBaseName(`${String(i).padStart(32, '0')}-p`);
}

function info(i: number, references: readonly number[] = []): PathInfo {
  return {
    path: pathOf(i),
    narHash: hashBytes('sha256', ''),
    narSize: 1,
    references: references.map(pathOf).sort(),
    signatures: [],
  };
}

function sorted(...infos: PathInfo[]): number[] {
  return sortTopologically(infos).map(({ path }) => Number(path.slice(0, 32)));
}

test('references come first, and equals in the order of their names', () => {
  assert.deepEqual(
    sorted(info(1, [3, 2]), info(2), info(3, [4]), info(4), info(0)),
    [0, 2, 4, 3, 1],
  );
});

test('a path that refers to itself, or out of the set, is no cycle', () => {
  assert.deepEqual(sorted(info(1, [1, 9])), [1]);
});

test('a cycle is refused, naming a path of it', () => {
  assert.throws(() => sorted(info(1, [2]), info(2, [3]), info(3, [1])), {
    code: 'corrupt',
    message: /cycle/,
  });
});

test('every acyclic set is sorted so that each comes after its references', () => {
  const edges = fc.array(fc.tuple(fc.nat(30), fc.nat(30)), { maxLength: 100 });
  fc.assert(
    fc.property(edges, (pairs) => {
      const infos = Array.from({ length: 31 }, (_, i) =>
        info(i, [
          ...new Set(pairs.filter(([from, to]) => from === i && to < i).map(([, to]) => to)),
        ]),
      );
      const seen = new Set<StorePath>();
      for (const { path, references } of sortTopologically(infos)) {
        for (const reference of references) assert.ok(seen.has(reference));
        seen.add(path);
      }
      assert.equal(seen.size, infos.length);
    }),
  );
});

test('a chain of 100,000 is sorted without deep recursion', () => {
  const infos = Array.from({ length: 100_000 }, (_, i) => info(i, i < 99_999 ? [i + 1] : []));
  assert.equal(sortTopologically(infos).at(-1)?.path, pathOf(0));
});
