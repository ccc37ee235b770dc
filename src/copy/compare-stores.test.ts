import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import type { StorePath } from '../format/store-path.ts';
import { compareStores, type PackageDifference, type SizedPath } from './compare-stores.ts';

/** The first letter stands for the hash part. */
function sized(text: string, narSize = 10): SizedPath {
  const path = `${(text[0] ?? '').repeat(32)}-${text.slice(2)}` as StorePath;
  return { path, narSize };
}

function lineOf({ name, state, before, after, ...rest }: PackageDifference): string {
  const { removedVersions, addedVersions, keptVersions, removedPaths, addedPaths } = rest;
  const versions = `${removedVersions.join()}>${addedVersions.join()}=${keptVersions.join()}`;
  const counts = `-${removedPaths.length}+${addedPaths.length}`;
  return `${state} ${name} ${versions} ${counts} ${before.narSize}>${after.narSize}`;
}

test('packages are compared by version and by what their paths are', () => {
  const before = [
    sized('a hello-1.9', 5),
    sized('b glibc-2.38-66', 100),
    sized('c glibc-2.38-66-bin', 20),
    sized('d gone-3'),
    sized('f plain'),
    sized('g multi-1'),
    sized('h multi-2'),
    sized('i same-1'),
    sized('j outputs-1'),
    sized('k hello-1.9.drv', 1),
  ];
  const after = [
    sized('l hello-1.10', 8),
    sized('m glibc-2.38-66', 100),
    sized('n glibc-2.38-66-bin', 21),
    sized('o new-0.1'),
    sized('p plain'),
    sized('h multi-2'),
    sized('q multi-3'),
    sized('i same-1'),
    sized('j outputs-1'),
    sized('r outputs-1-dev', 7),
    sized('s hello-1.10.drv', 1),
  ];
  const { packages, ...totals } = compareStores(before, after);
  assert.deepEqual(packages.map(lineOf), [
    'rebuilt glibc >=2.38-66 -2+2 120>121',
    'removed gone 3>= -1+0 10>0',
    'changed hello 1.9>1.10= -1+1 5>8',
    'changed hello.drv 1.9>1.10= -1+1 1>1',
    'changed multi 1>3=2 -1+1 20>20',
    'added new >0.1= -0+1 0>10',
    'changed outputs >=1 -0+1 10>17',
    'rebuilt plain >= -1+1 10>10',
  ]);
  assert.deepEqual(totals, {
    before: { paths: 10, narSize: 186 },
    after: { paths: 11, narSize: 197 },
    common: { paths: 3, narSize: 30 },
    removed: { paths: 7, narSize: 156 },
    added: { paths: 8, narSize: 167 },
  });
});

const sets = fc.array(
  fc.tuple(fc.constantFrom(...'abcdfg'.split('')), fc.constantFrom('x-1', 'x-2', 'x-2-bin', 'y')),
);

test('the totals add up, whatever is compared; nothing differs from itself', () => {
  const pathsOf = (some: readonly (readonly [string, string])[]): SizedPath[] =>
    some.map(([hash, name]) => sized(`${hash} ${name}`, hash.charCodeAt(0)));
  fc.assert(
    fc.property(sets, sets, (one, other) => {
      const { before, after, common, removed, added, packages } = compareStores(
        pathsOf(one),
        pathsOf(other),
      );
      for (const what of ['paths', 'narSize'] as const) {
        assert.equal(before[what], common[what] + removed[what]);
        assert.equal(after[what], common[what] + added[what]);
        const growth = packages.reduce(
          (sum, each) => sum + each.after[what] - each.before[what],
          0,
        );
        assert.equal(growth, after[what] - before[what]);
      }
      assert.deepEqual(compareStores(pathsOf(one), pathsOf(one)).packages, []);
    }),
  );
});
