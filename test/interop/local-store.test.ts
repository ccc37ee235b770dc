/** The local store beside real Nix: each reads what the other wrote, and both work on one store at the same time. */
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, mkdirSync, readdirSync, statfsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { planCopy } from '../../src/copy/plan.ts';
import { transfer } from '../../src/copy/transfer.ts';
import { formatHash, hashBytes } from '../../src/format/hash.ts';
import { formatContentAddress } from '../../src/format/content-address.ts';
import type { PathInfo } from '../../src/format/path-info.ts';
import { generateSecretKey, signText } from '../../src/format/signature.ts';
import { parseStorePath, printStorePath, type StorePath } from '../../src/format/store-path.ts';
import type { LocalStore } from '../../src/store/local/local-store.ts';
import type { Store } from '../../src/store/store.ts';
import { loadFlock, openLockFile } from '../../src/system/flock.ts';
import { openSqlite } from '../../src/system/sqlite.ts';
import { samplePath, toAdd, type Sample } from '../conformance/nars.ts';
import { openLocalStores, trusting } from '../support/local-stores.ts';
import { makeNixHome, type NixHome } from '../support/nix-home.ts';
import { nixVersions, peerTest } from '../support/peers.ts';
import { makeSmallClosure } from '../support/small-closure.ts';
import { makeTempDirectory } from '../support/temp.ts';

const COPY_PROCESS = fileURLToPath(new URL('../support/copy-process.ts', import.meta.url));

function parseAll(store: Store, texts: readonly string[]): StorePath[] {
  return texts.map((text) => parseStorePath(store.storeDir, text));
}

async function copy(
  from: LocalStore,
  to: LocalStore,
  roots: readonly StorePath[],
  options: Parameters<typeof planCopy>[3] = {},
): Promise<void> {
  await transfer(await planCopy(from, to, roots, options), from, to, options);
}

/** So many paths, each referring to some before it; one in ten has a few hundred kilobytes. */
function manySamples(count: number, prefix: string): Sample[] {
  const samples: Sample[] = [];
  for (let i = 0; i < count; i++) {
    const references = [samples[i - 1], samples[i >> 1]].flatMap((sample) =>
      sample === undefined ? [] : [sample.info.path],
    );
    const text = i % 10 === 0 ? `${prefix}${i}`.repeat(50_000) : `${prefix}${i}`;
    samples.push(samplePath(`${prefix}-${i}`, [...new Set(references)], text));
  }
  return samples;
}

function pathsOf(samples: readonly Sample[]): StorePath[] {
  return samples.map(({ info }) => info.path);
}

/** Everything in the store's directory but what is registered: nothing, once all is done. */
function leftovers(store: LocalStore, valid: ReadonlySet<string>): string[] {
  return readdirSync(store.toRealPath('' as StorePath)).filter(
    (name) => name !== '.links' && !valid.has(name),
  );
}

/** What the database says, by path instead of row: two stores with the same contents have the same. */
function databaseOf(root: string): unknown {
  using db = openSqlite(join(root, 'nix/var/nix/db/db.sqlite'), {
    access: 'read',
    useWal: true,
    sync: true,
  });
  return {
    paths: db
      .query(
        'select path, hash, registrationTime, deriver, narSize, ultimate, sigs, ca from ValidPaths order by path',
      )
      .all(),
    references: db
      .query(
        'select a.path, b.path from Refs join ValidPaths a on a.id = referrer join ValidPaths b on b.id = reference order by 1, 2',
      )
      .all(),
    outputs: db
      .query(
        'select d.path, o.id, o.path from DerivationOutputs o join ValidPaths d on d.id = o.drv order by 1, 2',
      )
      .all(),
  };
}

/** As `nix path-info --json` has it. */
function toJson(store: Store, info: PathInfo): unknown {
  const print = (path: StorePath): string => printStorePath(store.storeDir, path);
  return {
    path: print(info.path),
    narHash: formatHash(info.narHash, 'sri'),
    narSize: info.narSize,
    references: info.references.map(print),
    deriver: info.deriver === undefined ? null : print(info.deriver),
    signatures: info.signatures,
    ca: info.ca === undefined ? null : formatContentAddress(info.ca),
    registrationTime: info.registrationTime,
  };
}

