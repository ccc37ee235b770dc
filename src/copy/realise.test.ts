import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readAll, sampleClosure, sampleNar, samplePath } from '../../test/conformance/nars.ts';
import {
  deadSource,
  memoryWith,
  refusing,
  signed,
  sourceOf,
  withNar,
} from '../../test/support/substituters.ts';
import { FerryError } from '../error.ts';
import { hashBytes } from '../format/hash.ts';
import { generateSecretKey, TrustedKeys } from '../format/signature.ts';
import { defaultStoreDir, type StorePath } from '../format/store-path.ts';
import { MemoryStore } from '../store/memory.ts';
import type { AddOptions, Store } from '../store/store.ts';
import { overriding } from '../store/wrap/overriding.ts';
import type { SubstituterSource } from '../store/wrap/substituter.ts';
import { joinSubstituters, type SubstituterStore } from '../store/wrap/substituters.ts';
import type { CopyEvent } from './events.ts';
import { realise, realiseWhatCanBe } from './realise.ts';
import { substituting } from './substituting.ts';

const { a, b, c, d } = sampleClosure();
const paths = [a, b, c, d].map(({ info }) => info.path);

function join(sources: readonly SubstituterSource[], trustedKeys?: TrustedKeys): SubstituterStore {
  const refuses = trustedKeys && refusing(trustedKeys);
  return joinSubstituters(sources, { storeDir: defaultStoreDir, refuses });
}

async function* flipped(nar: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  let isFirst = true;
  for await (const chunk of nar) {
    // In the middle of a text: still a NAR, but another one.
    if (isFirst) chunk[Buffer.from(chunk).indexOf('#!')] = 0x24;
    isFirst = false;
    yield chunk;
  }
}

async function* cut(nar: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  for await (const chunk of nar) {
    yield chunk.subarray(0, 40);
    throw new FerryError('unavailable', 'the connection was reset');
  }
}

test('what is missing comes with all it refers to; what is valid is not even asked about', async () => {
  const source = sourceOf('cache', await memoryWith(a, b, c, d));
  await using substituters = join([source]);
  await using store = await memoryWith(a, b);
  const events: CopyEvent[] = [];
  const summary = await realise(store, substituters, [d.info.path], {
    onEvent: (event) => events.push(event),
  });
  const narSize = c.info.narSize + d.info.narSize;
  assert.deepEqual(summary, { copied: 2, alreadyValid: 2, failed: 0, narSize, signaturesAdded: 0 });
  assert.deepEqual(await store.queryValidPaths(paths), new Set(paths));
  assert.deepEqual(new Set(source.asked.paths), new Set([c.info.path, d.info.path]));
  assert.ok(store.held.has(a.info.path), 'what is found valid must stay so');
  assert.deepEqual(
    events.map(({ type }) => type).filter((type) => type !== 'path-bytes' && type !== 'closure'),
    ['start', 'path-start', 'path-done', 'path-start', 'path-done', 'done'],
  );
});

test('valid paths cost nothing: nobody is opened', async () => {
  const source = sourceOf('cache', await memoryWith(a));
  await using substituters = join([source]);
  await using store = await memoryWith(a, b, c, d);
  const summary = await realise(store, substituters, [d.info.path]);
  assert.deepEqual([summary.copied, summary.alreadyValid, source.asked.opened], [0, 1, 0]);
});

