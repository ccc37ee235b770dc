import assert from 'node:assert/strict';
import { setImmediate as breathe } from 'node:timers/promises';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { sampleClosure, samplePath, toAdd, type Sample } from '../../test/conformance/nars.ts';
import { FerryError } from '../error.ts';
import type { StorePath } from '../format/store-path.ts';
import { MemoryStore } from '../store/memory.ts';
import type { AddOptions, NarStream, PathToAdd, Refusal, Store } from '../store/store.ts';
import { overriding } from '../store/wrap/overriding.ts';
import { copyClosure, copyClosureToMany } from './copy.ts';
import type { CopyEvent, CopySummary } from './events.ts';
import { FanOut, fanOut, type FanOutTarget } from './fan-out.ts';
import { planCopy } from './plan.ts';

const CHUNK_BYTES = 1000;
const { a, b, c, d } = sampleClosure();
const all = [a, b, c, d];

async function storeWith(...samples: readonly Sample[]): Promise<MemoryStore> {
  const store = new MemoryStore({ chunkSize: CHUNK_BYTES });
  await store.addPaths(toAdd(...samples));
  return store;
}

interface Counted {
  readonly source: Store;
  /** Chunks that were read of each path, those of all readings together. */
  readonly chunks: Map<StorePath, number>;
  /** Iterations that were begun. */
  readings: number;
}

function counted(store: Store, more: Partial<Store> = {}): Counted {
  const counts: Counted = {
    chunks: new Map(),
    readings: 0,
    source: overriding(store, {
      async *readNars(paths, options) {
        counts.readings++;
        for await (const nar of store.readNars(paths, options)) {
          yield { path: nar.path, [Symbol.asyncIterator]: () => countChunks(nar) };
        }
      },
      ...more,
    }),
  };
  async function* countChunks(nar: NarStream): AsyncGenerator<Uint8Array> {
    for await (const chunk of nar) {
      counts.chunks.set(nar.path, (counts.chunks.get(nar.path) ?? 0) + 1);
      yield chunk;
    }
  }
  return counts;
}

function chunksOf(...samples: readonly Sample[]): Map<StorePath, number> {
  return new Map(
    samples.map(({ info }) => [info.path, Math.ceil(info.narSize / CHUNK_BYTES)] as const),
  );
}

/** Lets `attend` see each chunk before the store gets it. */
function attended(
  store: Store,
  attend: (path: StorePath, chunk: number, signal: AbortSignal | undefined) => unknown,
): Store {
  return overriding(store, {
    async addPaths(paths: AsyncIterable<PathToAdd>, options: AddOptions = {}) {
      const { signal } = options;
      await store.addPaths?.(watched(), options);
      async function* watched(): AsyncGenerator<PathToAdd> {
        for await (const { info, nar } of paths) {
          yield { info, nar: { path: nar.path, [Symbol.asyncIterator]: () => chunks(nar) } };
        }
      }
      async function* chunks(nar: NarStream): AsyncGenerator<Uint8Array> {
        let count = 0;
        for await (const chunk of nar) {
          await attend(nar.path, count++, signal);
          yield chunk;
        }
      }
    },
  });
}

function gate(): { readonly open: () => void; readonly opened: Promise<void> } {
  const { promise, resolve } = Promise.withResolvers<void>();
  return { open: resolve, opened: promise };
}

async function target(
  source: Store,
  key: string,
  destination: Store,
  root: Sample = d,
): Promise<FanOutTarget> {
  return { key, destination, plan: await planCopy(source, destination, [root.info.path]) };
}

async function contentsOf(store: Store): Promise<Map<StorePath, string>> {
  const contents = new Map<StorePath, string>();
  const infos = await store.queryPathInfos(known.keys());
  for await (const nar of store.readNars(infos.keys())) {
    const chunks: Uint8Array[] = [];
    for await (const chunk of nar) chunks.push(chunk);
    const { narHash, references } = infos.get(nar.path) ?? {};
    const hash = narHash === undefined ? '' : Buffer.from(narHash.digest).toString('hex');
    contents.set(nar.path, `${hash} ${references?.join()} ${Buffer.concat(chunks).length}`);
  }
  return contents;
}