async function pathInfosOfNix(home: NixHome): Promise<Map<string, unknown>> {
  const parsed: unknown = JSON.parse(await home.runOk('nix', ['path-info', '--all', '--json']));
  const entries: [string, Record<string, unknown>][] = Array.isArray(parsed)
    ? parsed.map((entry) => [entry.path, entry])
    : Object.entries(parsed as Record<string, Record<string, unknown>>);
  return new Map(
    entries.map(([path, entry]) => [
      path,
      {
        path,
        narHash: entry['narHash'],
        narSize: entry['narSize'],
        references: (entry['references'] as string[]).toSorted(),
        deriver: entry['deriver'] ?? null,
        signatures: entry['signatures'] ?? [],
        ca: entry['ca'] ?? null,
        registrationTime: entry['registrationTime'],
      },
    ]),
  );
}

for (const version of nixVersions) {
  peerTest(`Nix ${version}: what it wrote is read the same`, { nix: [version] }, async (nix) => {
    await using home = makeNixHome(nix(version), { ram: true });
    const closure = await makeSmallClosure(home);
    await using stores = openLocalStores();
    await using store = await stores.open(home.root);
    const all = await store.queryAllValidPaths();
    const infos = await store.queryPathInfos(all);
    const seen = new Map(
      [...infos.values()].map((info) => [
        printStorePath(store.storeDir, info.path),
        toJson(store, info),
      ]),
    );
    assert.deepEqual(seen, await pathInfosOfNix(home));
    const [application, drv] = parseAll(store, [closure.application, closure.applicationDrv]);
    assert.ok(application !== undefined && drv !== undefined);
    assert.equal(await store.queryPathFromHashPart(application.slice(0, 32)), application);
    assert.deepEqual((await store.queryDerivers([application])).get(application), [drv]);
    const outputs = (await store.queryOutputs?.([drv]))?.get(drv);
    assert.deepEqual(outputs, parseAll(store, [closure.application, closure.development]).sort());
    for (const [query, options] of [
      [['-qR', closure.application], {}],
      [['-qR', '--include-outputs', closure.linkDrv], { includeOutputs: true }],
    ] as const) {
      const wanted = (await home.runOk('nix-store', query)).split('\n');
      const root = parseAll(store, query.slice(-1));
      const found = await store.queryClosure?.(root, options);
      assert.deepEqual([...(found?.keys() ?? [])].sort(), parseAll(store, wanted).sort());
    }
    const referrers = await home.runOk('nix-store', ['-q', '--referrers', closure.library]);
    const [library] = parseAll(store, [closure.library]);
    assert.ok(library !== undefined);
    assert.deepEqual(
      (await store.queryReferrers([library])).get(library),
      parseAll(store, referrers.split('\n')).sort(),
    );
  });

  peerTest(
    `Nix ${version}: a copy by ferry is what a copy by Nix is, and whole to Nix`,
    { nix: [version] },
    async (nix) => {
      await using home = makeNixHome(nix(version), { ram: true });
      await using byNix = makeNixHome(nix(version), { ram: true });
      await using byFerry = makeNixHome(nix(version), { ram: true });
      const closure = await makeSmallClosure(home);
      // The derivations themselves, which `nix copy` of 2.8 takes for what they build.
      const drvs = (await home.runOk('nix-store', ['-qR', closure.linkDrv])).split('\n');
      const roots = [...closure.paths, ...drvs];
      const args = ['copy', '--no-check-sigs', '--to', byNix.storeUri, ...closure.paths];
      await home.runOk('nix', args);
      const exported = await home.runForBytes('nix-store', ['--export', ...new Set(roots)]);
      await byNix.runOk('nix-store', ['--import'], { input: exported.stdout });

      await using stores = openLocalStores();
      await using from = await stores.open(home.root);
      await using to = await stores.open(byFerry.root);
      await copy(from, to, parseAll(from, roots));
      await to[Symbol.asyncDispose]();
      const timeless = (root: string): unknown => {
        const database = databaseOf(root) as { paths: unknown[][] };
        // `nix-store --import` and the serve protocol of 2.8 lose these three.
        for (const row of database.paths) row[2] = row[6] = row[7] = null;
        return database;
      };
      assert.deepEqual(timeless(byFerry.root), timeless(byNix.root));
      await byFerry.verify();

      const file = join(home.path, 'more');
      writeFileSync(file, 'added by Nix\n');
      await byFerry.runOk('nix-store', ['--add', file]);
      await using again = await stores.open(byFerry.root);
      const samples = manySamples(5, 'more');
      await again.addPaths?.(toAdd(...samples));
      await byFerry.verify();
      const seen = await pathInfosOfNix(byFerry);
      for (const { info } of samples) assert.ok(seen.has(`/nix/store/${info.path}`));
    },
  );

  peerTest(
    `Nix ${version}: a copy with signatures keeps them, and needs them where Nix does`,
    { nix: [version] },
    async (nix) => {
      await using home = makeNixHome(nix(version), { ram: true });
      const closure = await makeSmallClosure(home);
      await using stores = openLocalStores();
      await using from = await stores.open(home.root);
      await using temp = makeTempDirectory({ ram: true });
      await using to = await stores.open(temp.path, {
        requireSigs: true,
        trustedKeys: trusting(closure.publicKey),
      });
      const [library, source, application] = parseAll(from, [
        closure.library,
        closure.source,
        closure.application,
      ]);
      assert.ok(library !== undefined && source !== undefined && application !== undefined);
      const plan = await planCopy(from, to, [application]);
      assert.deepEqual(
        plan.refusals.map(({ path }) => path),
        [library],
      );
      await assert.rejects(copy(from, to, [application]), { code: 'untrusted' });
      // Without the plan's own check: the store refuses by itself.
      const failed: StorePath[] = [];
      await to.addPaths?.(pathsOfPlan(from, plan.missing), {
        onFailed: (path) => failed.push(path),
      });
      assert.deepEqual(failed.sort(), [library, application].sort());
      assert.deepEqual(await to.queryValidPaths([source, library, application]), new Set([source]));
      await copy(from, to, [application], { checkSigs: false });
      const infos = await Promise.all([from, to].map((s) => s.queryPathInfos([application])));
      assert.deepEqual(infos[0], infos[1]);
    },
  );

  peerTest(
    `Nix ${version}: both add to one store at the same time`,
    { nix: [version] },
    async (nix) => {
      await using home = makeNixHome(nix(version), { ram: true });
      await using target = makeNixHome(nix(version), { ram: true });
      await using stores = openLocalStores();
      await using from = await stores.open(home.root);
      const samples = manySamples(60, 'both');
      await from.addPaths?.(toAdd(...samples));
      const last = pathsOf(samples).at(-1);
      assert.ok(last !== undefined);
      const args = ['copy', '--no-check-sigs', '--to', target.storeUri, `/nix/store/${last}`];
      await using first = await stores.open(target.root);
      await using second = await stores.open(target.root);
      const copyByNix = async (): Promise<void> => {
        const { status, stderr } = await home.run('nix', args);
        // 2.8 forgets to read what it finds valid meanwhile, and takes it for the next thing in the stream.
        const isItsOwn = version === '2.8' && stderr.includes("'nix-archive-1'");
        assert.ok(status === 0 || isItsOwn, stderr);
      };
      await Promise.all([
        copyByNix(),
        copy(from, first, [last]),
        copyByNix(),
        copy(from, second, [last]),
      ]);
      const valid = await first.queryValidPaths(pathsOf(samples));
      assert.equal(valid.size, samples.length);
      assert.deepEqual(leftovers(first, valid), []);
      await target.verify();
    },
  );

  peerTest(
    `Nix ${version}: a garbage collection takes nothing that is being added`,
    { nix: [version] },
    async (nix) => {
      await using home = makeNixHome(nix(version), { ram: true });
      await using stores = openLocalStores();
      const samples = manySamples(40, 'gc');
      const rounds = 20;
      for (let round = 0; round < rounds; round++) {
        await using store = await stores.open(home.root);
        const collecting = (async () => {
          await sleep(round * 3);
          await home.runOk('nix-store', ['--gc']);
        })();
        await Promise.all([store.addPaths?.(toAdd(...samples)), collecting]);
        const paths = pathsOf(samples);
        assert.equal((await store.queryValidPaths(paths)).size, paths.length, `round ${round}`);
        await store.verifyPaths(paths, {
          checkContents: true,
          onResult: ({ path, state }) => assert.equal(state, 'whole', `${path} in round ${round}`),
        });
        await home.runOk('nix-store', ['--gc']);
        assert.equal((await store.queryValidPaths(paths)).size, paths.length, 'they are held');
        if (round === 0) await home.verify();
        await store[Symbol.asyncDispose]();
        {
          await using another = await stores.open(home.root);
          await another.addPaths?.(toAdd(...samples.slice(0, 3)));
          await home.runOk('nix-store', ['--gc']);
          const left = new Set(await another.queryAllValidPaths());
          assert.deepEqual(left, new Set(paths.slice(0, 3)), 'also what was valid already');
        }
        await home.runOk('nix-store', ['--gc']);
        await using after = await stores.open(home.root);
        assert.deepEqual(await after.queryAllValidPaths(), [], 'and no longer than it is open');
      }
      await home.verify();
    },
  );
}

