/** Real daemons of each release of Nix: on a socket, trusting us or not, and through ssh. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { readEnvironment, type Environment } from '../../src/config/environment.ts';
import { copyClosure } from '../../src/copy/copy.ts';
import { isFerryError } from '../../src/error.ts';
import { fingerprintOf } from '../../src/format/path-info.ts';
import { formatPublicKey, generateSecretKey, signText } from '../../src/format/signature.ts';
import { defaultStoreDir, parseStorePath, type StorePath } from '../../src/format/store-path.ts';
import { openStore } from '../../src/store/open-store.ts';
import type { Store } from '../../src/store/store.ts';
import { WorkerStore } from '../../src/store/worker/worker-store.ts';
import { sampleClosure, samplePath, toAdd, toStream } from '../conformance/nars.ts';
import { openLocalStores } from '../support/local-stores.ts';
import { startNixDaemon } from '../support/nix-daemon.ts';
import { makeNixHome } from '../support/nix-home.ts';
import { nixVersions, peerTest } from '../support/peers.ts';
import { makeSmallClosure } from '../support/small-closure.ts';
import { startSshd } from '../support/sshd.ts';
import { makeTempDirectory } from '../support/temp.ts';

function parse(paths: readonly string[]): StorePath[] {
  return paths.map((path) => parseStorePath(defaultStoreDir, path));
}

function asWorkerStore(store: Store): WorkerStore {
  assert.ok(store instanceof WorkerStore);
  return store;
}

async function open(uri: string, env?: Environment, lines: string[] = []): Promise<WorkerStore> {
  const options = { env, onDiagnostic: (line: string): void => void lines.push(line) };
  return asWorkerStore(await openStore(uri, options));
}

for (const version of nixVersions) {
  const nix = [version];

  peerTest(`Nix ${version}: a closure to and from the daemon's socket`, { nix }, async (nix) => {
    await using source = makeNixHome(nix(version), { ram: true });
    const { paths } = await makeSmallClosure(source);
    await using far = makeNixHome(nix(version), { ram: true });
    await using near = makeNixHome(nix(version), { ram: true });
    await using daemon = await startNixDaemon(far);
    await using stores = openLocalStores();
    await using from = await stores.open(source.root);
    await using store = await open(daemon.uri);
    const pushed = await copyClosure(from, store, parse(paths), { checkSigs: false });
    await far.verify();
    const requisites = await source.runOk('nix-store', ['-qR', ...paths]);
    assert.equal(await far.runOk('nix-store', ['-qR', ...paths]), requisites);
    assert.equal(pushed.copied, requisites.split('\n').length);
    for await (const nar of store.readNars(parse(paths))) {
      assert.equal(
        nar.tree,
        far.realPath(`/nix/store/${nar.path}`),
        'no byte goes through the daemon',
      );
    }
    await using to = await stores.open(near.root);
    const pulled = await copyClosure(store, to, parse(paths), { checkSigs: false });
    assert.equal(pulled.copied, pushed.copied);
    await near.verify();
    const again = await copyClosure(from, store, parse(paths), { checkSigs: false });
    assert.equal(again.copied, 0);
  });

  peerTest(`Nix ${version}: what a daemon tells and does besides`, { nix }, async (nix) => {
    const settings = { 'keep-derivations': 'false' };
    await using home = makeNixHome(nix(version), { ram: true, settings });
    const closure = await makeSmallClosure(home);
    await using daemon = await startNixDaemon(home);
    const lines: string[] = [];
    await using store = await open(daemon.uri, undefined, lines);
    const [library, application, applicationDrv, link] = parse([
      closure.library,
      closure.application,
      closure.applicationDrv,
      closure.link,
    ]) as [StorePath, StorePath, StorePath, StorePath];
    assert.match(store.release ?? '', new RegExp(`^${version.replace('.', '\\.')}\\.`));
    assert.equal(store.isTrusted, version === '2.8' ? undefined : true);
    assert.deepEqual(
      (await store.queryAllValidPaths()).sort(),
      parse((await home.runOk('nix-store', ['-qR', ...closure.paths])).split('\n')).sort(),
    );
    assert.equal(await store.queryPathFromHashPart(library.slice(0, 32)), library);
    assert.equal(await store.queryPathFromHashPart('0'.repeat(32)), undefined);
    const referrers = await store.queryReferrers([library]);
    assert.deepEqual(referrers, new Map([[library, [application, library].sort()]]));
    const derivers = await store.queryDerivers([application]);
    assert.deepEqual(derivers, new Map([[application, [applicationDrv]]]));
    const outputs = await store.queryOutputs([applicationDrv]);
    assert.deepEqual(
      outputs.get(applicationDrv)?.sort(),
      parse([closure.application, closure.development]).sort(),
    );
    assert.deepEqual(
      [...(await store.queryClosure([applicationDrv], { includeOutputs: true })).keys()].sort(),
      parse(
        (await home.runOk('nix-store', ['-qR', '--include-outputs', closure.applicationDrv])).split(
          '\n',
        ),
      ).sort(),
    );
    const missing = await store.queryMissing([
      { kind: 'opaque', path: library },
      { kind: 'opaque', path: samplePath('nowhere').info.path },
    ]);
    assert.deepEqual(missing.unknown, [samplePath('nowhere').info.path]);
    await store.ensurePaths([library]);
    await assert.rejects(store.ensurePaths([samplePath('nowhere').info.path]), {
      code: 'not-found',
      message: /^cannot have paths fetched by "unix:.*": far end said: /,
    });

    // Roots: a link of ours that the daemon is told of keeps what it leads to.
    const root = join(home.path, 'root-link');
    symlinkSync(closure.link, root);
    await store.addIndirectRoot(root);
    await store.addRoot(root, link);
    await assert.rejects(store.addRoot(join(home.path, 'conf'), link), { code: 'conflict' });
    await assert.rejects(store.addRoot(root, samplePath('nowhere').info.path), {
      code: 'not-found',
    });
    assert.ok(((await store.freeSpace?.())?.bytes ?? 0) > 0);
    const roots = await store.findRoots();
    assert.ok(roots.some((found) => found.link.endsWith('root-link') && found.target === link));
    await assert.rejects(store.deletePaths([link]), { code: 'conflict' });
    const dead = await store.collectGarbage({ action: 'return-dead', ignoreLiveness: false });
    assert.ok(!dead.paths.some((path) => path.endsWith(application)), 'it is alive');
    assert.ok(dead.paths.some((path) => path.endsWith(applicationDrv)));
    const deleted = await store.deletePaths(parse([closure.linkDrv]));
    assert.deepEqual(parse(deleted.paths), parse([closure.linkDrv]));
    assert.ok(deleted.bytesFreed > 0);
    if (version !== '2.8') {
      const permanent = join(home.path, 'permanent');
      await store.addPermanentRoot(permanent, library);
      assert.equal(readdirSync(home.path).includes('permanent'), true);
    }

    const log = toStream(applicationDrv, Buffer.from('built, '), Buffer.from('somehow\n'));
    await store.addBuildLog(applicationDrv, log);
    assert.equal(
      await home.runOk('nix-store', ['--read-log', closure.applicationDrv]),
      'built, somehow',
    );
    assert.equal(await store.verifyStore({ checkContents: true, repair: false }), false);
    assert.match(lines.join('\n'), /checking store hashes/);
    await store.optimiseStore();
    await home.verify();
  });

  peerTest(
    `Nix ${version}: temporary roots last as long as the store is open`,
    { nix },
    async (nix) => {
      await using home = makeNixHome(nix(version), { ram: true });
      await using daemon = await startNixDaemon(home);
      const { a, b } = sampleClosure();
      {
        await using adding = await open(daemon.uri);
        await adding.addPaths(toAdd(a, b), { checkSigs: false });
      }
      await using other = await open(daemon.uri);
      {
        await using store = await open(daemon.uri);
        await store.queryValidPaths([a.info.path], { hold: true });
        await other.collectGarbage({ action: 'delete-dead', ignoreLiveness: false });
        assert.deepEqual(
          await other.queryValidPaths([a.info.path, b.info.path]),
          new Set([a.info.path]),
        );
      }
      await other.collectGarbage({ action: 'delete-dead', ignoreLiveness: false });
      assert.deepEqual(await other.queryValidPaths([a.info.path]), new Set());
    },
  );

  peerTest(
    `Nix ${version}: a daemon that doesn't trust us has its own say`,
    { nix },
    async (nix) => {
      const key = generateSecretKey('test-1');
      await using home = makeNixHome(nix(version), {
        ram: true,
        settings: {
          'trusted-users': 'nobody',
          'trusted-public-keys': formatPublicKey(key.publicKey),
        },
      });
      await using daemon = await startNixDaemon(home);
      await using store = await open(daemon.uri);
      assert.equal(store.isTrusted, version === '2.8' ? undefined : false);
      const { a, b, c } = sampleClosure();
      const sign = ({ info, nar }: typeof a): typeof a => ({
        info: { ...info, signatures: [signText(key, fingerprintOf(store.storeDir, info))] },
        nar,
      });
      const added: StorePath[] = [];
      const adding = store.addPaths(toAdd(sign(a), b, sign(c)), {
        checkSigs: false,
        onAdded: (path) => added.push(path),
      });
      await assert.rejects(adding, (error) => {
        assert.ok(isFerryError(error, 'untrusted'), String(error));
        assert.match(
          error.message,
          new RegExp(`^cannot add "/nix/store/${b.info.path}": far end said`),
        );
        assert.match(error.hint ?? '', /trusted-public-keys/);
        return true;
      });
      assert.deepEqual(added, [a.info.path]);
      // The connection can be used on.
      await store.addPaths(toAdd(sign(b), sign(c)));
      assert.equal((await store.queryValidPaths([a, b, c].map(({ info }) => info.path))).size, 3);
      const log = toStream(a.info.path, Buffer.from('log'));
      await assert.rejects(store.addBuildLog(a.info.path, log), { code: 'denied' });
      assert.equal((await store.queryValidPaths([a.info.path])).size, 1);
      await home.verify();
    },
  );
}

peerTest(
  'who isn’t let in at all is told where that is decided',
  { nix: ['2.34'] },
  async (nix) => {
    await using home = makeNixHome(nix('2.34'), {
      ram: true,
      settings: { 'trusted-users': 'nobody', 'allowed-users': 'nobody' },
    });
    await using daemon = await startNixDaemon(home);
    await assert.rejects(open(daemon.uri), (error) => {
      assert.ok(isFerryError(error), String(error));
      assert.match(error.message, /^cannot connect to ".*"/);
      assert.match(error.hint ?? '', /allowed-users/);
      return true;
    });
  },
);

peerTest(
  'auto is the daemon for who may not write to the store',
  { nix: ['2.34'] },
  async (nix) => {
    await using home = makeNixHome(nix('2.34'), { ram: true });
    await using daemon = await startNixDaemon(home);
    // Root may write everywhere, so the state directory is one that there isn't.
    const variables = {
      ...process.env,
      NIX_CONF_DIR: join(home.path, 'conf-of-nobody'),
      NIX_STATE_DIR: join(home.path, 'absent'),
      NIX_DAEMON_SOCKET_PATH: daemon.socket,
    };
    const env = { ...readEnvironment(variables), isRoot: false };
    await using store = asWorkerStore(await openStore('auto', { env }));
    assert.equal(store.uri, 'daemon');
    await store.addPaths(toAdd(sampleClosure().a), { checkSigs: false });
    assert.equal((await store.queryValidPaths([sampleClosure().a.info.path])).size, 1);
  },
);

for (const version of nixVersions) {
  const needs = { nix: [version], programs: ['ssh', 'sshd'] };
  peerTest(`Nix ${version}: a closure over ssh-ng, both ways`, needs, async (nix) => {
    await using source = makeNixHome(nix(version), { ram: true });
    const { paths, publicKey } = await makeSmallClosure(source);
    await using far = makeNixHome(nix(version), { ram: true });
    await using near = makeNixHome(nix(version), { ram: true });
    await using temp = makeTempDirectory();
    await using sshd = await startSshd({ dir: temp.path });
    sshd.provide('nix-daemon', { program: far.peer.program('nix-daemon'), env: far.env });
    const env = readEnvironment({ ...process.env, NIX_SSHOPTS: sshd.sshOptions });
    await using stores = openLocalStores();
    {
      await using from = await stores.open(source.root);
      await using store = await open('ssh-ng://far', env);
      assert.equal(store.uri, 'ssh-ng://far');
      await copyClosure(from, store, parse(paths), { checkSigs: false });
    }
    await far.verify();
    const dump = (home: typeof far, path: string): Promise<unknown> =>
      home.runForBytes('nix-store', ['--dump', home.realPath(path)]).then(({ stdout }) => stdout);
    const signed = ['path-info', '--sigs', ...paths];
    const sigs = await source.runOk('nix', signed);
    assert.ok(sigs.includes(publicKey.split(':')[0] as string));
    assert.equal(await far.runOk('nix', signed), sigs);
    {
      await using store = await open('ssh-ng://far?max-connections=2', env);
      await using to = await stores.open(near.root);
      await copyClosure(store, to, parse(paths), { checkSigs: false });
    }
    await near.verify();
    for (const path of paths) assert.deepEqual(await dump(near, path), await dump(source, path));
    for (let i = 0; i < 100 && !sshd.isIdle(); i++) await new Promise((r) => setTimeout(r, 20));
    assert.ok(sshd.isIdle(), 'nothing of a connection is left');
  });
}

peerTest(
  'another machine is told of settings only what was said for this command',
  { nix: ['2.34'], programs: ['ssh', 'sshd'] },
  async (nix) => {
    await using far = makeNixHome(nix('2.34'), { ram: true });
    await using temp = makeTempDirectory();
    await using sshd = await startSshd({ dir: temp.path });
    const heard = join(temp.path, 'heard');
    sshd.provide('nix-daemon', {
      program: '/bin/sh',
      args: ['-c', 'tee -a "$HEARD" | "$DAEMON" "$@"', 'sh'],
      env: { ...far.env, HEARD: heard, DAEMON: far.peer.program('nix-daemon') },
    });
    const env = readEnvironment({
      ...process.env,
      NIX_SSHOPTS: sshd.sshOptions,
      NIX_CONFIG: 'extra-substituters = https://me:hunter2@ours.example',
    });
    for (const overrides of [new Map(), new Map([['substituters', 'https://theirs.example']])]) {
      await using store = await openStore('ssh-ng://far', { env, overrides });
      await store.queryValidPaths([samplePath('x').info.path]);
    }
    const text = readFileSync(heard, 'latin1');
    assert.ok(text.includes(samplePath('x').info.path));
    assert.ok(text.includes('https://theirs.example'));
    assert.ok(!text.includes('ours.example'));
  },
);

peerTest(
  'a program that is not there is a hint about the right one',
  { nix: ['2.34'], programs: ['ssh', 'sshd'] },
  async () => {
    await using temp = makeTempDirectory();
    await using sshd = await startSshd({ dir: temp.path });
    const env = readEnvironment({ ...process.env, NIX_SSHOPTS: sshd.sshOptions });
    await assert.rejects(open('ssh-ng://far?remote-program=no-such-daemon', env), (error) => {
      assert.ok(isFerryError(error, 'not-found'), String(error));
      assert.match(error.hint ?? '', /remote-program=\/path\/to\/nix-daemon/);
      return true;
    });
  },
);