const known = new Set<StorePath>(all.map(({ info }) => info.path));

test('what several destinations lack is read once, and each ends as a single copy would', async () => {
  const { source, chunks } = counted(await storeWith(...all));
  const destinations = [
    await storeWith(),
    await storeWith(a),
    await storeWith(a, b),
    new MemoryStore(),
  ];
  const targets = await Promise.all(
    destinations.map((destination, index) => target(source, `${index}`, destination)),
  );
  const outcomes = fanOut(source, targets);
  assert.deepEqual([...outcomes.keys()], ['0', '1', '2', '3']);
  const copied = await Promise.all([...outcomes.values()].map(async (one) => (await one).copied));
  assert.deepEqual(copied, [4, 3, 2, 4]);
  assert.deepEqual(chunks, chunksOf(a, b, c, d));
  const single = new MemoryStore();
  await copyClosure(await storeWith(...all), single, [d.info.path]);
  for (const store of destinations) {
    assert.deepEqual(await contentsOf(store), await contentsOf(single));
  }
});

test('each target is told of its own copy, as transfer tells it', async () => {
  const source = await storeWith(...all);
  const events: CopyEvent[] = [];
  const one = await target(source, 'one', await storeWith(a));
  const two = await target(source, 'two', new MemoryStore());
  const outcomes = fanOut(source, [{ ...one, onEvent: (event) => events.push(event) }, two]);
  const summary = await outcomes.get('one');
  await outcomes.get('two');
  assert.deepEqual(
    events.filter(({ type }) => type === 'path-start' || type === 'path-done').length,
    6,
  );
  const bytes = events.reduce((sum, e) => sum + (e.type === 'path-bytes' ? e.bytes : 0), 0);
  assert.equal(bytes, summary?.narSize);
  assert.deepEqual(events.at(-1), { type: 'done', summary });
});

test('a destination that is stuck holds up no other, and goes on by itself once it can', async () => {
  const counts = counted(await storeWith(...all));
  const { source, chunks } = counts;
  const { open, opened } = gate();
  const stuck = new MemoryStore();
  const fast = [new MemoryStore(), new MemoryStore()];
  const blocked = attended(stuck, (path, chunk) =>
    path === d.info.path && chunk === 5 ? opened : undefined,
  );
  const outcomes = fanOut(
    source,
    [
      await target(source, 'stuck', blocked),
      await target(source, 'one', fast[0] as Store),
      await target(source, 'two', fast[1] as Store),
    ],
    { windowBytes: 20 * CHUNK_BYTES },
  );
  assert.equal((await outcomes.get('one'))?.copied, 4);
  assert.equal((await outcomes.get('two'))?.copied, 4);
  assert.deepEqual(chunks, chunksOf(a, b, c, d), 'those who keep up are served by one reading');
  assert.equal((await stuck.queryValidPaths([d.info.path])).size, 0);
  open();
  assert.equal((await outcomes.get('stuck'))?.copied, 4);
  assert.equal(chunks.get(a.info.path), 1, 'what it has taken is not read again');
  assert.deepEqual(await contentsOf(stuck), await contentsOf(fast[0] as Store));
  assert.equal(counts.readings, 2);
});

test('several that lag behind go on with one reading', async () => {
  const { source, chunks } = counted(await storeWith(...all));
  const { open, opened } = gate();
  const late = (): Store =>
    attended(new MemoryStore(), (path, chunk) =>
      path === d.info.path && chunk === 0 ? opened : undefined,
    );
  const outcomes = fanOut(
    source,
    [
      await target(source, 'late 1', late()),
      await target(source, 'fast', new MemoryStore()),
      await target(source, 'late 2', late()),
      await target(source, 'late 3', late()),
    ],
    { windowBytes: 10 * CHUNK_BYTES },
  );
  await outcomes.get('fast');
  open();
  for (const each of outcomes.values()) assert.equal((await each).copied, 4);
  const once = chunksOf(d).get(d.info.path) ?? 0;
  assert.equal(chunks.get(d.info.path), 2 * once);
});

