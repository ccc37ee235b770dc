import assert from 'node:assert/strict';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readlinkSync,
  renameSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { readAll, sampleClosure, samplePath, toAdd, type Sample } from '../conformance/nars.ts';
import { openLocalStores } from '../support/local-stores.ts';
import { makeTempDirectory, type TempDirectory } from '../support/temp.ts';
import { messageOf } from '../../src/error.ts';
import type { StorePath } from '../../src/format/store-path.ts';
import type { DeleteEvent } from '../../src/store/local/delete-paths.ts';
import type { LocalStore } from '../../src/store/local/local-store.ts';
import { addGeneration } from '../../src/store/local/profile.ts';
import { changeDatabase } from '../support/store-database.ts';

const { a, b, c, d } = sampleClosure();
const [A, B, C, D] = [a, b, c, d].map(({ info }) => info.path) as [
  StorePath,
  StorePath,
  StorePath,
  StorePath,
];

/** Whoever adds paths holds them for as long as their store is open: this is another one. */
async function withStore(
  body: (store: LocalStore, temp: TempDirectory) => Promise<void>,
  ...samples: readonly Sample[]
): Promise<void> {
  await using temp = makeTempDirectory({ ram: true });
  await using stores = openLocalStores();
  {
    await using adding = await stores.open(temp.path);
    await adding.addPaths?.(toAdd(a, b, c, d, ...samples));
  }
  await using store = await stores.open(temp.path);
  await body(store, temp);
}

test('paths go with their files, those that refer first', () =>
  withStore(async (store) => {
    const events: DeleteEvent[] = [];
    const { paths, bytesFreed, failure } = await store.deletePaths([A, B, C, D], {
      onEvent: (event) => events.push(event),
    });
    assert.equal(failure, undefined);
    assert.deepEqual(paths, [D, C, B, A]);
    assert.ok(bytesFreed > 300_000, String(bytesFreed));
    assert.deepEqual(await store.queryAllValidPaths(), []);
    for (const path of paths) assert.ok(!existsSync(store.toRealPath(path)));
    assert.deepEqual(
      events.map(({ type }) => type),
      [
        'finding-roots',
        'deleting',
        'deleting',
        'deleting',
        'deleting',
        'deleting-links',
        'links-saving',
      ],
    );
  }));

test('what another path refers to stays', () =>
  withStore(async (store) => {
    const { paths, failure } = await store.deletePaths([A]);
    assert.deepEqual(paths, []);
    assert.match(messageOf(failure), /^Cannot delete path '.*-a' since it is still alive/);
    assert.equal((await store.queryValidPaths([A, B, C, D])).size, 4);
  }));

test('what was deleted before an error stays deleted', () => {
  const lone = samplePath('lone');
  return withStore(async (store) => {
    const { paths, failure } = await store.deletePaths([lone.info.path, B]);
    assert.ok(failure instanceof Error);
    assert.deepEqual(paths, lone.info.path < B ? [lone.info.path] : []);
  }, lone);
});

test('roots keep paths: links, links to links, profiles, temporary roots', () => {
  const direct = samplePath('direct');
  const indirect = samplePath('indirect');
  const profile = samplePath('profile');
  const named = samplePath('named');
  const temporary = samplePath('temporary');
  const dangling = samplePath('dangling');
  const loose = samplePath('loose');
  const held = [direct, indirect, profile, named, temporary];
  return withStore(
    async (store, temp) => {
      const state = temp.join('nix/var/nix');
      const isKept = async ({ info: { path } }: Sample): Promise<boolean> =>
        (await store.deletePaths([path])).failure !== undefined;
      mkdirSync(join(state, 'gcroots/deep'), { recursive: true });
      symlinkSync(`/nix/store/${direct.info.path}/text`, join(state, 'gcroots/deep/x'));
      for (const file of ['result', 'profile']) assert.ok(!existsSync(temp.join(file)));
      symlinkSync(`/nix/store/${indirect.info.path}`, temp.join('result'));
      mkdirSync(join(state, 'gcroots/auto'), { recursive: true });
      symlinkSync(temp.join('result'), join(state, 'gcroots/auto/result'));
      symlinkSync(`/nix/store/${profile.info.path}`, join(state, 'profiles/default-1-link'));
      writeFileSync(join(state, 'gcroots', named.info.path), '');
      await store.queryValidPaths([temporary.info.path], { hold: true });
      symlinkSync(`/nix/store/${dangling.info.path}`, temp.join('gone'));
      symlinkSync(temp.join('nowhere'), join(state, 'gcroots/auto/stale'));
      for (const sample of held) assert.ok(await isKept(sample), sample.info.path);
      for (const sample of [dangling, loose]) assert.ok(!(await isKept(sample)));
      const ignoring = { ignoreLiveness: true };
      assert.equal((await store.deletePaths([direct.info.path], ignoring)).failure, undefined);
      const used = await store.deletePaths([temporary.info.path], ignoring);
      assert.ok(used.failure instanceof Error, 'a process is just using it');
    },
    ...held,
    dangling,
    loose,
  );
});

test('a path that was never valid is removed like any other', () =>
  withStore(async (store) => {
    const junk = samplePath('junk').info.path;
    writeFileSync(store.toRealPath(junk), 'left by a crash');
    const { paths } = await store.deletePaths([junk]);
    assert.deepEqual(paths, [junk]);
    assert.ok(!existsSync(store.toRealPath(junk)));
  }));