async function* pathsOfPlan(
  from: LocalStore,
  infos: readonly PathInfo[],
): AsyncGenerator<{ info: PathInfo; nar: AsyncIterable<Uint8Array> & { path: StorePath } }> {
  const byPath = new Map(infos.map((info) => [info.path, info]));
  for await (const nar of from.readNars(byPath.keys())) {
    const info = byPath.get(nar.path);
    if (info !== undefined) yield { info, nar };
  }
}

peerTest(
  'killed at any moment: whole for Nix, and finished by the next',
  { nix: ['2.34'] },
  async (nix) => {
    await using home = makeNixHome(nix('2.34'), { ram: true });
    await using target = makeNixHome(nix('2.34'), { ram: true });
    await using stores = openLocalStores();
    await using from = await stores.open(home.root);
    const samples = manySamples(600, 'kill');
    await from.addPaths?.(toAdd(...samples));
    const [last] = pathsOf(samples).slice(-1);
    assert.ok(last !== undefined);
    const seen = new Set<number>();
    // After it has begun, and after it has registered the first batch of what is left.
    const moments = [0, 30, 60, 100, 150].flatMap((delayMs) => [
      { word: 'begun', delayMs },
      { word: 'added', delayMs: delayMs / 3 },
    ]);
    for (const { word, delayMs } of moments) {
      const args = [COPY_PROCESS, home.root, target.root, `/nix/store/${last}`];
      const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
      const ended = once(child, 'exit');
      const lines = createInterface(child.stdout);
      for await (const line of lines) if (line === word) break;
      await sleep(delayMs);
      child.kill('SIGKILL');
      await ended;
      await target.verify();
      await using to = await stores.open(target.root);
      seen.add((await to.queryAllValidPaths()).length);
    }
    assert.ok(seen.size > 1, 'it was killed at different moments');
    await using to = await stores.open(target.root);
    await copy(from, to, [last]);
    const valid = await to.queryValidPaths(pathsOf(samples));
    assert.equal(valid.size, samples.length);
    // Whoever is killed just before it unlocks what it registered leaves the lock file, as Nix does.
    const locks = [...valid].map((path) => `${path}.lock`);
    assert.deepEqual(
      leftovers(to, new Set([...valid, ...locks])),
      [],
      'all else they left is gone',
    );
    await target.verify();
  },
);

