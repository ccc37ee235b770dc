import assert from 'node:assert/strict';
import { test } from 'node:test';
import { samplePath } from '../../../test/conformance/nars.ts';
import type { CopyPlan } from '../../copy/plan.ts';
import { defaultStoreDir } from '../../format/store-path.ts';
import { renderPlan } from './render-plan.ts';

test('what a source says does not steer the terminal', () => {
  const { info } = samplePath('a');
  const plan: CopyPlan = {
    source: 'https://a.example',
    destination: 'local',
    storeDir: defaultStoreDir,
    roots: [info.path],
    missing: [info],
    alreadyValid: [],
    newSignatures: new Map(),
    refusals: [
      { path: info.path, reason: 'it has only "\x1b[2J"', hint: 'add the key of "\x1b[2J"' },
    ],
    narSize: info.narSize,
    closureSize: info.narSize,
  };
  const text = renderPlan(plan);
  assert.ok(text.includes('\\x1b[2J'));
  assert.ok(!text.includes('\x1b'));
});
