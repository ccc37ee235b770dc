import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readAll, sampleClosure, samplePath } from '../../../test/conformance/nars.ts';
import {
  deadSource,
  memoryWith,
  refusing,
  signed,
  silentSource,
  sourceOf,
} from '../../../test/support/substituters.ts';
import { FerryError } from '../../error.ts';
import { hashBytes } from '../../format/hash.ts';
import { generateSecretKey, TrustedKeys } from '../../format/signature.ts';
import { defaultStoreDir, parseStoreDir, type StorePath } from '../../format/store-path.ts';
import { MemoryStore } from '../memory.ts';
import type { Store } from '../store.ts';
import { overriding } from './overriding.ts';
import type { SubstituterSource } from './substituter.ts';
import {
  joinSubstituters,
  type SubstituterStore,
  type SubstitutersOptions,
} from './substituters.ts';

const { a, b, c, d } = sampleClosure();
const storeDir = defaultStoreDir;

function join(
  sources: readonly SubstituterSource[],
  options: Partial<SubstitutersOptions> = {},
): SubstituterStore & { readonly warnings: string[] } {
  const warnings: string[] = [];
  const joined = joinSubstituters(sources, {
    storeDir,
    onWarning: (message) => warnings.push(message),
    ...options,
  });
  return Object.assign(joined, { warnings });
}

async function readPath(store: Store, path: StorePath): Promise<Uint8Array> {
  for await (const nar of store.readNars([path])) return readAll(nar);
  return new Uint8Array();
}

test('a path comes from the one of the best priority, then from the first in the configuration', async () => {
  const stores = [await memoryWith(a), await memoryWith(a), await memoryWith(a)];
  const [first, second, third] = stores.map((store, i) =>
    sourceOf(`s${i}`, store, { priority: [50, 30, 30][i] ?? 0 }),
  );
  assert.ok(first && second && third);
  await using joined = join([first, second, third]);
  assert.equal((await joined.queryPathInfos([a.info.path])).size, 1);
  assert.equal(joined.sourceOf(a.info.path)?.uri, 'test://s1');
  assert.deepEqual(await readPath(joined, a.info.path), Buffer.from(a.nar));
  assert.deepEqual(
    [first, second, third].map(({ asked }) => asked.nars),
    [[], [a.info.path], []],
  );
});

test('without an own word a store has priority 0, as in Nix', async () => {
  await using joined = join([
    sourceOf('cache', await memoryWith(a), { priority: 10 }),
    sourceOf('plain', await memoryWith(a)),
  ]);
  await joined.queryPathInfos([a.info.path]);
  assert.equal(joined.sourceOf(a.info.path)?.uri, 'test://plain');
});

test('a closure may lie in several, each path where it is', async () => {
  const even = sourceOf('even', await memoryWith(a), { priority: 1 });
  const all = sourceOf('all', await memoryWith(a, b, c, d), { priority: 2 });
  await using joined = join([even, all]);
  const closure = await joined.queryClosure?.([d.info.path]);
  assert.deepEqual(
    [...(closure?.keys() ?? [])].sort(),
    [a, b, c, d].map(({ info }) => info.path).sort(),
  );
  const order = [b, a, d, c].map(({ info }) => info.path);
  const read: StorePath[] = [];
  for await (const nar of joined.readNars(order)) {
    read.push(nar.path);
    await readAll(nar);
  }
  assert.deepEqual(read, order);
  assert.deepEqual(even.asked.nars, [a.info.path]);
  assert.deepEqual(
    all.asked.nars,
    [b, d, c].map(({ info }) => info.path),
    'asked once for all of its own, so that it can read ahead',
  );
  await assert.rejects(async () => joined.queryClosure?.([samplePath('none').info.path]), {
    code: 'not-found',
  });
});