for (const [what, broken] of [
  ['a NAR of other bytes', flipped],
  ['a NAR that breaks off', cut],
  ['no NAR at all', undefined],
] as const) {
  test(`${what}: it comes from the next one, and the rest from the first`, async () => {
    const first = await memoryWith(a, b, c, d);
    const gone: Store = overriding<Store>(first, {
      async *readNars(wanted, options) {
        for (const path of wanted) {
          if (path === b.info.path) throw new FerryError('not-found', 'its NAR is gone');
          yield* first.readNars([path], options);
        }
      },
    });
    const bad = broken === undefined ? gone : withNar(b.info.path, broken, first);
    const sources = [
      sourceOf('bad', bad, {}),
      sourceOf('good', await memoryWith(a, b, c, d), { priority: 50 }),
    ];
    await using substituters = join(sources);
    await using store = new MemoryStore();
    const warnings: string[] = [];
    const events: CopyEvent[] = [];
    const summary = await realise(store, substituters, [d.info.path], {
      onWarning: (message) => warnings.push(message),
      onEvent: (event) => events.push(event),
    });
    assert.equal(summary.copied, 4);
    assert.deepEqual(sources[1]?.asked.nars, [b.info.path]);
    assert.equal(warnings.length, 1);
    assert.match(warnings[0] ?? '', /-b".* \(it came from "test:\/\/bad"\)$/);
    for await (const nar of store.readNars([b.info.path])) {
      assert.deepEqual(Buffer.from(await readAll(nar)), Buffer.from(b.nar));
    }
    const counts = ['start', 'done', 'path-failed'].map(
      (wanted) => events.filter(({ type }) => type === wanted).length,
    );
    assert.deepEqual(counts, [1, 1, 0], 'it is told as one copy');
  });
}

test('the next one may have other contents for it, as of a build that differs each time', async () => {
  const nar = sampleNar('built elsewhere');
  const other = {
    nar,
    info: { ...a.info, narHash: hashBytes('sha256', nar), narSize: nar.length },
  };
  const bad = withNar(a.info.path, flipped, await memoryWith(a));
  await using substituters = join([
    sourceOf('bad', bad),
    sourceOf('good', await memoryWith(other), { priority: 50 }),
  ]);
  await using store = new MemoryStore();
  assert.equal((await realise(store, substituters, [a.info.path])).narSize, nar.length);
});

test('one that gives nothing but nonsense is soon asked last, and its failures are told in few lines', async () => {
  const chain = [samplePath('p0')];
  for (let i = 1; i < 12; i++) {
    chain.push(
      samplePath(
        `p${i}`,
        chain.slice(-1).map(({ info }) => info.path),
      ),
    );
  }
  const lone = Array.from({ length: 9 }, (_, i) => samplePath(`lone${i}`));
  const every = [...chain, ...lone];
  let bad: Store = await memoryWith(...every);
  for (const { info } of every) bad = withNar(info.path, flipped, bad);
  const sources = [
    sourceOf('bad', bad, {}),
    sourceOf('good', await memoryWith(...every), { priority: 50 }),
  ];
  await using substituters = join(sources);
  await using store = new MemoryStore();
  const warnings: string[] = [];
  const summary = await realise(
    store,
    substituters,
    every.map(({ info }) => info.path),
    { onWarning: (message) => warnings.push(message) },
  );
  assert.equal(summary.copied, every.length);
  assert.equal(sources[0]?.asked.nars.length, every.length, 'asked for each once');
  assert.equal(warnings.length, 4);
  assert.equal(warnings.at(-1), '7 more paths failed that came from "test://bad"');
});

test('a validly signed info with the NAR of another path: the hash decides', async () => {
  const key = generateSecretKey('cache-1');
  const first = signed(a, key);
  const swapped = withNar(
    a.info.path,
    async function* () {
      yield new Uint8Array(b.nar);
    },
    await memoryWith(first),
  );
  await using substituters = join([sourceOf('swapped', swapped)], new TrustedKeys([key.publicKey]));
  await using store = new MemoryStore();
  await assert.rejects(realise(store, substituters, [a.info.path]), {
    code: 'corrupt',
    message: /^cannot realise ".*-a": nobody gave it whole: NAR of/,
  });
  assert.deepEqual(await store.queryValidPaths([a.info.path]), new Set());
});

test('when nobody is left the error says who was asked, who is dead, who lacks a signature', async () => {
  const key = generateSecretKey('cache-1');
  const keys = new TrustedKeys([key.publicKey]);
  const none = samplePath('none').info.path;
  await using store = new MemoryStore();
  {
    await using substituters = join([sourceOf('empty', new MemoryStore())], keys);
    await assert.rejects(realise(store, substituters, [none]), {
      code: 'not-found',
      message: /^cannot realise ".*-none": no substituter has it$/,
      hint: 'asked "test://empty"',
    });
  }
  {
    await using substituters = join([deadSource('dead'), sourceOf('empty', new MemoryStore())]);
    await assert.rejects(realise(store, substituters, [none]), {
      code: 'unavailable',
      hint: 'asked "test://empty"; could not ask "test://dead": cannot connect to "test://dead": connection refused',
    });
  }
  {
    const half = await memoryWith(a, signed(b, key));
    await using substituters = join([sourceOf('half', half)], keys);
    await assert.rejects(realise(store, substituters, [b.info.path]), {
      code: 'untrusted',
      message:
        /^cannot realise ".*-b": "test:\/\/half" has ".*-a", which it needs, but it lacks a signature/,
      hint: /trusted-public-keys/,
    });
    assert.deepEqual(await store.queryValidPaths(paths), new Set(), 'nothing was fetched in vain');
  }
  {
    await using substituters = join([]);
    await assert.rejects(realise(store, substituters, [none]), {
      code: 'not-found',
      message: /no substituter is asked/,
    });
  }
});

test('with keepGoing what can be had is fetched, and nothing for the sake of what can not', async () => {
  const lone = samplePath('lone');
  const blocked = samplePath('blocked', [lone.info.path, a.info.path]);
  const source = await memoryWith(a, b, c, d, lone, blocked);
  const some = overriding<Store>(source, {
    queryPathInfos: async (wanted, options) =>
      source.queryPathInfos(
        [...wanted].filter((path) => path !== a.info.path),
        options,
      ),
  });
  await using substituters = join([sourceOf('some', some)]);
  await using store = new MemoryStore();
  const { summary, failures } = await realiseWhatCanBe(
    store,
    substituters,
    [d.info.path, lone.info.path, blocked.info.path],
    { keepGoing: true },
  );
  assert.deepEqual([...failures.keys()], [d.info.path, blocked.info.path]);
  assert.deepEqual([summary.copied, summary.failed], [1, 2]);
});

test('what the destination refuses is its own error, and is not tried elsewhere', async () => {
  const sources = [
    sourceOf('one', await memoryWith(a)),
    sourceOf('two', await memoryWith(a), { priority: 50 }),
  ];
  await using substituters = join(sources);
  const memory = new MemoryStore();
  await using store = overriding<Store>(memory, {
    async addPaths(adding, { onFailed }: AddOptions = {}) {
      for await (const { info, nar } of adding) {
        for await (const _ of nar);
        onFailed?.(info.path, new FerryError('no-space', 'the disk is full'));
      }
    },
  });
  await assert.rejects(realise(store, substituters, [a.info.path]), { code: 'no-space' });
  assert.deepEqual(sources[1]?.asked.nars, []);
});

test('signatures are checked by the destination too, but for what a trusted substituter gives', async () => {
  const checks: unknown[] = [];
  for (const isTrusted of [false, true]) {
    await using substituters = join([sourceOf('cache', await memoryWith(a), { isTrusted })]);
    const memory = new MemoryStore();
    await using store = overriding<Store>(memory, {
      addPaths: async (adding, options) => {
        checks.push(options?.checkSigs);
        await memory.addPaths(adding, options);
      },
    });
    await realise(store, substituters, [a.info.path]);
  }
  assert.deepEqual(checks, [true, false]);
});

test('that one substituter is trusted waives nothing for what comes from another, unless that was judged', async () => {
  const key = generateSecretKey('k');
  const refuses = refusing(new TrustedKeys([key.publicKey]));
  const own = samplePath('own');
  for (const [isJudged, refusesAtDestination, wanted] of [
    [false, undefined, true],
    [false, refuses, false],
    [true, undefined, false],
  ] as const) {
    const sources = [
      sourceOf('trusted', await memoryWith(own), { isTrusted: true }),
      sourceOf('other', await memoryWith(signed(a, key))),
    ];
    await using substituters = join(
      sources,
      isJudged ? new TrustedKeys([key.publicKey]) : undefined,
    );
    const memory = new MemoryStore();
    const checks: unknown[] = [];
    await using store = overriding<Store>(memory, {
      addPaths: async (adding, options) => {
        checks.push(options?.checkSigs);
        await memory.addPaths(adding, options);
      },
      ...(refusesAtDestination && { refuses: (infos) => [...refusesAtDestination(infos)] }),
    });
    await realise(store, substituters, [own.info.path, a.info.path]);
    assert.deepEqual(checks, [wanted], `${isJudged} ${refusesAtDestination !== undefined}`);
  }
});

test('an abort ends it with its reason', async () => {
  await using substituters = join([sourceOf('cache', await memoryWith(a, b, c, d))]);
  await using store = new MemoryStore();
  const abort = new AbortController();
  const onEvent = ({ type }: CopyEvent): void => {
    if (type === 'path-bytes') abort.abort(new Error('enough'));
  };
  const { signal } = abort;
  await assert.rejects(realise(store, substituters, [d.info.path], { onEvent, signal }), /enough/);
});

test('a substituting store fetches what it can when told to, and never else', async () => {
  const source = sourceOf('cache', await memoryWith(a, b));
  await using substituters = join([deadSource('dead'), source]);
  await using memory = new MemoryStore();
  const store: Store = substituting(memory, () => substituters);
  assert.ok(store.features.has('substitute') && store.features.has('write'));
  assert.equal(store.uri, memory.uri);
  assert.deepEqual(await store.queryValidPaths(paths, { hold: true }), new Set());
  assert.equal(source.asked.opened, 0);
  const valid = await store.queryValidPaths(paths, { substitute: true, hold: true });
  assert.deepEqual(valid, new Set<StorePath>([a.info.path, b.info.path]));
  assert.deepEqual(await memory.queryValidPaths(paths), valid);
});
