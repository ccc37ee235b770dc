import assert from 'node:assert/strict';
import { test } from 'node:test';
import { addSample, drvSample, samplePath } from '../../test/support/shell-samples.ts';
import { formatHash } from '../format/hash.ts';
import {
  compareStorePaths,
  defaultStoreDir,
  printStorePath,
  type StorePath,
} from '../format/store-path.ts';
import { MemoryStore } from '../store/memory.ts';
import { computeExportedGraphs } from './exported-graphs.ts';
import type { AttributeObject, AttributeValue } from './structured-attributes.ts';

const print = (path: StorePath): string => printStorePath(defaultStoreDir, path);
const a = samplePath('a');
const b = samplePath('b', [a.info.path]);
const outside = samplePath('outside');
const built = samplePath('built');
const drv = drvSample('built.drv', { out: built.info.path });

async function graphsOf(wanted: AttributeValue): Promise<Map<string, AttributeValue>> {
  const store = new MemoryStore();
  for (const sample of [a, b, outside, built, drv]) await addSample(store, sample);
  const attributes: AttributeObject = { exportReferencesGraph: wanted };
  return await computeExportedGraphs(store, attributes, [b.info.path, drv.info.path]);
}

const described = ({ info }: typeof a, closureSize: number): AttributeObject => ({
  closureSize: BigInt(closureSize),
  narHash: formatHash(info.narHash),
  narSize: BigInt(info.narSize),
  path: print(info.path),
  references: info.references.map(print),
  valid: true,
});

test('each graph has the closure of its paths, in their order, with sizes', async () => {
  const graphs = await graphsOf({ one: [print(b.info.path)], two: `${print(a.info.path)}/run` });
  const both = [described(a, a.info.narSize), described(b, a.info.narSize + b.info.narSize)];
  const sorted = compareStorePaths(a.info.path, b.info.path) < 0 ? both : both.reverse();
  assert.deepEqual(graphs.get('one'), sorted);
  assert.deepEqual(graphs.get('two'), [described(a, a.info.narSize)]);
});

test('of derivations what they build is told as well', async () => {
  const paths = (await graphsOf({ g: print(drv.info.path) })).get('g') as AttributeObject[];
  assert.deepEqual(
    new Set(paths.map(({ path }) => path)),
    new Set([print(drv.info.path), print(built.info.path)]),
  );
});

test('nothing is asked for by what is no object, or an empty one', async () => {
  for (const wanted of ['text', {}, [], null]) assert.equal((await graphsOf(wanted)).size, 0);
});

test('only inputs are told of', async () => {
  for (const wanted of [
    { g: print(outside.info.path) },
    { g: 1n },
    { g: '/etc/passwd' },
    { g: [[true]] },
  ]) {
    await assert.rejects(graphsOf(wanted), { code: 'corrupt' });
  }
});
