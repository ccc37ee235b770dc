import assert from 'node:assert/strict';
import {
  chmodSync,
  existsSync,
  linkSync,
  mkdirSync,
  readdirSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { after, test } from 'node:test';
import { sampleClosure, samplePath, toAdd, type Sample } from '../../../test/conformance/nars.ts';
import { openLocalStores } from '../../../test/support/local-stores.ts';
import { makeTempDirectory, removeTree } from '../../../test/support/temp.ts';
import { FerryError } from '../../error.ts';
import { defaultStoreDir, printStorePath, type StorePath } from '../../format/store-path.ts';
import { loadFlock, openLockFile } from '../../system/flock.ts';
import type { LocalStore } from './local-store.ts';
import { lockPath } from './path-lock.ts';
import type { VerifyStoreEvent, VerifyStoreOptions } from './verify-store.ts';
import { changeDatabase } from '../../../test/support/store-database.ts';

/** Threads take long to start: all tests share them. */
const stores = openLocalStores();
after(() => stores[Symbol.asyncDispose]());

const { a, b, c, d } = sampleClosure();
const [A, B, C, D] = [a, b, c, d].map(({ info }) => info.path) as [
  StorePath,
  StorePath,
  StorePath,
  StorePath,
];

interface Scene {
  readonly store: LocalStore;
  readonly root: string;
  readonly real: (path: StorePath) => string;
  /** What was found: its kind and what it is about. */
  readonly verify: (options?: VerifyStoreOptions) => Promise<{ left: number; found: string[] }>;
  readonly sql: (text: string) => Promise<void>;
}

async function withStore(
  body: (scene: Scene) => Promise<void>,
  ...samples: readonly Sample[]
): Promise<void> {
  await using temp = makeTempDirectory({ ram: true });
  await using store = await stores.open(temp.path);
  await store.addPaths?.(toAdd(a, b, c, d, ...samples));
  await body({
    store,
    root: temp.path,
    real: (path) => store.toRealPath(path),
    async verify(options = {}) {
      const found: string[] = [];
      const { errorsLeft } = await store.verifyStore({
        checkContents: true,
        onEvent(event) {
          const text = describe(event);
          if (text !== undefined) found.push(text);
        },
        ...options,
      });
      return { left: errorsLeft, found: found.sort() };
    },
    sql: (text) => changeDatabase(temp.path, text),
  });
}

function describe(event: VerifyStoreEvent): string | undefined {
  const { type } = event;
  if (type === 'disappeared') return `${event.isRemoved ? 'removed' : 'needed'} ${event.path}`;
  if (type === 'link-modified' || type === 'link-removed') return type;
  return 'path' in event && type !== 'checking-path' ? `${type} ${event.path}` : undefined;
}

function damage(path: string): void {
  chmodSync(path, 0o755);
  const file = join(path, 'text');
  chmodSync(file, 0o644);
  writeFileSync(file, 'damaged');
  chmodSync(file, 0o444);
  chmodSync(path, 0o555);
}

test('a store that is whole, step by step', () =>
  withStore(async ({ store, verify }) => {
    const steps: string[] = [];
    let bytes = 0;
    await store.verifyStore({
      checkContents: true,
      onEvent: ({ type }) => steps.push(type),
      onBytes: (count) => {
        bytes += count;
      },
    });
    assert.deepEqual(steps.slice(0, 4), [
      'reading',
      'checking-existence',
      'checking-links',
      'checking-contents',
    ]);
    assert.equal(
      bytes,
      [a, b, c, d].reduce((sum, { info }) => sum + info.narSize, 0),
    );
    assert.deepEqual(await verify(), { left: 0, found: [] });
  }));

test('what is gone goes out of the database, after all that refers to it and is gone too', () =>
  withStore(async ({ store, real, verify }) => {
    removeTree(real(D));
    removeTree(real(C));
    assert.deepEqual(await verify({ checkContents: false }), {
      left: 0,
      found: [`removed ${C}`, `removed ${D}`].sort(),
    });
    assert.deepEqual(await store.queryAllValidPaths(), [A, B].sort());
    assert.deepEqual(
      readdirSync(join(real(A), '..')).filter((name) => name.endsWith('.lock')),
      [],
    );
  }));

test('what is gone and needed stays, also through one that is gone and needed', () =>
  withStore(async ({ store, real, verify }) => {
    // D needs C, C needs B, B needs A: Nix 2.34 ends here with a failed constraint of its database.
    for (const path of [A, B, C]) removeTree(real(path));
    const found = [`needed ${A}`, `needed ${B}`, `needed ${C}`].sort();
    assert.deepEqual(await verify({ checkContents: false }), { left: 3, found });
    assert.equal((await store.queryAllValidPaths()).length, 4);
  }));

test('what is gone is asked to be repaired, with what is modified', () =>
  withStore(async ({ real, verify }) => {
    removeTree(real(A));
    damage(real(C));
    const asked: StorePath[] = [];
    const error = new FerryError('not-found', 'nobody has it');
    const { left, found } = await verify({
      repair: async (paths) => {
        asked.push(...paths);
        return new Map([[A, error]]);
      },
    });
    assert.deepEqual(asked, [A, C]);
    assert.equal(left, 1);
    assert.deepEqual(
      found,
      [`modified ${C}`, `needed ${A}`, `repair-failed ${A}`, `repaired ${C}`].sort(),
    );
  }));

test('who is just making a path anew is waited for', () =>
  withStore(async ({ store, real, verify }) => {
    const lock = await lockPath(await loadFlock(), real(D));
    renameSync(real(D), `${real(D)}-apart`);
    const verified = verify({ checkContents: false });
    await sleep(100);
    renameSync(`${real(D)}-apart`, real(D));
    lock.release();
    assert.deepEqual(await verified, { left: 0, found: [] });
    assert.equal((await store.queryValidPaths([D])).size, 1);
  }));

test('hashes and sizes that the database lacks are added, those that it has are left', () =>
  withStore(async ({ store, verify, sql }) => {
    const printed = (path: StorePath): string => printStorePath(defaultStoreDir, path);
    const none = `sha256:${'0'.repeat(64)}`;
    await sql(
      `update ValidPaths set hash = '${none}' where path in ('${printed(A)}', '${printed(B)}')`,
    );
    await sql(
      `update ValidPaths set narSize = null where path in ('${printed(B)}', '${printed(C)}')`,
    );
    assert.deepEqual((await verify({ checkContents: false })).found, []);
    const { left, found } = await verify();
    assert.equal(left, 0);
    assert.deepEqual(
      found,
      [`hash-added ${A}`, `hash-added ${B}`, `size-added ${B}`, `size-added ${C}`].sort(),
    );
    const infos = await store.queryPathInfos([A, B, C]);
    for (const { info } of [a, b, c]) {
      const { narHash, narSize } = infos.get(info.path) ?? {};
      assert.deepEqual({ narHash, narSize }, { narHash: info.narHash, narSize: info.narSize });
    }
    assert.deepEqual(await verify(), { left: 0, found: [] });
  }));

test('a row that makes no sense costs its path alone, and is nothing to repair', () =>
  withStore(async ({ verify, sql, real }) => {
    await sql(`update ValidPaths set hash = 'md5:x' where path = '${defaultStoreDir}/${A}'`);
    damage(real(B));
    const asked: StorePath[] = [];
    const { left, found } = await verify({
      repair: async (paths) => {
        asked.push(...paths);
        return new Map();
      },
    });
    assert.deepEqual(
      [left, found, asked],
      [1, [`failed ${A}`, `modified ${B}`, `repaired ${B}`].sort(), [B]],
    );
  }));

test('damaged links are told of, and removed where it repairs', () =>
  withStore(async ({ store, verify, real }) => {
    await store.optimise();
    const links = join(real(A), '..', '.links');
    writeFileSync(join(links, 'no hash'), '');
    damage(real(A));
    mkdirSync(join(links, 'a directory'));
    const told = await verify();
    assert.deepEqual(
      told.found.filter((text) => text.startsWith('link')),
      ['link-modified', 'link-modified', 'link-modified'],
    );
    assert.equal(told.left, 4);
    const before = readdirSync(links).length;
    const { left, found } = await verify({ repair: async () => new Map() });
    assert.equal(left, 1, 'what is no file is left');
    assert.equal(found.filter((text) => text === 'link-removed').length, 2);
    assert.equal(readdirSync(links).length, before - 2);
    rmSync(links, { recursive: true });
    assert.equal((await verify()).left, 1);
  }));

test('many links are read in turns', () =>
  withStore(async ({ verify, real }) => {
    const links = join(real(A), '..', '.links');
    writeFileSync(join(links, 'first'), '');
    for (let n = 1; n < 1000; n++) linkSync(join(links, 'first'), join(links, `link-${n}`));
    const { left, found } = await verify();
    assert.deepEqual([left, found.length], [1000, 1000]);
  }));

test('a garbage collection is waited for, until an abort', () =>
  withStore(async ({ store, root }) => {
    const flock = await loadFlock();
    const fd = openLockFile(join(root, 'nix/var/nix/gc.lock'));
    assert.ok(flock.tryLock(fd, 'exclusive'));
    const events: string[] = [];
    const abort = new AbortController();
    const verified = store.verifyStore({
      signal: abort.signal,
      onEvent: ({ type }) => events.push(type),
    });
    setTimeout(() => abort.abort(new Error('enough')), 50);
    await assert.rejects(verified, { message: 'enough' });
    assert.deepEqual(events, ['reading', 'waiting']);
    flock.unlock(fd);
    assert.deepEqual(await store.verifyStore(), { errorsLeft: 0 });
    assert.ok(existsSync(root));
  }));

test('what nobody can read is a failure; a tree with what no tree may have is broken', () =>
  withStore(async ({ verify, real }) => {
    const path = real(D);
    chmodSync(path, 0o755);
    const { execFileSync } = await import('node:child_process');
    execFileSync('mkfifo', [join(path, 'pipe')]);
    const { left, found } = await verify();
    assert.deepEqual([left, found], [1, [`failed ${D}`]]);
    const repaired = await verify({ repair: async () => new Map() });
    assert.deepEqual([repaired.left, repaired.found], [0, [`failed ${D}`, `repaired ${D}`]]);
  }, samplePath('alone')));