test('a mass query leaves out who does not want it; a query of infos asks all', async () => {
  const shy = sourceOf('shy', await memoryWith(a), { wantMassQuery: false });
  const willing = sourceOf('willing', await memoryWith(a, b), { wantMassQuery: true });
  await using joined = join([shy, willing]);
  const paths = [a.info.path, b.info.path];
  assert.deepEqual(await joined.queryValidPaths(paths), new Set(paths));
  assert.equal(shy.asked.paths.length, 1, 'but for one, to see what it wants');
  assert.deepEqual([...(await joined.queryPathInfos(paths)).keys()], paths);
  assert.deepEqual(new Set(shy.asked.paths), new Set(paths));
});

test('one dead in front of a closure of 300 costs one attempt and one warning', async () => {
  const samples = [samplePath('p0')];
  for (let i = 1; i < 300; i++) {
    const references = [samples[i - 1], samples[i >> 1]].flatMap((s) => s?.info.path ?? []);
    samples.push(samplePath(`p${i}`, [...new Set(references)]));
  }
  const dead = deadSource('dead');
  const good = sourceOf('good', await memoryWith(...samples));
  await using joined = join([dead, good]);
  const roots = samples.map(({ info }) => info.path);
  const [infos, closure] = await Promise.all([
    joined.queryPathInfos(roots),
    joined.queryClosure?.(roots.slice(-1)),
    joined.queryValidPaths(roots),
  ]);
  assert.deepEqual([infos.size, closure?.size], [300, 300]);
  assert.equal(dead.asked.opened, 1);
  assert.deepEqual(joined.warnings, [
    'leaving substituter "test://dead" alone: cannot connect to "test://dead": connection refused',
  ]);
  await joined.queryPathInfos(roots);
  assert.equal(dead.asked.opened, 1, 'nor later');
});

test('one that dies with the first of many questions is asked no other', async () => {
  const dead = sourceOf('dead', new MemoryStore(), {
    queryPathInfos: async () => {
      throw new FerryError('unavailable', 'connection reset');
    },
  });
  const samples = Array.from({ length: 50 }, (_, i) => samplePath(`p${i}`));
  await using joined = join([dead, sourceOf('good', await memoryWith(...samples))]);
  const paths = samples.map(({ info }) => info.path);
  const answers = await Promise.all(paths.map((path) => joined.queryPathInfos([path])));
  assert.ok(answers.every(({ size }) => size === 1));
  assert.deepEqual([dead.asked.opened, dead.asked.questions], [1, 1]);
  assert.equal(joined.warnings.length, 1);
});

test('one left alone is asked again after a while', async () => {
  let isDead = true;
  const store = await memoryWith(a);
  const source = sourceOf('flaky', store, {
    queryPathInfos: async (paths, options) => {
      if (isDead) throw new FerryError('unavailable', 'connection reset');
      return store.queryPathInfos(paths, options);
    },
  });
  await using joined = join([source], { leftAloneMs: 300 });
  assert.equal((await joined.queryPathInfos([a.info.path])).size, 0);
  isDead = false;
  assert.equal((await joined.queryPathInfos([a.info.path])).size, 0);
  await new Promise((resolve) => {
    setTimeout(resolve, 350);
  });
  assert.equal((await joined.queryPathInfos([a.info.path])).size, 1);
  assert.equal(source.asked.opened, 1, 'it was open all the time');
});

test('nobody waits for a silent one while another has the path', async () => {
  const silent = silentSource('silent');
  const good = sourceOf('good', await memoryWith(a, b));
  await using joined = join([silent, good], { lateAfterMs: 20 });
  assert.equal((await joined.queryPathInfos([a.info.path])).size, 1);
  assert.equal((await joined.queryClosure?.([b.info.path]))?.size, 2);
  assert.equal(silent.asked.opened, 1);
  assert.deepEqual(joined.warnings, []);
  const absent = joined.queryPathInfos([c.info.path]);
  silent.hangUp();
  assert.equal((await absent).size, 0, 'what nobody else has is waited for');
  assert.equal(joined.warnings.length, 1);
});