test('a full disk is an error that says so, and what was registered is whole', async (context) => {
  await using temp = makeTempDirectory();
  const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=6m', 'tmpfs', temp.path]);
  if (mounted.status !== 0) {
    context.skip('a file system can be mounted by root only');
    return;
  }
  try {
    await using stores = openLocalStores();
    const samples = manySamples(400, 'full');
    {
      await using store = await stores.open(temp.path, { gcReservedSpace: 0 });
      await assert.rejects(async () => store.addPaths?.(toAdd(...samples)), { code: 'no-space' });
      assert.ok(statfsSync(temp.path).bavail > 0);
    }
    await using store = await stores.open(temp.path, { gcReservedSpace: 0 });
    const valid = new Set(await store.queryAllValidPaths());
    assert.ok(valid.size > 0 && valid.size < samples.length);
    assert.deepEqual(leftovers(store, valid), []);
    await store.verifyPaths(valid, {
      checkContents: true,
      onResult: ({ path, state }) => assert.equal(state, 'whole', path),
    });
  } finally {
    spawnSync('umount', [temp.path]);
  }
});

test('what is refused leaves nothing behind, and the others go on', async () => {
  await using temp = makeTempDirectory({ ram: true });
  await using stores = openLocalStores();
  await using store = await stores.open(temp.path);
  const good = samplePath('good');
  const lost = samplePath('lost');
  const hash = {
    ...samplePath('hash'),
    info: { ...samplePath('hash').info, narHash: good.info.narHash },
  };
  const size = samplePath('size');
  const wrongSize = { ...size, info: { ...size.info, narSize: size.info.narSize + 8 } };
  const address = samplePath('address');
  const wrongAddress = {
    ...address,
    info: { ...address.info, ca: { method: 'nar', hash: hashBytes('sha256', 'other') } as const },
  };
  const cut = { ...samplePath('cut'), nar: samplePath('cut').nar.subarray(0, 200) };
  const reference = samplePath('reference', [lost.info.path]);
  const dependent = samplePath('dependent', [hash.info.path, good.info.path]);
  const drv = samplePath('directory.drv');
  const last = samplePath('last', [good.info.path]);
  const failed = new Map<StorePath, string>();
  const added: StorePath[] = [];
  await store.addPaths?.(
    toAdd(good, hash, wrongSize, wrongAddress, cut, reference, dependent, drv, last),
    {
      onFailed: (path, error) => failed.set(path, String(error)),
      onAdded: (path) => added.push(path),
    },
  );
  assert.deepEqual(added, [good.info.path, last.info.path]);
  assert.match(
    failed.get(hash.info.path) ?? '',
    /hash mismatch importing path ".*-hash": specified sha256-.*, got sha256-/,
  );
  assert.match(failed.get(size.info.path) ?? '', /size/);
  assert.match(failed.get(address.info.path) ?? '', /claims to be content-addressed but isn't/);
  assert.match(failed.get(cut.info.path) ?? '', /-cut"/);
  assert.match(failed.get(reference.info.path) ?? '', /-lost", which is not valid/);
  assert.match(failed.get(dependent.info.path) ?? '', /-hash", which could not be added/);
  assert.match(failed.get(drv.info.path) ?? '', /not a regular file/);
  assert.equal(failed.size, 7);
  const valid = new Set(await store.queryAllValidPaths());
  assert.deepEqual(valid, new Set([good.info.path, last.info.path]));
  assert.deepEqual(leftovers(store, valid), []);
});

test('a path that another process is making is waited for, and taken as it is', async () => {
  await using temp = makeTempDirectory({ ram: true });
  await using stores = openLocalStores();
  await using store = await stores.open(temp.path);
  await using other = await stores.open(temp.path);
  const [a, b] = [samplePath('a'), samplePath('b')];
  await store.addPaths?.(toAdd());
  const flock = await loadFlock();
  const fd = openLockFile(`${store.toRealPath(b.info.path)}.lock`);
  assert.ok(flock.tryLock(fd, 'exclusive'));
  const added: StorePath[] = [];
  const adding = store.addPaths?.(toAdd(a, b), { onAdded: (path) => added.push(path) });
  while (added.length === 0) await sleep(5);
  assert.deepEqual(added, [a.info.path], 'its own work is registered before it waits');
  const locks = readdirSync(store.toRealPath('' as StorePath)).filter((name) =>
    name.endsWith('.lock'),
  );
  assert.deepEqual(locks, [`${b.info.path}.lock`], 'and its locks are given up');
  closeSync(fd);
  await adding;
  assert.equal((await other.queryValidPaths([a.info.path, b.info.path])).size, 2);
});

test('two that add the same in opposite order finish both', async () => {
  await using temp = makeTempDirectory({ ram: true });
  await using stores = openLocalStores();
  await using first = await stores.open(temp.path);
  await using second = await stores.open(temp.path);
  const samples = Array.from({ length: 50 }, (_, i) => samplePath(`p${i}`));
  await Promise.all([
    first.addPaths?.(toAdd(...samples)),
    second.addPaths?.(toAdd(...samples.toReversed())),
  ]);
  const valid = new Set(await first.queryAllValidPaths());
  assert.equal(valid.size, samples.length);
  assert.deepEqual(leftovers(first, valid), []);
});

test('an abort in the middle keeps what was done and removes what was begun', async () => {
  await using temp = makeTempDirectory({ ram: true });
  await using stores = openLocalStores();
  await using store = await stores.open(temp.path);
  const samples = manySamples(200, 'abort');
  const abort = new AbortController();
  const reason = new Error('enough');
  const adding = store.addPaths?.(toAdd(...samples), {
    signal: abort.signal,
    onAdded: () => abort.abort(reason),
  });
  await assert.rejects(async () => adding, reason);
  const valid = new Set(await store.queryAllValidPaths());
  assert.ok(valid.size > 0 && valid.size < samples.length);
  assert.deepEqual(leftovers(store, valid), []);
});

test('signatures of what is valid already are joined', async () => {
  await using temp = makeTempDirectory({ ram: true });
  await using stores = openLocalStores();
  await using store = await stores.open(temp.path);
  const a = samplePath('a');
  const [first, second] = ['a-1', 'b-1'].map((name) => signText(generateSecretKey(name), 'x'));
  assert.ok(first !== undefined && second !== undefined);
  await store.addPaths?.(toAdd({ ...a, info: { ...a.info, signatures: [second] } }));
  await store.addPaths?.(toAdd({ ...a, info: { ...a.info, signatures: [first] } }));
  const info = (await store.queryPathInfos([a.info.path])).get(a.info.path);
  assert.deepEqual(info?.signatures, [first, second]);
});

peerTest('contents get the names that Nix gives them', { nix: ['2.34'] }, async (nix) => {
  await using home = makeNixHome(nix('2.34'), { ram: true });
  await using temp = makeTempDirectory({ ram: true });
  await using stores = openLocalStores();
  await using store = await stores.open(temp.path);
  const file = temp.join('hello.txt');
  writeFileSync(file, 'hello', { mode: 0o755 });
  const plain = temp.join('plain.txt');
  writeFileSync(plain, 'hello');
  const tree = temp.join('tree');
  mkdirSync(tree);
  writeFileSync(join(tree, 'a'), 'a');
  for (const [path, method, algorithm, args] of [
    [file, 'nar', 'sha256', ['--add']],
    [file, 'flat', 'sha256', ['--add-fixed', 'sha256']],
    [plain, 'flat', 'sha512', ['--add-fixed', 'sha512']],
    [plain, 'nar', 'sha1', ['--add-fixed', '--recursive', 'sha1']],
    [tree, 'nar', 'sha256', ['--add']],
  ] as const) {
    const name = path.slice(path.lastIndexOf('/') + 1);
    const info = await store.addContent(path, { name, method, algorithm });
    const wanted = await home.runOk('nix-store', [...args, path]);
    assert.equal(`/nix/store/${info.path}`, wanted);
    await using there = await stores.open(home.root);
    const [known] = (await there.queryPathInfos([info.path])).values();
    assert.deepEqual({ ...info, registrationTime: 0 }, { ...known, registrationTime: 0 });
  }
  const mentioned = samplePath('mentioned');
  const other = samplePath('other');
  await store.addPaths?.(toAdd(mentioned, other));
  writeFileSync(plain, `it needs /nix/store/${mentioned.info.path}/bin`);
  const scanned = await store.addContent(plain, {
    name: 'scanned',
    method: 'text',
    algorithm: 'sha256',
    references: [mentioned.info.path, other.info.path],
    scan: true,
  });
  assert.deepEqual(scanned.references, [mentioned.info.path]);
  const result = temp.join('result');
  await store.addRoot(result, scanned.path);
  await store[Symbol.asyncDispose]();
  const gc = ['--store', `local?root=${temp.path}`, '--gc'];
  await home.runOk('nix-store', gc);
  await using after = await stores.open(temp.path);
  assert.deepEqual(
    new Set(await after.queryAllValidPaths()),
    new Set([scanned.path, mentioned.info.path]),
  );
});
