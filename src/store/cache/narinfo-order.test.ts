import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { NarInfo } from '../../format/narinfo.ts';
import type { StorePath } from '../../format/store-path.ts';
import { samplePath } from '../../../test/conformance/nars.ts';
import { NarInfoOrder } from './narinfo-order.ts';

const pathOf = (name: string): StorePath => samplePath(name).info.path;

function narInfo(name: string, ...references: readonly string[]): NarInfo {
  const { info } = samplePath(name, references.map(pathOf));
  return { info, url: `nar/${name}`, compression: 'none' };
}

test('what refers to nothing, to itself or to what is there may be written at once', () => {
  const order = new NarInfoOrder((path) => path === pathOf('there'));
  assert.equal(order.add(narInfo('a')), true);
  assert.equal(order.add(narInfo('b', 'b')), true);
  assert.equal(order.add(narInfo('c', 'c', 'there')), true);
  assert.equal(order.size, 0);
});

test('a narinfo waits until the last of its references is there', () => {
  const order = new NarInfoOrder(() => false);
  const [top, side] = [narInfo('top', 'a', 'b', 'top'), narInfo('side', 'a')];
  assert.equal(order.add(top), false);
  assert.equal(order.add(side), false);
  assert.deepEqual(order.lacking.sort(), [pathOf('a'), pathOf('b')].sort());
  assert.deepEqual(order.arrived(pathOf('a')), [side]);
  assert.deepEqual(order.arrived(pathOf('a')), []);
  assert.deepEqual(order.arrived(pathOf('b')), [top]);
  assert.equal(order.size, 0);
  assert.deepEqual(order.lacking, []);
});

test('who waits for what failed is named once, and waits for nothing any more', () => {
  const order = new NarInfoOrder(() => false);
  order.add(narInfo('top', 'a', 'b'));
  order.add(narInfo('other', 'b'));
  assert.deepEqual(order.failed(pathOf('a')), [pathOf('top')]);
  assert.deepEqual(order.failed(pathOf('a')), []);
  assert.deepEqual(order.lacking, [pathOf('b')]);
  assert.deepEqual(order.arrived(pathOf('b')), [narInfo('other', 'b')]);
  assert.equal(order.size, 0);
});