test('an abort ends it, and nothing is half deleted', () =>
  withStore(async (store) => {
    const stop = new AbortController();
    const reason = new Error('enough');
    const deleting = store.deletePaths([D], {
      signal: stop.signal,
      onEvent: ({ type }) => {
        if (type === 'finding-roots') stop.abort(reason);
      },
    });
    await assert.rejects(deleting, reason);
    assert.ok((await store.queryValidPaths([D])).has(D));
    assert.ok(existsSync(store.toRealPath(D)));
  }));

test('a profile counts its generations', () =>
  withStore(async (store, temp) => {
    const profile = temp.join('profiles/me');
    await addGeneration(store, profile, A);
    await addGeneration(store, profile, A);
    assert.equal(readlinkSync(profile), 'me-1-link');
    await addGeneration(store, profile, B);
    assert.equal(readlinkSync(profile), 'me-2-link');
    assert.equal(readlinkSync(temp.join('profiles/me-2-link')), `/nix/store/${B}`);
    await addGeneration(store, profile, A);
    assert.equal(readlinkSync(profile), 'me-3-link');
    assert.deepEqual(readdirSync(temp.join('profiles')).sort(), [
      'me',
      'me-1-link',
      'me-2-link',
      'me-3-link',
    ]);
    writeFileSync(temp.join('file'), '');
    await assert.rejects(addGeneration(store, temp.join('file'), A), { code: 'conflict' });
    await assert.rejects(addGeneration(store, temp.join('other'), samplePath('none').info.path), {
      code: 'not-found',
    });
  }));

test('logs are read as text or from bzip2, and kept once', () =>
  withStore(async (store, temp) => {
    const drv = `${'a'.repeat(32)}-x.drv` as StorePath;
    assert.equal(await store.readBuildLog?.(drv), undefined);
    const text = async function* (line: string): AsyncGenerator<Uint8Array> {
      yield Buffer.from(line);
    };
    await store.addBuildLog?.(drv, text('built\n'));
    await store.addBuildLog?.(drv, text('again\n'));
    const read = await store.readBuildLog?.(drv);
    assert.ok(read !== undefined);
    assert.equal(Buffer.from(await readAll(read)).toString(), 'built\n');
    const directory = temp.join('nix/var/log/nix/drvs/aa');
    assert.deepEqual(readdirSync(directory), [`${'a'.repeat(30)}-x.drv`]);
    // "packed\n" as bzip2 writes it.
    const packed = 'QlpoOTFBWSZTWVvaCagAAANBgAAQLghAACAAMQwBBk2jHAKLuSKcKEgt7QTUAA==';
    mkdirSync(temp.join('nix/var/log/nix/drvs/bb'));
    writeFileSync(
      temp.join(`nix/var/log/nix/drvs/bb/${'b'.repeat(30)}-y.drv.bz2`),
      Buffer.from(packed, 'base64'),
    );
    const other = await store.readBuildLog?.(`${'b'.repeat(32)}-y.drv` as StorePath);
    assert.ok(other !== undefined);
    assert.equal(Buffer.from(await readAll(other)).toString(), 'packed\n');
  }));

test('a derivation and its outputs keep each other as settings say', () => {
  const drv = samplePath('made-by');
  const out = samplePath('made');
  const OUT = out.info.path;
  const DRV = `${drv.info.path}.drv` as StorePath;
  return withStore(
    async (store, temp) => {
      // What a derivation is to the database, whatever is in it.
      renameSync(store.toRealPath(drv.info.path), store.toRealPath(DRV));
      await changeDatabase(
        temp.path,
        `update ValidPaths set path = '/nix/store/${DRV}' where path = '/nix/store/${drv.info.path}'`,
        `insert into DerivationOutputs select id, 'out', '/nix/store/${OUT}' from ValidPaths where path = '/nix/store/${DRV}'`,
      );
      const keep = { keepOutputs: true, keepDerivations: true };
      for (const path of [DRV, OUT]) {
        const { paths, failure } = await store.deletePaths([path], { keep });
        assert.deepEqual(paths, []);
        assert.match(messageOf(failure), /still alive/);
      }
      const derivations = { ...keep, keepOutputs: false };
      const { paths } = await store.deletePaths([DRV, OUT], { keep: derivations });
      assert.deepEqual(paths, [OUT, DRV]);
    },
    drv,
    { ...out, info: { ...out.info, deriver: DRV } },
  );
});

test('an output that refers to its derivation goes before it, whatever keeps what', () => {
  const drv = samplePath('made-by');
  const out = samplePath('made', [drv.info.path]);
  return withStore(
    async (store, temp) => {
      await changeDatabase(
        temp.path,
        `insert into DerivationOutputs select id, 'out', '/nix/store/${out.info.path}' from ValidPaths where path = '/nix/store/${drv.info.path}'`,
      );
      const keep = { keepOutputs: true, keepDerivations: true };
      const named = [out.info.path, drv.info.path];
      const { paths, failure } = await store.deletePaths(named, { keep });
      assert.equal(failure, undefined);
      assert.deepEqual(paths, named);
    },
    drv,
    out,
  );
});

test('nothing but references counts where liveness is ignored', () => {
  const drv = samplePath('made-by');
  const out = samplePath('made');
  return withStore(
    async (store, temp) => {
      await changeDatabase(
        temp.path,
        `insert into DerivationOutputs select id, 'out', '/nix/store/${out.info.path}' from ValidPaths where path = '/nix/store/${drv.info.path}'`,
      );
      const keep = { keepOutputs: true, keepDerivations: true };
      const one = await store.deletePaths([out.info.path], { keep });
      assert.deepEqual(one.paths, []);
      const two = await store.deletePaths([out.info.path], { keep, ignoreLiveness: true });
      assert.deepEqual(two.paths, [out.info.path]);
    },
    drv,
    out,
  );
});
