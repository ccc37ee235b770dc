import assert from 'node:assert/strict';
import { test } from 'node:test';
import { traits } from '../../../test/support/substituters.ts';
import { MemoryStore } from '../memory.ts';
import type { Store } from '../store.ts';
import { overriding } from './overriding.ts';
import { substituterParametersOf } from './substituter-parameters.ts';

test('what the URI says wins over what the store says of itself, and the rest stays', () => {
  const cache = overriding<Store>(new MemoryStore(), { substituter: traits({ priority: 40 }) });
  const parameters = new Map([
    ['priority', '10'],
    ['trusted', 'true'],
  ]);
  assert.deepEqual(substituterParametersOf(parameters)(cache).substituter, {
    priority: 10,
    wantMassQuery: true,
    isTrusted: true,
  });
  assert.deepEqual(substituterParametersOf(parameters)(new MemoryStore()).substituter, {
    priority: 10,
    wantMassQuery: false,
    isTrusted: true,
  });
});

test('a URI that says nothing leaves the store as it is', () => {
  const store = new MemoryStore();
  assert.equal(substituterParametersOf(new Map([['compression', 'xz']]))(store), store);
});

test('values that are none are refused', () => {
  for (const [name, value] of [
    ['priority', '-1'],
    ['trusted', 'maybe'],
    ['want-mass-query', ''],
  ] as const) {
    assert.throws(() => substituterParametersOf(new Map([[name, value]])), {
      code: 'usage',
    });
  }
});

test('a store that is wrapped still does everything by itself', async () => {
  const memory = new MemoryStore();
  const store = overriding<Store>(memory, { uri: 'memory:wrapped' });
  assert.equal(store.uri, 'memory:wrapped');
  assert.deepEqual(await store.queryValidPaths([]), new Set());
  assert.ok('addPaths' in store && store.refuses === undefined);
  await store[Symbol.asyncDispose]();
  await assert.rejects(memory.queryValidPaths([]), { code: 'internal' });
});