test('an abort ends questions to a silent one, and disposing ends the rest', async () => {
  const silent = silentSource('silent');
  const joined = join([silent]);
  const abort = new AbortController();
  const asking = joined.queryPathInfos([a.info.path], { signal: abort.signal });
  setImmediate(() => abort.abort(new Error('enough')));
  await assert.rejects(asking, /enough/);
  await joined[Symbol.asyncDispose]();
  await joined[Symbol.asyncDispose]();
  await assert.rejects(async () => joined.queryPathInfos([a.info.path]), { code: 'internal' });
  assert.deepEqual(joined.warnings, []);
});

test('signatures decide: unsigned, by another key, by a key of the same name; one warning each', async () => {
  const good = generateSecretKey('cache-1');
  const impostor = generateSecretKey('cache-1');
  const stranger = generateSecretKey('stranger-1');
  const trusted = new TrustedKeys([good.publicKey, impostor.publicKey]);
  const sources = [
    sourceOf('unsigned', await memoryWith(a, b)),
    sourceOf('stranger', await memoryWith(signed(a, stranger))),
    sourceOf('impostor', await memoryWith(signed(a, impostor))),
    sourceOf('good', await memoryWith(signed(a, good))),
  ];
  await using joined = join(sources, { refuses: refusing(trusted) });
  const paths = [a.info.path, b.info.path];
  assert.deepEqual([...(await joined.queryPathInfos(paths)).keys()], [a.info.path]);
  assert.equal(joined.sourceOf(a.info.path)?.uri, 'test://good');
  assert.equal(joined.warnings.length, 3);
  assert.match(joined.warnings[0] ?? '', /^ignoring substitute for ".*" from "test:\/\/unsigned"/);
  const { refused, lacking } = joined.explain(b.info.path);
  assert.deepEqual(
    refused.map(({ uri }) => uri),
    ['test://unsigned'],
  );
  assert.equal(lacking.length, 3);
});

test('a substituter that is trusted needs no signatures', async () => {
  const source = sourceOf('trusted', await memoryWith(a), { isTrusted: true });
  await using joined = join([source], { refuses: refusing(new TrustedKeys([])) });
  assert.equal((await joined.queryPathInfos([a.info.path])).size, 1);
  assert.equal(joined.sourceOf(a.info.path)?.isTrusted, true);
});

test('one of another store directory is left alone for good, with a warning', async () => {
  const other = new MemoryStore({ storeDir: parseStoreDir('/other/store') });
  const source = sourceOf('other', other);
  await using joined = join([source, sourceOf('good', await memoryWith(a))], { leftAloneMs: 0 });
  assert.equal((await joined.queryPathInfos([a.info.path])).size, 1);
  assert.equal((await joined.queryPathInfos([b.info.path])).size, 0);
  assert.equal(source.asked.opened, 1);
  assert.deepEqual(joined.warnings, [
    'leaving substituter "test://other" alone: it is for "/other/store", not for "/nix/store"',
  ]);
});

test('what is said of another path than was asked for is no answer', async () => {
  const liar = sourceOf('liar', await memoryWith(a), {
    queryPathInfos: async (paths) => new Map([...paths].map((path) => [path, a.info])),
  });
  await using joined = join([liar]);
  assert.deepEqual(
    [...(await joined.queryPathInfos([a.info.path, b.info.path])).keys()],
    [a.info.path],
  );
});

test('nonsense about one path costs that path alone', async () => {
  const samples = Array.from({ length: 20 }, (_, i) => samplePath(`p${i}`));
  const store = await memoryWith(...samples);
  const bad = samples[13]?.info.path;
  const source = sourceOf('half-broken', store, {
    async queryPathInfos(paths, options) {
      const list = [...paths];
      if (list.some((path) => path === bad)) throw new FerryError('corrupt', 'no NarHash');
      return store.queryPathInfos(list, options);
    },
  });
  await using joined = join([source]);
  const infos = await joined.queryPathInfos(samples.map(({ info }) => info.path));
  assert.equal(infos.size, 19);
  assert.equal(joined.warnings.length, 1);
  assert.match(
    joined.warnings[0] ?? '',
    /^ignoring what "test:\/\/half-broken" says of .*no NarHash/,
  );
});

