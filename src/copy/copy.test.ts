import assert from 'node:assert/strict';
import { test } from 'node:test';
import { sampleClosure, samplePath, toAdd, type Sample } from '../../test/conformance/nars.ts';
import { parseStoreDir, type StorePath } from '../format/store-path.ts';
import { MemoryStore } from '../store/memory.ts';
import type { Refusal, StoreFeature } from '../store/store.ts';
import { overriding } from '../store/wrap/overriding.ts';
import { copyClosure } from './copy.ts';
import type { CopyEvent } from './events.ts';
import { planCopy } from './plan.ts';
import { transfer } from './transfer.ts';

async function storeWith(...samples: readonly Sample[]): Promise<MemoryStore> {
  const store = new MemoryStore({ chunkSize: 1000 });
  await store.addPaths(toAdd(...samples));
  return store;
}

const { a, b, c, d } = sampleClosure();

test('a plan says what is missing, in order, and what is there', async () => {
  await using source = await storeWith(a, b, c, d);
  await using destination = await storeWith(a);
  const plan = await planCopy(source, destination, [d.info.path]);
  assert.deepEqual(
    plan.missing.map(({ path }) => path),
    [b, c, d].map(({ info }) => info.path),
  );
  assert.deepEqual(plan.alreadyValid, [a.info.path]);
  assert.equal(plan.narSize, b.info.narSize + c.info.narSize + d.info.narSize);
  assert.equal(plan.closureSize, plan.narSize + a.info.narSize);
  assert.deepEqual(
    destination.held,
    new Set([a, b, c, d].map(({ info }) => info.path)),
    'all of it is held before it is judged',
  );
  assert.deepEqual(
    await destination.queryValidPaths([b.info.path]),
    new Set(),
    'a plan changes nothing',
  );
});

test('a copy makes the closure valid and tells each step', async () => {
  await using source = await storeWith(a, b, c, d);
  await using destination = await storeWith(a);
  const events: CopyEvent[] = [];
  const summary = await copyClosure(source, destination, [d.info.path], {
    onEvent: (event) => events.push(event),
  });
  assert.deepEqual(summary, {
    copied: 3,
    alreadyValid: 1,
    failed: 0,
    narSize: b.info.narSize + c.info.narSize + d.info.narSize,
    signaturesAdded: 0,
  });
  const bytes = events.reduce(
    (sum, event) => sum + (event.type === 'path-bytes' ? event.bytes : 0),
    0,
  );
  assert.equal(bytes, summary.narSize);
  assert.equal(events.filter(({ type }) => type === 'path-done').length, 3);
  assert.equal(events.at(-1)?.type, 'done');
  const again = await copyClosure(source, destination, [d.info.path]);
  assert.deepEqual([again.copied, again.alreadyValid], [0, 4]);
});

test('large paths come first where the destination takes them in any order, and only there', async () => {
  await using source = await storeWith(a, b, c, d);
  const plan = await planCopy(source, new MemoryStore(), [d.info.path]);
  const orderFor = async (features: readonly StoreFeature[]): Promise<StorePath[]> => {
    const came: StorePath[] = [];
    const destination = overriding(new MemoryStore(), {
      features: new Set(features),
      addPaths: async (paths) => {
        for await (const { info, nar } of paths) {
          came.push(info.path);
          for await (const _ of nar) {
            // Used up, so that the next may come.
          }
        }
      },
    });
    await transfer(plan, source, destination);
    return came;
  };
  const sorted = plan.missing.map(({ path }) => path);
  assert.deepEqual(await orderFor(['write']), sorted);
  const largeFirst = await orderFor(['write', 'unordered']);
  assert.equal(largeFirst[0], d.info.path);
  assert.deepEqual(largeFirst.toSorted(), sorted.toSorted());
});

test('signatures travel to paths that are there already', async () => {
  const signed = {
    ...a,
    info: { ...a.info, signatures: [`k-1:${Buffer.alloc(64).toString('base64')}`] },
  };
  await using source = await storeWith(signed);
  await using destination = await storeWith(a);
  const summary = await copyClosure(source, destination, [a.info.path]);
  assert.equal(summary.signaturesAdded, 1);
  assert.deepEqual(
    (await destination.queryPathInfos([a.info.path])).get(a.info.path)?.signatures,
    signed.info.signatures,
  );
});

test('with keepGoing what does not depend on a failed path is copied', async () => {
  const lone = samplePath('lone');
  await using source = await storeWith(a, b, lone);
  await using destination = new MemoryStore();
  const plan = await planCopy(source, destination, [b.info.path, lone.info.path]);
  const broken = {
    ...plan,
    missing: plan.missing.map((info) =>
      info.path === a.info.path ? { ...info, narSize: 8 } : info,
    ),
  };
  const summary = await transfer(broken, source, destination, { keepGoing: true });
  assert.deepEqual([summary.copied, summary.failed], [1, 2]);
  await assert.rejects(transfer(broken, source, destination), { code: 'corrupt' });
});

test('what the destination would refuse is refused before a byte moves', async () => {
  await using source = await storeWith(a);
  class Picky extends MemoryStore {
    refuses(): Refusal[] {
      return [
        { path: a.info.path, reason: 'it lacks a signature by a trusted key', hint: 'sign it' },
      ];
    }
  }
  await using destination = new Picky();
  const plan = await planCopy(source, destination, [a.info.path]);
  assert.equal(plan.refusals.length, 1);
  await assert.rejects(transfer(plan, source, destination), { code: 'untrusted', hint: 'sign it' });
  assert.equal(
    (await planCopy(source, destination, [a.info.path], { checkSigs: false })).refusals.length,
    0,
  );
});

test('a full destination is told before a byte moves, with how much is missing', async () => {
  await using source = await storeWith(a);
  class Full extends MemoryStore {
    async freeSpace(): Promise<{ bytes: number }> {
      return { bytes: 10 };
    }
  }
  await using destination = new Full();
  await assert.rejects(copyClosure(source, destination, [a.info.path]), {
    code: 'no-space',
    message: /: 10 B are free/,
  });
});

test('stores of different store directories do not exchange paths', async () => {
  await using source = await storeWith(a);
  await using destination = new MemoryStore({ storeDir: parseStoreDir('/other/store') });
  await assert.rejects(planCopy(source, destination, [a.info.path]), {
    code: 'unsupported',
    message: /store directories/,
  });
});
