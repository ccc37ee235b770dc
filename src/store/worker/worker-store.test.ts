/** The store against a daemon of ours in the same process: refusals, faults, what is asked for and how often. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  readAll,
  sampleClosure,
  samplePath,
  toAdd,
  toStream,
  type Sample,
} from '../../../test/conformance/nars.ts';
import { workerStoreOver } from '../../../test/support/worker-server.ts';
import { isFerryError } from '../../error.ts';
import { printStorePath, type StorePath } from '../../format/store-path.ts';
import { deleteDeadSpecificReferrers, v } from '../../wire/worker/version.ts';
import { MemoryStore } from '../memory.ts';
import type { PathToAdd } from '../store.ts';

const pathsOf = (samples: readonly Sample[]): StorePath[] => samples.map(({ info }) => info.path);

async function filled(...samples: readonly Sample[]): Promise<MemoryStore> {
  const store = new MemoryStore();
  await store.addPaths(toAdd(...samples));
  return store;
}

test('it says what the far end says of itself', async () => {
  await using store = await workerStoreOver(new MemoryStore(), { isTrusted: true });
  assert.equal(store.release, '2.99.1');
  assert.equal(store.isTrusted, true);
  await using old = await workerStoreOver(new MemoryStore(), { version: v(26) });
  assert.equal(old.release, undefined);
  assert.equal(old.isTrusted, undefined);
  assert.ok(!old.features.has('substitute'));
  await assert.rejects(old.queryValidPaths([], { substitute: true }), { code: 'unsupported' });
});

test('a version that is not spoken is told, with the one that is', async () => {
  await assert.rejects(workerStoreOver(new MemoryStore(), { version: v(20) }), {
    code: 'protocol',
    message:
      'cannot connect to "test": it speaks version 1.20 of the worker protocol, wanted 1.21 or a later 1.x',
  });
});

test('text before the protocol is stepped over', async () => {
  await using store = await workerStoreOver(new MemoryStore(), { noise: 'Welcome!\n' });
  assert.equal(store.release, '2.99.1');
});

test('what the far end says on the side are lines without escape sequences', async () => {
  const lines: string[] = [];
  const onLine = (line: string): number => lines.push(line);
  await using store = await workerStoreOver(new MemoryStore(), { isTalkative: true, onLine });
  await store.queryValidPaths([samplePath('a').info.path]);
  assert.deepEqual(lines, ['QueryValidPaths', 'working', 'a line of a build']);
});

test('a refusal is its words and their meaning, and the connection goes on', async () => {
  const { a, b, c, d } = sampleClosure();
  const texts: readonly (readonly [string, string])[] = [
    [
      `cannot add path '\u001b[35;1m/x\u001b[0m' because it lacks a signature by a trusted key`,
      'untrusted',
    ],
    ["path '\u001b[35;1m/nix/store/x\u001b[0m' is not valid", 'not-found'],
    ['writing to file: No space left on device', 'no-space'],
    ["cannot delete path '/x' since it is still alive", 'conflict'],
    ['something else', 'denied'],
  ];
  for (const [text, code] of texts) {
    const log: string[] = [];
    await using store = await workerStoreOver(await filled(a, b, c, d), {
      log,
      refuse: (name, path) => (name === 'QueryPathInfo' && path === b.info.path ? text : undefined),
    });
    await assert.rejects(store.queryPathInfos(pathsOf([a, c, b])), (error) => {
      assert.ok(isFerryError(error));
      assert.equal(error.code, code);
      assert.match(
        error.message,
        /^cannot have QueryPathInfo of "ssh-ng:\/\/test": far end said: /,
      );
      assert.ok(!error.message.includes('\u001b'));
      return true;
    });
    assert.equal((await store.queryPathInfos(pathsOf([a, c]))).size, 2);
    assert.ok(log.includes('SyncWithGC'), 'it is made sure that it is still there');
  }
});

test('a far end that closes the connection after a refusal is connected to again, and holds', async () => {
  const memory = await filled(samplePath('a'));
  const { path } = samplePath('a').info;
  let refusals = 0;
  await using store = await workerStoreOver(memory, {
    refuse: (name) => {
      // As a server that can't read a request: it says so, and is gone when it is asked again.
      if (name === 'SyncWithGC') throw new Error('gone');
      return name === 'QueryPathInfo' && refusals++ === 0 ? 'no' : undefined;
    },
  });
  await store.queryValidPaths([path], { hold: true });
  memory.held.clear();
  await assert.rejects(store.queryPathInfos([path]));
  assert.equal((await store.queryPathInfos([path])).size, 1);
  assert.deepEqual(memory.held, new Set([path]));
});

test('everything of a closure is asked for once, and no level waits for answers one by one', async () => {
  const leaves = Array.from({ length: 100 }, (_, i) => samplePath(`leaf-${i}`));
  const nodes = Array.from({ length: 10 }, (_, i) =>
    samplePath(`node-${i}`, pathsOf(leaves.slice(i * 10, i * 10 + 20))),
  );
  const root = samplePath('root', pathsOf([...nodes, ...leaves]));
  const log: string[] = [];
  let writes = 0;
  await using store = await workerStoreOver(await filled(...leaves, ...nodes, root), {
    log,
    tap: () => writes++,
  });
  writes = 0;
  const closure = await store.queryClosure([root.info.path]);
  assert.equal(closure.size, 111);
  assert.equal(log.length, 111);
  assert.ok(writes < 60, `${writes} writes for 111 requests`);
  assert.deepEqual(await store.queryClosure([]), new Map());
});

test('outputs of derivations are part of a closure that wants them, where they are valid', async () => {
  const output = samplePath('built');
  const absent = samplePath('absent');
  const drv = samplePath('it.drv');
  class WithOutputs extends MemoryStore {
    async queryOutputs(drvs: Iterable<StorePath>): Promise<Map<StorePath, StorePath[]>> {
      const outputs = pathsOf([output, absent]);
      return new Map([...drvs].map((path) => [path, outputs]));
    }
  }
  for (const version of [v(38), v(21)]) {
    const memory = new WithOutputs();
    await memory.addPaths(toAdd(output, drv));
    await using store = await workerStoreOver(memory, { version });
    const roots = pathsOf([drv]);
    assert.equal((await store.queryClosure(roots)).size, 1);
    const closure = await store.queryClosure(roots, { includeOutputs: true });
    assert.deepEqual([...closure.keys()].sort(), pathsOf([drv, output]).sort());
    const outputs = await store.queryOutputs(pathsOf([drv, absent]));
    assert.deepEqual(outputs, new Map([[drv.info.path, [output.info.path]]]));
  }
});

test('a reference that the far end says is not valid is named', async () => {
  const { a, b } = sampleClosure();
  await using store = await workerStoreOver(await filled(a, b), {
    refuse: (name, path) =>
      name === 'QueryPathInfo' && path === a.info.path ? 'disk on fire' : undefined,
  });
  await assert.rejects(store.queryClosure([b.info.path]), /disk on fire/);
  await assert.rejects(store.queryClosure([samplePath('nowhere').info.path]), {
    code: 'not-found',
    message: /-nowhere" is not valid in "ssh-ng:\/\/test"/,
  });
});

test('holds are taken before validity is asked for, without waiting', async () => {
  const { a, b } = sampleClosure();
  const memory = await filled(a);
  const log: string[] = [];
  await using store = await workerStoreOver(memory, { log });
  const valid = await store.queryValidPaths(pathsOf([a, b]), { hold: true });
  assert.deepEqual(valid, new Set([a.info.path]));
  assert.deepEqual(memory.held, new Set(pathsOf([a, b])));
  assert.deepEqual(log, ['AddTempRoot', 'AddTempRoot', 'QueryValidPaths']);
});

test('signatures that are none are refused here', async () => {
  await using store = await workerStoreOver(await filled(samplePath('a')));
  const added = new Map([[samplePath('a').info.path, ['no signature']]]);
  await assert.rejects(store.addSignatures(added), { code: 'corrupt' });
});

test('what is refused in the middle of a push is an error, what came before is valid', async () => {
  const { a, b, c } = sampleClosure();
  const big = samplePath('big', [], 'x'.repeat(3_000_000));
  const memory = new MemoryStore();
  await using store = await workerStoreOver(memory, {
    refuse: (name, path) =>
      name === 'AddToStoreNar' && path === big.info.path
        ? 'lacks a signature by a trusted key'
        : undefined,
  });
  const added: StorePath[] = [];
  const adding = store.addPaths(toAdd(a, big, b, c), { onAdded: (path) => added.push(path) });
  await assert.rejects(adding, (error) => {
    assert.ok(isFerryError(error, 'untrusted'));
    const path = printStorePath(store.storeDir, big.info.path);
    assert.equal(
      error.message,
      `cannot add "${path}": far end said: lacks a signature by a trusted key`,
    );
    assert.match(error.hint ?? '', /trusted-public-keys/);
    return true;
  });
  assert.deepEqual(added, await validOf(memory, added), 'what was said to be added is');
  assert.ok(added.includes(a.info.path));
  assert.equal((await store.queryValidPaths([big.info.path])).size, 0, 'the connection goes on');
});

test('with a handler, what fails costs only what depends on it', async () => {
  for (const options of [{}, { version: v(22) }, { connectionsMax: 3 }]) {
    const { a, b, c, d } = sampleClosure();
    const lone = samplePath('lone', [], 'y'.repeat(400_000));
    const cut = samplePath('cut', [], 'z'.repeat(400_000));
    const memory = new MemoryStore();
    await using store = await workerStoreOver(memory, {
      ...options,
      refuse: (name, path) => (name === 'AddToStoreNar' && path === b.info.path ? 'no' : undefined),
    });
    const paths = async function* (): AsyncGenerator<PathToAdd> {
      yield* toAdd(a, b, c);
      yield { info: cut.info, nar: toStream(cut.info.path, cut.nar.subarray(0, 200_000)) };
      yield* toAdd(d, lone);
    };
    const failed = new Map<StorePath, unknown>();
    const added: StorePath[] = [];
    await store.addPaths(paths(), {
      onFailed: (path, error) => failed.set(path, error),
      onAdded: (path) => added.push(path),
    });
    assert.deepEqual([...failed.keys()].sort(), pathsOf([b, c, cut, d]).sort());
    assert.ok(isFerryError(failed.get(cut.info.path), 'corrupt'));
    assert.deepEqual(added.sort(), pathsOf([a, lone]).sort());
    assert.deepEqual(added.sort(), (await validOf(memory, pathsOf([a, b, c, d, lone]))).sort());
  }
});

test('a handler that throws ends the push with what it threw', async () => {
  const { a, b } = sampleClosure();
  await using store = await workerStoreOver(new MemoryStore());
  const adding = store.addPaths(toAdd(a, b), {
    onAdded: () => {
      throw new Error('enough');
    },
  });
  await assert.rejects(adding, /enough/);
  assert.equal((await store.queryValidPaths(pathsOf([a]))).size, 1);
});

test('an abort ends a push whose source is stuck', async () => {
  const { a } = sampleClosure();
  await using store = await workerStoreOver(new MemoryStore());
  const abort = new AbortController();
  const stuck = {
    path: a.info.path,
    async *[Symbol.asyncIterator]() {
      yield a.nar.subarray(0, 16);
      setTimeout(() => abort.abort(new Error('enough')), 20);
      await sleep(60_000, undefined, { ref: false });
    },
  };
  const paths = (async function* () {
    yield { info: a.info, nar: stuck };
  })();
  const late = sleep(5000, 'late', { ref: false });
  const adding = store.addPaths(paths, { signal: abort.signal });
  await assert.rejects(Promise.race([adding, late]), /enough/);
  assert.equal((await store.queryValidPaths([a.info.path])).size, 0, 'it is connected to again');
});

test('NARs that are left in the middle are passed over, or the connection is replaced', async () => {
  const large = samplePath('large', [], 'x'.repeat(6_000_000));
  const { a, d } = sampleClosure();
  const samples = [d, large, a].map(({ info, nar }) => ({
    info: { ...info, references: [] },
    nar,
  }));
  const memory = await filled(...samples);
  await using store = await workerStoreOver(memory);
  const seen: StorePath[] = [];
  for await (const nar of store.readNars(pathsOf(samples))) {
    seen.push(nar.path);
    for await (const _ of nar) break;
  }
  assert.deepEqual(seen, pathsOf(samples));
  for await (const nar of store.readNars(pathsOf(samples))) {
    assert.equal((await readAll(nar)).length, samples[0]?.info.narSize);
    break;
  }
});

test('garbage of some paths alone is not asked of who would take the whole store', async () => {
  const request = {
    action: 'delete-dead',
    paths: pathsOf([samplePath('a')]),
    ignoreLiveness: false,
  } as const;
  await using old = await workerStoreOver(new MemoryStore());
  await assert.rejects(old.collectGarbage(request), { code: 'unsupported' });
  const features = [deleteDeadSpecificReferrers];
  await using newer = await workerStoreOver(new MemoryStore(), { features });
  await assert.rejects(newer.collectGarbage(request), /has no CollectGarbage/);
  assert.deepEqual(await old.deletePaths([]), { paths: [], bytesFreed: 0 });
});

test('what only trusted users may do is refused here where they are not', async () => {
  const log: string[] = [];
  await using store = await workerStoreOver(new MemoryStore(), { isTrusted: false, log });
  const { path } = samplePath('x.drv').info;
  const text = toStream(path, Buffer.from('log'));
  await assert.rejects(store.addBuildLog(path, text), { code: 'denied' });
  await assert.rejects(store.addPermanentRoot('/tmp/root', path), { code: 'denied' });
  assert.deepEqual(log, []);
});

test('a log that breaks off is not kept as if it were whole', async () => {
  const { path } = samplePath('x.drv').info;
  await using store = await workerStoreOver(new MemoryStore(), { isTrusted: true });
  const broken = async function* (): AsyncGenerator<Uint8Array> {
    yield Buffer.from('half');
    throw new Error('the source went away');
  };
  await assert.rejects(store.addBuildLog(path, broken()), /the source went away/);
});

test('what is no hash part is refused here', async () => {
  await using store = await workerStoreOver(new MemoryStore());
  await assert.rejects(store.queryPathFromHashPart('x'), { code: 'usage' });
});

async function validOf(store: MemoryStore, paths: readonly StorePath[]): Promise<StorePath[]> {
  const valid = await store.queryValidPaths(paths);
  return paths.filter((path) => valid.has(path));
}