test('a destination that dies, refuses, is full or is aborted fails alone', async () => {
  const { source, chunks } = counted(await storeWith(...all));
  const broken = new FerryError('unavailable', '"ssh://far" went away');
  const dying = attended(new MemoryStore(), (path, chunk) => {
    if (path === d.info.path && chunk === 7) throw broken;
  });
  const refusing = overriding(new MemoryStore(), {
    refuses: (): Refusal[] => [{ path: a.info.path, reason: 'it lacks a signature' }],
  });
  const full = overriding(new MemoryStore(), { freeSpace: async () => ({ bytes: 1 }) });
  const aborting = new AbortController();
  const reason = new Error('enough');
  const never = gate();
  const aborted = attended(new MemoryStore(), (path, chunk) => {
    if (path !== d.info.path || chunk < 3) return undefined;
    aborting.abort(reason);
    return Promise.race([never.opened, rejectedBy(aborting.signal)]);
  });
  const whole = new MemoryStore();
  const outcomes = fanOut(source, [
    await target(source, 'dying', dying),
    await target(source, 'refusing', refusing),
    await target(source, 'full', full),
    { ...(await target(source, 'aborted', aborted)), signal: aborting.signal },
    await target(source, 'whole', whole),
  ]);
  await assert.rejects(outcomes.get('dying') as Promise<CopySummary>, broken);
  await assert.rejects(outcomes.get('refusing') as Promise<CopySummary>, { code: 'untrusted' });
  await assert.rejects(outcomes.get('full') as Promise<CopySummary>, { code: 'no-space' });
  await assert.rejects(outcomes.get('aborted') as Promise<CopySummary>, reason);
  assert.equal((await outcomes.get('whole'))?.copied, 4);
  assert.deepEqual(chunks, chunksOf(a, b, c, d));
});

function rejectedBy(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    if (signal.aborted) reject(signal.reason);
    signal.addEventListener('abort', () => reject(signal.reason));
  });
}

test('an abort of all ends those that run, those that wait for a reader, and those that have not begun', async () => {
  const store = await storeWith(...all);
  const aborting = new AbortController();
  const reason = new Error('stop');
  const hanging = overriding(store, {
    // oxlint-disable-next-line require-yield -- it never comes to that
    async *readNars(_, { signal } = {}) {
      queueMicrotask(() => aborting.abort(reason));
      await rejectedBy(signal ?? aborting.signal);
    },
  });
  const outcomes = fanOut(
    hanging,
    [
      await target(store, 'one', new MemoryStore()),
      await target(store, 'two', new MemoryStore()),
      await target(store, 'three', new MemoryStore()),
    ],
    { parallel: 2, signal: aborting.signal },
  );
  for (const each of outcomes.values()) await assert.rejects(each, reason);
  const again = fanOut(store, [await target(store, 'one', new MemoryStore())], {
    signal: aborting.signal,
  });
  await assert.rejects(again.get('one') as Promise<CopySummary>, reason);
});

test('a NAR that cannot be read concerns those who need it; with keepGoing they go on', async () => {
  const lone = samplePath('lone');
  known.add(lone.info.path);
  const store = await storeWith(a, b, lone);
  const failure = new FerryError('denied', 'cannot read "…/b"');
  const source = overriding(store, {
    async *readNars(paths, options) {
      for await (const nar of store.readNars(paths, options)) {
        if (nar.path !== b.info.path) yield nar;
        else yield { path: nar.path, [Symbol.asyncIterator]: () => cut(nar) };
      }
    },
  });
  async function* cut(nar: NarStream): AsyncGenerator<Uint8Array> {
    for await (const chunk of nar) {
      yield chunk.subarray(0, 10);
      throw failure;
    }
  }
  const roots = [b.info.path, lone.info.path];
  const plan = await planCopy(store, new MemoryStore(), roots);
  const failed: unknown[] = [];
  const outcomes = fanOut(source, [
    await target(store, 'lone', new MemoryStore(), lone),
    await target(store, 'strict', new MemoryStore(), b),
    {
      key: 'lenient',
      destination: new MemoryStore(),
      plan,
      keepGoing: true,
      onEvent: (event) => event.type === 'path-failed' && failed.push(event.error),
    },
  ]);
  assert.equal((await outcomes.get('lone'))?.copied, 1);
  await assert.rejects(outcomes.get('strict') as Promise<CopySummary>, failure);
  const { copied, failed: lost } = (await outcomes.get('lenient')) ?? {};
  assert.deepEqual([copied, lost], [2, 1]);
  assert.deepEqual(failed, [failure]);
});

