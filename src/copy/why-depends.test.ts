import assert from 'node:assert/strict';
import { test } from 'node:test';
import { samplePath } from '../../test/conformance/nars.ts';
import type { PathInfo } from '../format/path-info.ts';
import type { StorePath } from '../format/store-path.ts';
import { splitPackageName } from '../format/package-name.ts';
import { diffClosures } from './diff-closures.ts';
import { distancesTo, whyDepends } from './why-depends.ts';

function info(name: string, narSize: number, ...references: readonly PathInfo[]): PathInfo {
  const { info } = samplePath(
    name,
    references.map(({ path }) => path),
  );
  return { ...info, narSize };
}

function closureOf(...infos: readonly PathInfo[]): Map<StorePath, PathInfo> {
  return new Map(infos.map((one) => [one.path, one]));
}

const target = info('target', 1);
const near = info('near', 10, target);
const far = info('far', 100, near);
const aside = info('aside', 1000);
const top = info('top', 10_000, far, near, aside);
const closure = closureOf(top, far, near, aside, target);

test('the shortest way is told, or every reference that is on one', () => {
  const shortest = whyDepends(closure, top.path, target.path, { all: false });
  assert.deepEqual(shortest?.(top.path), [near.path]);
  assert.deepEqual(shortest?.(near.path), [target.path]);
  assert.deepEqual(shortest?.(target.path), []);
  const all = whyDepends(closure, top.path, target.path, { all: true });
  assert.deepEqual(all?.(top.path), [near.path, far.path]);
  assert.deepEqual(all?.(near.path), [target.path]);
  assert.deepEqual(all?.(near.path), [], 'each is told of once');
});

test('what does not depend gives nothing', () => {
  assert.equal(whyDepends(closure, target.path, top.path, { all: true }), undefined);
  assert.equal(whyDepends(closure, aside.path, target.path, { all: true }), undefined);
  const elsewhere = info('elsewhere', 1);
  assert.equal(whyDepends(closure, top.path, elsewhere.path, { all: true }), undefined);
});

test('a path that refers to itself is no way of its own, unless it is what is asked about', () => {
  const plain = info('self', 1, target);
  const self = { ...plain, references: [...plain.references, plain.path].sort() };
  const withSelf = closureOf(self, target);
  const step = whyDepends(withSelf, self.path, target.path, { all: true });
  assert.deepEqual(step?.(self.path), [target.path]);
  const same = whyDepends(withSelf, self.path, self.path, { all: false });
  assert.deepEqual(same?.(self.path), [self.path]);
});

test('distances are counted in references', () => {
  const distances = distancesTo(closure, target.path);
  assert.deepEqual(
    [target, near, far, top, aside].map(({ path }) => distances.get(path)),
    [0, 1, 2, 2, undefined],
  );
});

test('packages are compared by name, with versions that came and went', () => {
  const before = [
    info('hello-1.0', 10),
    info('glibc-2.38-66', 20_000),
    info('glibc-2.38-66-bin', 100),
    info('gone-3', 10),
    info('plain', 10),
    info('multi-1', 10),
    info('same-1', 10),
  ];
  const after = [
    info('hello-1.1', 10),
    info('glibc-2.38-66', 2_000_000),
    info('multi-2', 10),
    info('multi-3', 10),
    info('same-1', 10 + 8191),
    info('python3.11-foo-1.2', 10),
    info('x-1.0-lib32', 10),
  ];
  assert.deepEqual(diffClosures(before, after), [
    { name: 'glibc', removed: [], added: [], growth: 1_979_900 },
    { name: 'gone', removed: ['3'], added: [], growth: -10 },
    { name: 'hello', removed: ['1.0'], added: ['1.1'], growth: 0 },
    { name: 'multi', removed: ['1'], added: ['2', '3'], growth: 10 },
    { name: 'plain', removed: [''], added: [], growth: -10 },
    { name: 'python3.11-foo', removed: [], added: ['1.2'], growth: 10 },
    { name: 'x', removed: [], added: ['1.0'], growth: 10 },
  ]);
  assert.deepEqual(diffClosures(after, after), []);
});

test('a version begins where no letter follows the dash', () => {
  const cases: [string, string, string][] = [
    ['hello-2.12', 'hello', '2.12'],
    ['python3.11-foo-1.2', 'python3.11-foo', '1.2'],
    ['plain', 'plain', ''],
    ['a-b-c', 'a-b-c', ''],
    ['x--1', 'x', '-1'],
    ['ends-', 'ends-', ''],
  ];
  for (const [text, name, version] of cases) {
    assert.deepEqual(splitPackageName(text), { name, version }, text);
  }
});
