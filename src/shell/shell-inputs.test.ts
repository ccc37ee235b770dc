import assert from 'node:assert/strict';
import { test } from 'node:test';
import { addSample, drvSample, samplePath } from '../../test/support/shell-samples.ts';
import { FerryError } from '../error.ts';
import { printStorePath, defaultStoreDir } from '../format/store-path.ts';
import { MemoryStore } from '../store/memory.ts';
import { queryShellInputs } from './shell-inputs.ts';

const tool = samplePath('tool');
const toolDev = samplePath('tool-dev');
const source = samplePath('source');
const toolDrv = drvSample('tool.drv', { out: tool.info.path, dev: toolDev.info.path });
const otherDrv = drvSample('other.drv', { out: samplePath('other').info.path });
const shell = drvSample(
  'shell.drv',
  {},
  {
    inputDrvs: [
      [toolDrv, ['dev']],
      [otherDrv, ['out']],
    ],
    inputSrcs: [source.info.path],
  },
);

test('inputs are the outputs that are named, and the sources', async () => {
  const store = new MemoryStore();
  for (const sample of [source, tool, toolDev, toolDrv]) await addSample(store, sample);
  const found = await queryShellInputs(store, shell.derivation);
  assert.deepEqual(
    new Set(found.inputs),
    new Set([
      { path: source.info.path },
      { path: toolDev.info.path, drv: toolDrv.info.path, output: 'dev' },
    ]),
  );
  assert.deepEqual(found.missing, []);
  assert.deepEqual(found.missingDrvs, [otherDrv.info.path]);
  // Also what isn't there yet: it may come.
  for (const { info } of [source, toolDev, toolDrv, otherDrv]) assert.ok(store.held.has(info.path));
});

test('an output that is not there is missing, one of an excluded derivation is not asked for', async () => {
  const store = new MemoryStore();
  for (const sample of [source, toolDrv]) await addSample(store, sample);
  const isExcluded = (drv: string): boolean => drv === otherDrv.info.path;
  const { missing, missingDrvs } = await queryShellInputs(store, shell.derivation, { isExcluded });
  assert.deepEqual(
    missing.map(({ path }) => path),
    [toolDev.info.path],
  );
  assert.deepEqual(missingDrvs, []);
});

test('who may not write to the store does without holding anything', async () => {
  class Unwritable extends MemoryStore {
    override queryValidPaths(
      ...[paths, options]: Parameters<MemoryStore['queryValidPaths']>
    ): ReturnType<MemoryStore['queryValidPaths']> {
      if (options?.hold === true) return Promise.reject(new FerryError('denied', 'read-only'));
      return super.queryValidPaths(paths, options);
    }
  }
  const store = new Unwritable();
  for (const sample of [source, toolDev, toolDrv]) await addSample(store, sample);
  const { missing } = await queryShellInputs(store, shell.derivation);
  assert.deepEqual(missing, []);
});

test('an input whose path nobody knows yet is told as such', async () => {
  const store = new MemoryStore();
  const floating = drvSample('floating.drv', { out: undefined });
  await addSample(store, floating);
  const user = drvSample('user.drv', {}, { inputDrvs: [[floating, ['out']]] });
  await assert.rejects(queryShellInputs(store, user.derivation), {
    code: 'unsupported',
    path: printStorePath(defaultStoreDir, floating.info.path),
  });
});