test('a path that is gone from the source ends the copies that need it, and no other', async () => {
  const lone = samplePath('lone');
  const store = await storeWith(a, b, lone);
  const outcomes = fanOut(await storeWith(lone, a), [
    await target(store, 'lone', new MemoryStore(), lone),
    await target(store, 'gone', new MemoryStore(), b),
    await target(store, 'also gone', new MemoryStore(), b),
  ]);
  assert.equal((await outcomes.get('lone'))?.copied, 1);
  for (const key of ['gone', 'also gone']) {
    await assert.rejects(outcomes.get(key) as Promise<CopySummary>, { code: 'not-found' });
  }
});

test('a source that fails for no path in particular ends all; one that leaves a path out is a mistake', async () => {
  const store = await storeWith(...all);
  const failure = new FerryError('unavailable', 'gone');
  const failing = overriding(store, {
    // oxlint-disable-next-line require-yield -- it never comes to that
    async *readNars() {
      throw failure;
    },
  });
  const silent = overriding(store, { async *readNars() {} });
  for (const [source, wanted] of [
    [failing, failure],
    [silent, { code: 'internal' }],
  ] as const) {
    const outcomes = fanOut(source, [
      await target(store, 'one', new MemoryStore()),
      await target(store, 'two', new MemoryStore()),
    ]);
    for (const each of outcomes.values()) await assert.rejects(each, wanted);
  }
});

test('no more take part at a time than may, and those who begin together share', async () => {
  const { source, chunks } = counted(await storeWith(...all));
  let running = 0;
  let most = 0;
  const targets = await Promise.all(
    Array.from({ length: 6 }, async (_, index) => {
      const one = await target(source, `${index}`, new MemoryStore());
      const onEvent = ({ type }: CopyEvent): void => {
        if (type === 'start') most = Math.max(most, ++running);
        if (type === 'done') running--;
      };
      return { ...one, onEvent };
    }),
  );
  const outcomes = fanOut(source, targets, { parallel: 3 });
  for (const each of outcomes.values()) assert.equal((await each).copied, 4);
  assert.equal(most, 3);
  assert.deepEqual(
    [...chunks.values()],
    [...chunksOf(a, b, c, d).values()].map((count) => count * 2),
  );
});

test('one that hangs does not keep those that wait from their turn', async () => {
  const source = await storeWith(...all);
  const { open, opened } = gate();
  const hanging = attended(new MemoryStore(), () => opened);
  const outcomes = fanOut(
    source,
    [
      await target(source, 'hanging', hanging),
      await target(source, 'second', new MemoryStore()),
      await target(source, 'third', new MemoryStore()),
    ],
    { parallel: 2 },
  );
  assert.equal((await outcomes.get('third'))?.copied, 4);
  open();
  assert.equal((await outcomes.get('hanging'))?.copied, 4);
});

test('targets may be added while others are at work', async () => {
  const source = await storeWith(...all);
  const copies = new FanOut(source);
  const { open, opened } = gate();
  const first = copies.add([
    await target(
      source,
      'first',
      attended(new MemoryStore(), () => opened),
    ),
  ]);
  const second = copies.add([await target(source, 'second', new MemoryStore())]);
  assert.equal((await second.get('second'))?.copied, 4);
  open();
  assert.equal((await first.get('first'))?.copied, 4);
});

