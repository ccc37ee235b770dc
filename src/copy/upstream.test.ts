import assert from 'node:assert/strict';
import { test } from 'node:test';
import { sampleClosure } from '../../test/conformance/nars.ts';
import { memoryWith, signed } from '../../test/support/substituters.ts';
import { FerryError } from '../error.ts';
import { generateSecretKey, TrustedKeys } from '../format/signature.ts';
import { defaultStoreDir, parseStoreDir, type StorePath } from '../format/store-path.ts';
import { MemoryStore } from '../store/memory.ts';
import type { AddOptions, Store } from '../store/store.ts';
import { overriding } from '../store/wrap/overriding.ts';
import type { CopyEvent } from './events.ts';
import { planCopy, sumUpSkipped } from './plan.ts';
import { transfer } from './transfer.ts';
import { skipUpstream } from './upstream.ts';

const { a, b, c, d } = sampleClosure();
const storeDir = defaultStoreDir;

function upstream(
  uri: string,
  store: Store,
): { uri: string; asked: StorePath[]; open: () => Promise<Store> } {
  const asked: StorePath[] = [];
  const counted = overriding<Store>(store, {
    queryValidPaths: async (paths, options) => {
      const list = [...paths];
      asked.push(...list);
      return store.queryValidPaths(list, options);
    },
  });
  return { uri, asked, open: async () => counted };
}

test('what an upstream has is left out, and the destination is told that it is elsewhere', async () => {
  const first = upstream('https://first', await memoryWith(a));
  const second = upstream('https://second', await memoryWith(a, b));
  await using source = await memoryWith(a, b, c, d);
  await using destination = new MemoryStore();
  const plan = await planCopy(source, destination, [d.info.path], {
    skip: skipUpstream({ storeDir, upstreams: [first, second] }),
  });
  assert.deepEqual(
    plan.missing.map(({ path }) => path),
    [c.info.path, d.info.path],
  );
  assert.equal(plan.narSize, c.info.narSize + d.info.narSize);
  const sums = [
    { reason: 'found in "https://first"', paths: 1, narSize: a.info.narSize },
    { reason: 'found in "https://second"', paths: 1, narSize: b.info.narSize },
  ];
  assert.deepEqual(sumUpSkipped(plan), sums);
  assert.ok(!second.asked.includes(a.info.path), 'nobody is asked for what is skipped already');

  let options: AddOptions | undefined;
  const events: CopyEvent[] = [];
  const cache = overriding<Store>(destination, {
    addPaths: async (_, given) => void (options = given),
  });
  await transfer(plan, source, cache, { onEvent: (event) => events.push(event) });
  assert.deepEqual(options?.referencesElsewhere, new Set([a.info.path, b.info.path]));
  assert.deepEqual(
    events.slice(0, 2),
    sums.map((sum) => ({ type: 'skipped', ...sum })),
  );
});

test('what a named key has validly signed is left out, and nobody is asked about it', async () => {
  const key = generateSecretKey('cache.example.org-1');
  const other = generateSecretKey('cache.example.org-1');
  const store = upstream('https://one', new MemoryStore());
  await using source = await memoryWith(signed(a, key), signed(b, other));
  await using destination = new MemoryStore();
  const plan = await planCopy(source, destination, [b.info.path], {
    skip: skipUpstream({
      storeDir,
      upstreams: [store],
      keys: new TrustedKeys([key.publicKey]),
    }),
  });
  assert.deepEqual(plan.skipped, [
    { path: a.info.path, narSize: a.info.narSize, reason: 'signed by "cache.example.org-1"' },
  ]);
  assert.deepEqual(store.asked, [b.info.path]);
});

test('an upstream that can not be asked, or is for other paths, leaves everything in', async () => {
  const warnings: string[] = [];
  await using source = await memoryWith(a);
  await using destination = new MemoryStore();
  const dead = {
    uri: 'https://dead',
    open: async () => {
      throw new FerryError('unavailable', 'connection refused');
    },
  };
  const other = upstream('https://other', new MemoryStore({ storeDir: parseStoreDir('/other') }));
  const plan = await planCopy(source, destination, [a.info.path], {
    skip: skipUpstream({
      storeDir,
      upstreams: [dead, other],
      onWarning: (message) => warnings.push(message),
    }),
  });
  assert.equal(plan.missing.length, 1);
  assert.deepEqual(other.asked, []);
  assert.deepEqual(warnings, [
    'cannot ask "https://dead" what it has, so that is sent: connection refused',
  ]);
});

test('no upstream is opened where nothing is missing', async () => {
  await using source = await memoryWith(a);
  await using destination = await memoryWith(a);
  const open = (): Promise<Store> => Promise.reject(new Error('opened'));
  const plan = await planCopy(source, destination, [a.info.path], {
    skip: skipUpstream({ storeDir, upstreams: [{ uri: 'x', open }] }),
  });
  assert.deepEqual(plan.skipped, []);
});