test('whatever a store throws, it costs a warning and not the others', async () => {
  const source = sourceOf('buggy', await memoryWith(a), {
    queryPathInfos: async () => {
      throw new TypeError('x is not a function');
    },
  });
  await using joined = join([source, sourceOf('good', await memoryWith(a))]);
  assert.equal((await joined.queryPathInfos([a.info.path])).size, 1);
  assert.match(joined.warnings.join('\n'), /^leaving .* x is not a function$/);
});

test('a chain is walked without levels: a slow answer holds up only what hangs on it', async () => {
  const slow = samplePath('slow');
  const root = samplePath('root', [d.info.path, slow.info.path]);
  const store = await memoryWith(a, b, c, d, slow, root);
  const { promise, resolve } = Promise.withResolvers<void>();
  const asked: StorePath[] = [];
  const source = sourceOf('slow', store, {
    async queryPathInfos(paths, options) {
      const list = [...paths];
      asked.push(...list);
      if (list.includes(slow.info.path)) await promise;
      if (list.includes(a.info.path)) resolve();
      return store.queryPathInfos(list, options);
    },
  });
  await using joined = join([source]);
  assert.equal((await joined.queryClosure?.([root.info.path]))?.size, 6);
  assert.equal(new Set(asked).size, asked.length, 'nobody is asked twice');
});

test('one that loses its NARs gives streams that fail, and the others are read', async () => {
  const other = samplePath('other');
  const store = await memoryWith(a, b, c);
  const broken = overriding<Store>(store, {
    async *readNars(paths, options) {
      for (const path of paths) {
        if (path === b.info.path) throw new FerryError('not-found', 'its NAR is gone');
        yield* store.readNars([path], options);
      }
    },
  });
  await using joined = join([
    sourceOf('broken', broken),
    sourceOf('good', await memoryWith(other)),
  ]);
  const paths = [a, b, other, c].map(({ info }) => info.path);
  await joined.queryPathInfos(paths);
  const outcome: string[] = [];
  for await (const nar of joined.readNars(paths)) {
    try {
      await readAll(nar);
      outcome.push('read');
    } catch (error) {
      outcome.push(error instanceof Error ? error.message : '');
    }
  }
  assert.deepEqual(outcome, ['read', 'its NAR is gone', 'read', 'read']);
  assert.deepEqual(
    paths.map((path) => joined.sourceOf(path)?.hasFailed()),
    [false, true, false, false],
  );
  assert.equal((await joined.queryPathInfos([b.info.path])).size, 0);
});

test('of independent streams only so many are read at the same time', async () => {
  const samples = Array.from({ length: 12 }, (_, i) => samplePath(`p${i}`));
  const store = await memoryWith(...samples);
  let open = 0;
  let openMax = 0;
  const source = sourceOf('parallel', store, {
    async *readNars(paths) {
      for (const path of paths) {
        const nar = samples.find(({ info }) => info.path === path)?.nar ?? Buffer.of();
        yield {
          path,
          isIndependent: true,
          async *[Symbol.asyncIterator]() {
            openMax = Math.max(openMax, ++open);
            await new Promise((resolve) => {
              setImmediate(resolve);
            });
            yield nar;
            open--;
          },
        };
      }
    },
  });
  await using joined = join([source], { jobsMax: 3 });
  const reading: Promise<Uint8Array>[] = [];
  for await (const nar of joined.readNars(samples.map(({ info }) => info.path))) {
    assert.equal(nar.isIndependent, true);
    reading.push(readAll(nar));
  }
  const hashes = (await Promise.all(reading)).map((bytes) => hashBytes('sha256', bytes));
  assert.deepEqual(
    hashes,
    samples.map(({ info }) => info.narHash),
  );
  assert.equal(openMax, 3);
});