test('who takes trees on threads of its own reads by itself, where the source has them', async () => {
  const inner = await storeWith(...all);
  const own = (): Store =>
    overriding(new MemoryStore(), { features: new Set(['write', 'trees'] as const) });
  for (const [readingsMax, readings] of [
    [undefined, 1],
    [4, 3],
  ] as const) {
    const counts = counted(inner, { readingsMax });
    const { source } = counts;
    const outcomes = fanOut(source, [
      await target(source, 'one', own()),
      await target(source, 'two', own()),
      await target(source, 'far', new MemoryStore()),
      await target(source, 'further', new MemoryStore()),
    ]);
    for (const each of outcomes.values()) assert.equal((await each).copied, 4);
    assert.equal(counts.readings, readings);
  }
});

test('paths that a destination does not read are passed by', async () => {
  const { source, chunks } = counted(await storeWith(...all));
  const skipping = overriding(new MemoryStore(), {
    async addPaths(paths, { onAdded } = {}) {
      for await (const { info, nar } of paths) {
        for await (const _ of nar) break;
        onAdded?.(info.path);
      }
    },
  });
  const outcomes = fanOut(source, [await target(source, 'one', skipping)]);
  assert.equal((await outcomes.get('one'))?.copied, 4);
  assert.ok((chunks.get(d.info.path) ?? 0) < 10, 'the rest of it is not read');
});

test('one that was told of a lost path, and takes nothing, holds up nobody', async () => {
  const lone = samplePath('lone', [], 'y'.repeat(300_000));
  const first = samplePath('first', [], 'z'.repeat(30_000));
  const gone = samplePath('gone', [first.info.path]);
  known.add(lone.info.path).add(first.info.path).add(gone.info.path);
  const whole = await storeWith(lone, first, gone);
  const source = await storeWith(lone, first);
  const { open, opened } = gate();
  const stuck = attended(new MemoryStore(), () => opened);
  const both = [first.info.path, lone.info.path];
  const copies = new FanOut(source, { windowBytes: 5 * CHUNK_BYTES });
  const outcomes = copies.add([
    await target(whole, 'stuck', stuck, gone),
    {
      key: 'other',
      destination: new MemoryStore(),
      plan: await planCopy(source, new MemoryStore(), both),
    },
  ]);
  assert.equal((await outcomes.get('other'))?.copied, 2);
  open();
  await assert.rejects(outcomes.get('stuck') as Promise<CopySummary>, { code: 'not-found' });
});

test('where the source is read one after the other, who is slow and who is fast have their turns', async () => {
  const samples = Array.from({ length: 6 }, (_, index) =>
    samplePath(`large-${index}`, [], `${index}`.repeat(60_000)),
  );
  for (const { info } of samples) known.add(info.path);
  const store = await storeWith(...samples);
  let most = 0;
  let open = 0;
  const source = overriding(store, {
    async *readNars(paths, options) {
      most = Math.max(most, ++open);
      try {
        yield* store.readNars(paths, options);
      } finally {
        open--;
      }
    },
  });
  const roots = samples.map(({ info }) => info.path);
  const slow = (chunks: number): Store => {
    let count = 0;
    return attended(new MemoryStore(), async () => {
      if (++count % chunks === 0) await breathe();
    });
  };
  const targets = await Promise.all(
    [1, 2, 5, 20, 1000].map(async (chunks): Promise<FanOutTarget> => {
      const destination = slow(chunks);
      return {
        key: `${chunks}`,
        destination,
        plan: await planCopy(source, destination, roots),
      };
    }),
  );
  const outcomes = fanOut(source, targets, { windowBytes: 8 * CHUNK_BYTES });
  for (const outcome of outcomes.values()) assert.equal((await outcome).copied, 6);
  assert.equal(most, 1, 'one reading at a time');
});

