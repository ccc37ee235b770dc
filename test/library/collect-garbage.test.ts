import assert from 'node:assert/strict';
import {
  closeSync,
  existsSync,
  linkSync,
  mkdirSync,
  openSync,
  readdirSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { sampleClosure, samplePath, toAdd, type Sample } from '../conformance/nars.ts';
import { openLocalStores } from '../support/local-stores.ts';
import { makeTempDirectory, type TempDirectory } from '../support/temp.ts';
import type { StorePath } from '../../src/format/store-path.ts';
import { loadFlock } from '../../src/system/flock.ts';
import { namesInStore } from '../../src/store/local/collect-garbage-candidates.ts';
import type { CollectEvent } from '../../src/store/local/collect-garbage.ts';
import type { LocalStore } from '../../src/store/local/local-store.ts';
import { openDatabase } from '../support/store-database.ts';

const { a, b, c, d } = sampleClosure();
const [A, B, C, D] = [a, b, c, d].map(({ info }) => info.path) as [
  StorePath,
  StorePath,
  StorePath,
  StorePath,
];
const KEEP = { keepOutputs: false, keepDerivations: true };

// Threads take longer to start than most of these tests.
const stores = openLocalStores();
after(() => stores[Symbol.asyncDispose]());

interface Place {
  readonly store: LocalStore;
  readonly temp: TempDirectory;
  /** A link below `gcroots`. */
  readonly root: (name: string, target: string) => void;
}

/** Whoever adds paths holds them for as long as their store is open: this is another one. */
async function withStore(
  samples: readonly Sample[],
  body: (place: Place) => Promise<void>,
): Promise<void> {
  await using temp = makeTempDirectory({ ram: true });
  {
    await using adding = await stores.open(temp.path);
    await adding.addPaths?.(toAdd(...samples));
  }
  await using store = await stores.open(temp.path);
  const roots = temp.join('nix/var/nix/gcroots');
  const root = (name: string, target: string): void => symlinkSync(target, join(roots, name));
  await body({ store, temp, root });
}

function namesIn(store: LocalStore): string[] {
  return readdirSync(store.toRealPath('' as StorePath)).sort();
}

async function requireClosed(store: LocalStore): Promise<void> {
  const valid = await store.queryAllValidPaths();
  for (const path of valid) assert.ok(existsSync(store.toRealPath(path)), `${path} is there`);
  for (const { references } of (await store.queryPathInfos(valid)).values()) {
    for (const reference of references) assert.ok(valid.includes(reference));
  }
}

test('what no root needs goes, those that refer first; what a root needs stays', () => {
  const e = samplePath('e', [B]);
  return withStore([a, b, c, d, e], async ({ store, root }) => {
    root('deep', `/nix/store/${B}/text`);
    const events: CollectEvent[] = [];
    const onEvent = (event: CollectEvent): void => void events.push(event);
    const { names, bytesFreed, failure } = await store.collectGarbage({ ...KEEP, onEvent });
    assert.equal(failure, undefined);
    assert.deepEqual(new Set(names), new Set([C, D, e.info.path]));
    assert.ok(names.indexOf(D) < names.indexOf(C));
    assert.ok(bytesFreed > 300_000, String(bytesFreed));
    assert.deepEqual(await store.queryAllValidPaths(), [A, B].sort());
    assert.deepEqual(namesIn(store), ['.links', A, B].sort());
    // What other programs of this machine have open is no path here.
    const types = events.map(({ type }) => type).filter((type) => type !== 'invalid-root');
    assert.deepEqual(new Set(types.slice(2, -2)), new Set(['deleting', 'deleted']));
    assert.deepEqual(types.slice(0, 2), ['finding-roots', 'deleting-garbage']);
    assert.deepEqual(types.slice(-2), ['deleting-links', 'links-saving']);
  });
});

test('what is no path goes, but for what somebody is at work in', () =>
  withStore([a], async ({ store, temp, root }) => {
    root('a', `/nix/store/${A}`);
    const real = (name: string): string => temp.join('nix/store', name);
    const left = `${'b'.repeat(32)}-left-by-a-crash`;
    mkdirSync(real('tmp-1-0/deep'), { recursive: true });
    mkdirSync(real('tmp-2-0'));
    for (const name of ['junk', '.hidden', left, `${left}.lock`]) writeFileSync(real(name), name);
    writeFileSync(real('tmp-file'), 'Nix leaves it, too');
    writeFileSync(real('.links/unused'), 'x');
    writeFileSync(real('.links/used'), 'y');
    linkSync(real('.links/used'), temp.join('used'));
    const flock = await loadFlock();
    const fd = openSync(real('tmp-2-0'), 'r');
    assert.ok(flock.tryLock(fd, 'exclusive'));
    const gone = ['.hidden', 'junk', left, `${left}.lock`, 'tmp-1-0'].sort();
    const { dead } = await store.queryLiveness(KEEP);
    assert.deepEqual(dead.map(({ name }) => name).sort(), gone);
    const { names } = await store.collectGarbage(KEEP);
    assert.deepEqual([...names].sort(), gone);
    assert.deepEqual(namesIn(store), ['.links', A, 'tmp-2-0', 'tmp-file'].sort());
    assert.deepEqual(readdirSync(real('.links')), ['used']);
    closeSync(fd);
  }));

test('temporary roots keep all that has their hash part', () =>
  withStore([a, b], async ({ store, temp }) => {
    const coming = samplePath('coming').info.path;
    await using other = await stores.open(temp.path);
    await other.queryValidPaths([B, coming], { hold: true });
    for (const name of [coming, `${coming}.lock`, `${coming.slice(0, 32)}-unpacking.ferry`]) {
      writeFileSync(store.toRealPath(name as StorePath), '');
    }
    const { live, dead } = await store.queryLiveness(KEEP);
    assert.deepEqual(dead, []);
    assert.ok(live.includes(coming) && live.includes(A) && live.includes(B));
    assert.deepEqual((await store.collectGarbage(KEEP)).names, []);
    // Stores of one process hold together what any of them holds.
    await other[Symbol.asyncDispose]();
    await store[Symbol.asyncDispose]();
    await using later = await stores.open(temp.path);
    assert.equal((await later.collectGarbage(KEEP)).names.length, 5);
  }));

test('who wants a root while it runs is answered, and keeps what is not gone yet', () => {
  const samples = Array.from({ length: 150 }, (_, i) => samplePath(`lone-${i}`));
  return withStore(samples, async ({ store, temp }) => {
    await using other = await stores.open(temp.path);
    const order = await namesInStore(temp.join('nix/store'));
    const [first, last] = [order[0], order.at(-1)] as [StorePath, StorePath];
    let asked: Promise<Set<StorePath>[]> | undefined;
    const { names } = await store.collectGarbage({
      ...KEEP,
      onEvent({ type }) {
        if (type !== 'deleting') return;
        // The first is out of the database by now: the answer comes when its files are gone.
        const ask = (path: StorePath): Promise<Set<StorePath>> =>
          other.queryValidPaths([path], { hold: true });
        asked ??= Promise.all([ask(first), ask(last)]);
      },
    });
    assert.deepEqual(await asked, [new Set(), new Set([last])]);
    assert.equal(names.length, 149);
    assert.deepEqual(namesIn(store), ['.links', last].sort());
    assert.equal((await store.collectGarbage(KEEP)).names.length, 0, 'it is still held');
  });
});

test('a limit ends it as soon as more is freed', () => {
  const samples = Array.from({ length: 10 }, (_, i) =>
    samplePath(`ten-${i}`, [], 'x'.repeat(1000)),
  );
  return withStore(samples, async ({ store }) => {
    assert.deepEqual((await store.collectGarbage({ ...KEEP, maxFreed: 0 })).names, []);
    const events: string[] = [];
    const onEvent = ({ type }: CollectEvent): void => void events.push(type);
    const { names, bytesFreed } = await store.collectGarbage({ ...KEEP, maxFreed: 2500, onEvent });
    assert.equal(names.length, 3);
    // A thousand, "#!" and the length of a link.
    assert.equal(bytesFreed, 3 * 1006);
    assert.ok(events.includes('limit-reached') && events.includes('deleting-links'));
    assert.equal((await store.queryAllValidPaths()).length, 7);
    await requireClosed(store);
  });
});

test('an abort leaves what is valid whole', () => {
  const samples = Array.from({ length: 300 }, (_, i) => samplePath(`many-${i}`));
  return withStore(samples, async ({ store }) => {
    const stop = new AbortController();
    const reason = new Error('enough');
    let count = 0;
    const collecting = store.collectGarbage({
      ...KEEP,
      signal: stop.signal,
      onEvent({ type }) {
        if (type === 'deleting' && ++count === 150) stop.abort(reason);
      },
    });
    await assert.rejects(collecting, reason);
    const valid = await store.queryAllValidPaths();
    assert.ok(valid.length > 0 && valid.length < 300, String(valid.length));
    await requireClosed(store);
    await store.collectGarbage(KEEP);
    assert.deepEqual(namesIn(store), ['.links']);
  });
});

test('rows that nobody can make sense of neither stop it nor are lost', () =>
  withStore([a, b, c, d], async ({ store, temp }) => {
    {
      using db = openDatabase(temp.path);
      await db.transaction(() => {
        db.execute("update ValidPaths set sigs = 'nonsense', ca = 'nonsense', deriver = 'x y'");
        db.execute('update ValidPaths set narSize = 9223372036854775807 where id = 1');
        db.execute("update ValidPaths set narSize = 'large' where id = 2");
        db.execute(
          `insert into ValidPaths (path, hash, registrationTime) values ('/elsewhere/${A}', 'sha256:00', 1)`,
        );
        db.execute(
          `insert into Refs select e.id, b.id from ValidPaths e, ValidPaths b where e.path like '/elsewhere/%' and b.path like '%-b'`,
        );
      });
    }
    const { names, failure } = await store.collectGarbage(KEEP);
    assert.equal(failure, undefined);
    // Nobody knows what it is that refers to b.
    assert.deepEqual(new Set(names), new Set([C, D]));
    using db = openDatabase(temp.path);
    const left = await db.read(() => db.query<[string]>('select path from ValidPaths').all());
    assert.equal(left.length, 3);
    const liveness = await store.queryLiveness(KEEP);
    assert.deepEqual(liveness.why(B, { max: 1 }).ways[0]?.holders, ['{database}']);
  }));

test('what a table refers to that is not ours stays, and the rest goes', () =>
  withStore([a, b, c, d], async ({ store, temp }) => {
    {
      using db = openDatabase(temp.path);
      await db.transaction(() => {
        db.execute(
          'create table Realisations (id integer primary key, outputPath integer references ValidPaths(id) on delete restrict)',
        );
        db.execute(
          "insert into Realisations (outputPath) select id from ValidPaths where path like '%-c'",
        );
      });
    }
    const { names, failure } = await store.collectGarbage(KEEP);
    assert.equal(failure, undefined);
    assert.deepEqual(names, [D]);
    await requireClosed(store);
  }));

test('a second one waits for the first, and an abort ends its waiting', () =>
  withStore([a], async ({ store, temp }) => {
    const flock = await loadFlock();
    const fd = openSync(temp.join('nix/var/nix/gc.lock'), 'a+');
    assert.ok(flock.tryLock(fd, 'exclusive'));
    const stop = new AbortController();
    const reason = new Error('enough');
    const onEvent = ({ type }: CollectEvent): void => {
      if (type === 'waiting') stop.abort(reason);
    };
    const { signal } = stop;
    await assert.rejects(store.collectGarbage({ ...KEEP, signal, onEvent }), reason);
    closeSync(fd);
    assert.deepEqual((await store.collectGarbage(KEEP)).names, [A]);
  }));

test('derivations and outputs are kept as the settings say', () => {
  const drv = samplePath('made-by');
  const out = samplePath('made');
  const spare = samplePath('made-dev');
  return withStore([drv, out, spare], async ({ store, temp, root }) => {
    const [drvPath, outPath, sparePath] = [drv, out, spare].map(({ info }) => info.path) as [
      StorePath,
      StorePath,
      StorePath,
    ];
    const deadWith = async (keepDerivations: boolean, keepOutputs: boolean): Promise<string[]> => {
      const { dead } = await store.queryLiveness({ keepDerivations, keepOutputs });
      return dead.map(({ name }) => name.slice(33)).sort();
    };
    {
      using db = openDatabase(temp.path);
      await db.transaction(() => {
        db.execute(
          `update ValidPaths set deriver = '/nix/store/${drvPath}' where path not like '%-made-by'`,
        );
        db.execute(
          `insert into DerivationOutputs select id, 'out', '/nix/store/${outPath}' from ValidPaths where path like '%-made-by'`,
        );
        db.execute(
          `insert into DerivationOutputs select id, 'dev', '/nix/store/${sparePath}' from ValidPaths where path like '%-made-by'`,
        );
      });
    }
    root('out', `/nix/store/${outPath}`);
    assert.deepEqual(await deadWith(false, false), ['made-by', 'made-dev']);
    assert.deepEqual(await deadWith(true, false), ['made-dev']);
    assert.deepEqual(await deadWith(false, true), ['made-by', 'made-dev']);
    assert.deepEqual(await deadWith(true, true), []);
    const keepAll = { keepDerivations: true, keepOutputs: true };
    const liveness = await store.queryLiveness(keepAll);
    const { ways, count } = liveness.why(sparePath, { max: 5 });
    assert.equal(count, 1);
    assert.deepEqual(ways[0]?.steps, [
      { path: outPath },
      { path: drvPath, need: 'derivation' },
      { path: sparePath, need: 'output' },
    ]);
  });
});

test('what keeps a path is told by the shortest ways', () =>
  withStore([a, b, c, d], async ({ store, temp, root }) => {
    root('d', `/nix/store/${D}`);
    root('b', `/nix/store/${B}`);
    const liveness = await store.queryLiveness(KEEP);
    const { roots, live } = liveness;
    assert.deepEqual(live, [A, B, C, D].sort());
    assert.deepEqual(new Set(roots.keys()), new Set([B, D]));
    const state = temp.join('nix/var/nix/gcroots');
    const { ways, count } = liveness.why(A, { max: 1 });
    assert.equal(count, 2);
    assert.equal(ways.length, 1);
    const [way] = ways;
    assert.ok(way !== undefined && way.steps.at(-1)?.path === A && way.steps.length === 2);
    assert.ok(['b', 'd'].some((name) => way.holders.includes(join(state, name))));
    const all = liveness.why(C, { max: 9 });
    assert.deepEqual(all, {
      count: 1,
      ways: [{ steps: [{ path: D }, { path: C, need: 'reference' }], holders: [join(state, 'd')] }],
    });
    assert.deepEqual(liveness.why(samplePath('nobody').info.path, { max: 9 }), {
      ways: [],
      count: 0,
    });
  }));

test('a store that is opened read-only is not collected in, but can be asked', () =>
  withStore([a], async ({ temp }) => {
    await using store = await stores.open(temp.path, { readOnly: true });
    await assert.rejects(store.collectGarbage(KEEP), { code: 'unsupported' });
    const { dead } = await store.queryLiveness(KEEP);
    assert.deepEqual(
      dead.map(({ name }) => name),
      [A],
    );
  }));

test('of a store that is not there nothing is dead', async () => {
  await using temp = makeTempDirectory();
  await using store = await stores.open(temp.join('none'));
  const { live, dead, roots } = await store.queryLiveness(KEEP);
  assert.deepEqual([live, dead, [...roots]], [[], [], []]);
  assert.ok(!existsSync(temp.join('none')));
});

test('adding collects garbage where too little is free, and never what is being added', () => {
  const samples = Array.from({ length: 20 }, (_, i) => samplePath(`old-${i}`));
  return withStore(samples, async ({ temp }) => {
    const begun: number[] = [];
    const autoCollect = {
      ...KEEP,
      minFree: Number.MAX_SAFE_INTEGER,
      maxFree: Infinity,
      checkIntervalMs: 0,
      onBegin: (bytes: number) => void begun.push(bytes),
    };
    await using store = await stores.open(temp.path, { autoCollect });
    const before = namesIn(store).length;
    await store.addPaths?.(toAdd(a, b, c, d));
    assert.equal(before, 21);
    assert.deepEqual(begun, [Infinity], 'a second one would free nothing');
    assert.deepEqual(namesIn(store), ['.links', A, B, C, D].sort());
    await requireClosed(store);
  });
});
