import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { fuzz } from './run.ts';
import { fuzzTargets } from './targets/all.ts';
import { canaryTarget } from './targets/canary.ts';

describe('fuzz', () => {
  for (const target of fuzzTargets) {
    test(`${target.name} holds for a few inputs`, async () => {
      const { finding } = await fuzz(target, { seed: 1, runsMax: 100 });
      if (finding !== undefined) {
        const input = Buffer.from(finding.input).toString('base64');
        throw new Error(`does not hold for ${input}`, { cause: finding.error });
      }
    });
  }

  test('the canary is found, again and again by the same seed', async () => {
    const first = await fuzz(canaryTarget, { seed: 1, runsMax: 10_000 });
    assert.ok(first.finding?.error instanceof RangeError);
    const second = await fuzz(canaryTarget, { seed: 1, runsMax: 10_000 });
    assert.deepEqual(second.finding?.input, first.finding.input);
  });
});