test('one call plans and copies for all', async () => {
  const source = await storeWith(...all);
  const failing = overriding(new MemoryStore(), {
    queryValidPaths: () => Promise.reject(new FerryError('unavailable', 'gone')),
  });
  const events: string[] = [];
  const outcomes = await copyClosureToMany(
    source,
    new Map<string, Store>([
      ['one', new MemoryStore()],
      ['failing', failing],
      ['two', await storeWith(a)],
    ]),
    [d.info.path],
    { onEvent: (key, { type }) => type === 'done' && events.push(key) },
  );
  assert.deepEqual([...outcomes.keys()], ['one', 'failing', 'two']);
  assert.deepEqual(
    [...outcomes.values()].map((one) => (one.status === 'fulfilled' ? one.value.copied : 'failed')),
    [4, 'failed', 3],
  );
  assert.deepEqual(events.toSorted(), ['one', 'two']);
  const missing = copyClosureToMany(source, new Map(), [samplePath('nothing').info.path]);
  await assert.rejects(missing, { code: 'not-found' });
});

test('whatever is missing where, however anybody stalls or fails: each ends as if it were alone', async () => {
  const plans = fc.record({
    paths: fc.array(fc.record({ size: fc.nat(8000), references: fc.array(fc.nat(20)) }), {
      minLength: 1,
      maxLength: 10,
    }),
    targets: fc.array(
      fc.record({
        root: fc.nat(20),
        has: fc.array(fc.nat(20)),
        stalls: fc.array(fc.nat(60), { maxLength: 4 }),
        dies: fc.option(fc.nat(40)),
        keepGoing: fc.boolean(),
      }),
      { minLength: 1, maxLength: 5 },
    ),
    windowBytes: fc.integer({ min: 1, max: 20_000 }),
    parallel: fc.option(fc.integer({ min: 2, max: 5 })),
    readingsMax: fc.option(fc.integer({ min: 1, max: 3 })),
  });
  await fc.assert(
    fc.asyncProperty(plans, async ({ paths, targets, windowBytes, parallel, readingsMax }) => {
      const samples: Sample[] = [];
      for (const [index, { size, references }] of paths.entries()) {
        const refers = references.flatMap((at) => samples[at]?.info.path ?? []);
        samples.push(samplePath(`p${index}`, [...new Set(refers)], `${index}`.repeat(size)));
      }
      for (const { info } of samples) known.add(info.path);
      const store = await storeWith(...samples);
      const source = overriding(store, { readingsMax: readingsMax ?? undefined });
      const gates: (() => void)[] = [];
      const ends: { key: string; store: Store; root: Sample; dies: boolean }[] = [];
      const made: FanOutTarget[] = [];
      for (const [index, one] of targets.entries()) {
        const root = samples[one.root % samples.length] as Sample;
        const inner = new MemoryStore();
        for (const at of one.has) {
          const had = samples[at];
          if (had !== undefined) await copyClosure(store, inner, [had.info.path]);
        }
        let chunk = 0;
        const destination = attended(inner, () => {
          const now = chunk++;
          if (now === one.dies) throw new FerryError('unavailable', 'dead');
          if (!one.stalls.includes(now)) return undefined;
          const { open, opened } = gate();
          gates.push(open);
          return opened;
        });
        const key = `${index}`;
        made.push({ ...(await target(source, key, destination, root)), keepGoing: one.keepGoing });
        ends.push({ key, store: inner, root, dies: one.dies !== null });
      }
      const outcomes = fanOut(source, made, { windowBytes, parallel: parallel ?? undefined });
      const settled = Promise.allSettled(outcomes.values());
      while ((await Promise.race([settled, breathe('stalled')])) === 'stalled') gates.pop()?.();
      for (const end of ends) {
        const [outcome] = await Promise.allSettled([outcomes.get(end.key)]);
        const valid = await end.store.queryValidPaths([end.root.info.path]);
        if (!end.dies) assert.equal(outcome.status, 'fulfilled');
        const isWhole = outcome.status === 'fulfilled' && outcome.value?.failed === 0;
        assert.equal(valid.size === 1, isWhole || made[Number(end.key)]?.plan.missing.length === 0);
        if (!isWhole) continue;
        const single = new MemoryStore();
        await copyClosure(store, single, [end.root.info.path]);
        const contents = await contentsOf(end.store);
        for (const [path, content] of await contentsOf(single)) {
          assert.equal(contents.get(path), content);
        }
      }
    }),
    { numRuns: 60 },
  );
});
