/** What goes wrong between us and a real daemon: it dies, stops, is cut off, loses what it promised. */
import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { readEnvironment } from '../../src/config/environment.ts';
import { parseStoreUri } from '../../src/config/store-uri.ts';
import { isFerryError } from '../../src/error.ts';
import { hashBytes } from '../../src/format/hash.ts';
import { defaultStoreDir, type StorePath } from '../../src/format/store-path.ts';
import { openSshNgStore } from '../../src/store/worker/open-ssh-ng-store.ts';
import { openWorkerConnection } from '../../src/store/worker/open-worker-connection.ts';
import { WorkerStore } from '../../src/store/worker/worker-store.ts';
import type { PathToAdd } from '../../src/store/store.ts';
import { startProcess, type RunningProcess } from '../../src/system/process.ts';
import {
  readAll,
  sampleClosure,
  samplePath,
  toAdd,
  toStream,
  type Sample,
} from '../conformance/nars.ts';
import { makeNixHome, type NixHome } from '../support/nix-home.ts';
import { nixVersions, peerTest } from '../support/peers.ts';
import { waitUntil } from '../support/processes.ts';
import { startRelay } from '../support/relay.ts';
import { startSshd, type Sshd } from '../support/sshd.ts';
import { makeTempDirectory } from '../support/temp.ts';

const storeDir = defaultStoreDir;
const uri = 'ssh-ng://far';
const farEnd = { name: 'far', uri, program: 'nix-daemon' };

interface Opened {
  readonly store: WorkerStore;
  /** Those that were started so far. */
  readonly daemons: RunningProcess[];
}

async function openDaemon(home: NixHome, silenceMs?: number): Promise<Opened> {
  const daemons: RunningProcess[] = [];
  const store = await WorkerStore.open({
    uri,
    storeDir,
    open: async (signal) => {
      const { env } = home;
      const daemon = await startProcess(home.peer.program('nix-daemon'), ['--stdio'], { env });
      daemons.push(daemon);
      return await openWorkerConnection(daemon, { farEnd, storeDir, silenceMs, signal });
    },
  });
  return { store, daemons };
}

/** About 20 MB that don't compress, in ten paths. */
function largeSamples(): Sample[] {
  return Array.from({ length: 10 }, (_, index) => {
    const seed = hashBytes('sha512', `${index}`).digest;
    return samplePath(`large-${index}`, [], Buffer.from(seed).toString('hex').repeat(16_000));
  });
}

const pathsOf = (samples: readonly Sample[]): StorePath[] => samples.map(({ info }) => info.path);

async function finish(
  store: WorkerStore,
  home: NixHome,
  samples: readonly Sample[],
): Promise<void> {
  const valid = await store.queryValidPaths(pathsOf(samples));
  const missing = samples.filter(({ info }) => !valid.has(info.path));
  await store.addPaths(toAdd(...missing), { checkSigs: false });
  assert.equal((await store.queryValidPaths(pathsOf(samples))).size, samples.length);
  await home.verify();
}

for (const version of nixVersions) {
  const nix = [version];

  peerTest(
    `Nix ${version}: killed in the middle of a push, and asked again`,
    { nix },
    async (nix) => {
      await using home = makeNixHome(nix(version), { ram: true });
      const { store, daemons } = await openDaemon(home);
      await using opened = store;
      const samples = largeSamples();
      let bytes = 0;
      const added: StorePath[] = [];
      const adding = opened.addPaths(toAdd(...samples), {
        checkSigs: false,
        onAdded: (path) => added.push(path),
        onBytes: (_, more) => {
          bytes += more;
          if (bytes > 8_000_000) process.kill(daemons[0]?.pid ?? 0, 'SIGKILL');
        },
      });
      await assert.rejects(adding, (error) => {
        assert.ok(isFerryError(error, 'unavailable'), String(error));
        assert.match(error.message, /^cannot add "\/nix\/store\/.*-large-\d": .*ended by SIGKILL/);
        return true;
      });
      const valid = await opened.queryValidPaths(added);
      assert.equal(valid.size, added.length, 'what was said to be added is');
      await finish(opened, home, samples);
    },
  );

  peerTest(`Nix ${version}: killed in the middle of a pull`, { nix }, async (nix) => {
    await using home = makeNixHome(nix(version), { ram: true });
    const { store, daemons } = await openDaemon(home);
    await using opened = store;
    const samples = largeSamples();
    await finish(opened, home, samples);
    let bytes = 0;
    await assert.rejects(
      async () => {
        for await (const nar of opened.readNars(pathsOf(samples))) {
          for await (const chunk of nar) {
            bytes += chunk.length;
            if (bytes > 5_000_000) process.kill(daemons[0]?.pid ?? 0, 'SIGKILL');
          }
        }
      },
      (error) =>
        isFerryError(error, 'unavailable') && error.message.startsWith('cannot read the NAR'),
    );
    for await (const nar of opened.readNars(pathsOf(samples))) await readAll(nar);
  });

  peerTest(`Nix ${version}: stopped, it is given up on`, { nix }, async (nix) => {
    await using home = makeNixHome(nix(version), { ram: true });
    const { store, daemons } = await openDaemon(home, 300);
    await using opened = store;
    const samples = largeSamples();
    let isStopped = false;
    const adding = opened.addPaths(toAdd(...samples), {
      checkSigs: false,
      onBytes: () => {
        if (!isStopped) process.kill(daemons[0]?.pid ?? 0, 'SIGSTOP');
        isStopped = true;
      },
    });
    await assert.rejects(adding, { code: 'unavailable', message: /has been silent/ });
    await finish(opened, home, samples);
  });

  peerTest(
    `Nix ${version}: a path that vanishes before it is read is named`,
    { nix },
    async (nix) => {
      await using home = makeNixHome(nix(version), { ram: true });
      const { a, b } = sampleClosure();
      {
        const { store } = await openDaemon(home);
        await using adding = store;
        await adding.addPaths(toAdd(a, b), { checkSigs: false });
      }
      const { store } = await openDaemon(home);
      await using opened = store;
      await opened.queryPathInfos(pathsOf([a, b]));
      await home.runOk('nix-store', ['--delete', `/nix/store/${b.info.path}`]);
      await assert.rejects(
        async () => {
          for await (const nar of opened.readNars(pathsOf([b, a]))) await readAll(nar);
        },
        (error) => {
          assert.ok(isFerryError(error), String(error));
          assert.match(
            error.message,
            new RegExp(`^cannot read the NAR of "/nix/store/${b.info.path}": `),
          );
          assert.match(
            error.message,
            /far end said: .*(is not (a )?valid|No such file|does not exist)/,
          );
          return true;
        },
      );
      for await (const nar of opened.readNars(pathsOf([a]))) {
        assert.equal((await readAll(nar)).length, a.info.narSize, 'a new connection');
      }
    },
  );

  peerTest(
    `Nix ${version}: a source whose NAR is short, long, or breaks off`,
    { nix },
    async (nix) => {
      await using home = makeNixHome(nix(version), { ram: true });
      const { store, daemons } = await openDaemon(home);
      await using opened = store;
      const { a, b } = sampleClosure();
      const large = samplePath('large', [], 'x'.repeat(3_000_000));
      const broken = async function* (): AsyncGenerator<Uint8Array> {
        yield large.nar.subarray(0, 1_000_000);
        throw new Error('the source went away');
      };
      const bad: readonly (readonly [Sample, AsyncIterable<Uint8Array>, RegExp])[] = [
        [b, toStream(b.info.path, b.nar.subarray(0, -8)), /ends 8 bytes short/],
        [b, toStream(b.info.path, b.nar, Buffer.alloc(8)), /longer than/],
        [large, broken(), /the source went away/],
      ];
      for (const [{ info }, chunks, message] of bad) {
        const paths = async function* (): AsyncGenerator<PathToAdd> {
          yield* toAdd(a);
          yield {
            info,
            nar: { path: info.path, [Symbol.asyncIterator]: () => chunks[Symbol.asyncIterator]() },
          };
        };
        await assert.rejects(opened.addPaths(paths(), { checkSigs: false }), message);
        const valid = await opened.queryValidPaths([a.info.path, info.path]);
        assert.deepEqual(valid, new Set([a.info.path]));
      }
      assert.equal(daemons.length, 1, 'the connection was good for all of it');
      await finish(opened, home, [a, b, large]);
    },
  );
}

const peers = { nix: ['2.34'], programs: ['ssh', 'sshd'] } as const;

async function openFar(sshOptions: string, parameters = ''): Promise<WorkerStore> {
  const parsed = parseStoreUri(`ssh-ng://far${parameters}`);
  assert.ok(parsed.kind === 'ssh-ng');
  const env = readEnvironment({ ...process.env, NIX_SSHOPTS: sshOptions });
  return await openSshNgStore(parsed, { env });
}

interface World extends AsyncDisposable {
  readonly sshd: Sshd;
}

async function makeWorld(home: NixHome): Promise<World> {
  const temp = makeTempDirectory();
  const sshd = await startSshd({ dir: temp.path });
  sshd.provide('nix-daemon', { program: home.peer.program('nix-daemon'), env: home.env });
  return {
    sshd,
    [Symbol.asyncDispose]: async () => {
      await sshd[Symbol.asyncDispose]();
      await temp[Symbol.asyncDispose]();
    },
  };
}

for (const afterBytes of [1000, 8_000_000]) {
  peerTest(`a link cut after ${afterBytes} bytes of a push over ssh-ng`, peers, async (nix) => {
    await using home = makeNixHome(nix('2.34'), { ram: true });
    await using world = await makeWorld(home);
    const { sshd } = world;
    const fault = { kind: 'cut', direction: 'up', afterBytes } as const;
    await using relay = await startRelay({ port: sshd.port, fault });
    const samples = largeSamples();
    {
      const push = async (): Promise<void> => {
        await using store = await openFar(sshd.sshOptionsVia(relay.port));
        await store.addPaths(toAdd(...samples), { checkSigs: false });
      };
      await assert.rejects(push(), (error) => isFerryError(error, 'unavailable'));
    }
    await using store = await openFar(sshd.sshOptions);
    await finish(store, home, samples);
  });
}

peerTest('a link cut in the middle of a pull over ssh-ng', peers, async (nix) => {
  await using home = makeNixHome(nix('2.34'), { ram: true });
  await using world = await makeWorld(home);
  const { sshd } = world;
  const samples = largeSamples();
  {
    await using store = await openFar(sshd.sshOptions);
    await finish(store, home, samples);
  }
  const fault = { kind: 'cut', direction: 'down', afterBytes: 5_000_000 } as const;
  await using relay = await startRelay({ port: sshd.port, fault });
  await using store = await openFar(sshd.sshOptionsVia(relay.port));
  await assert.rejects(
    async () => {
      for await (const nar of store.readNars(pathsOf(samples))) await readAll(nar);
    },
    { code: 'unavailable' },
  );
});

for (const what of ['push', 'pull'] as const) {
  peerTest(`an abort ends a ${what} over ssh-ng at once, and ssh with it`, peers, async (nix) => {
    await using home = makeNixHome(nix('2.34'), { ram: true });
    await using world = await makeWorld(home);
    const { sshd } = world;
    const samples = largeSamples();
    {
      await using store = await openFar(sshd.sshOptions, '?max-connections=2');
      if (what === 'pull') await finish(store, home, samples);
      const abort = new AbortController();
      let bytes = 0;
      const count = (more: number): void => {
        bytes += more;
        if (bytes > 3_000_000 && !abort.signal.aborted) abort.abort(new Error('enough'));
      };
      const { signal } = abort;
      const work = async (): Promise<void> => {
        if (what === 'push') {
          const onBytes = (_: StorePath, more: number): void => count(more);
          await store.addPaths(toAdd(...samples), { checkSigs: false, signal, onBytes });
          return;
        }
        for await (const nar of store.readNars(pathsOf(samples), { signal })) {
          for await (const chunk of nar) count(chunk.length);
        }
      };
      const late = sleep(10_000, 'late', { ref: false });
      await assert.rejects(Promise.race([work(), late]), /enough/);
    }
    await waitUntil('nothing of a connection is left', () => sshd.isIdle());
    await using store = await openFar(sshd.sshOptions);
    await finish(store, home, samples);
  });
}

peerTest('an abort while the far end is silent ends the opening', peers, async (nix) => {
  await using home = makeNixHome(nix('2.34'));
  await using world = await makeWorld(home);
  const { sshd } = world;
  sshd.provide('nix-daemon', { program: '/bin/sh', args: ['-c', 'sleep 60'] });
  const parsed = parseStoreUri('ssh-ng://far');
  assert.ok(parsed.kind === 'ssh-ng');
  const env = readEnvironment({ ...process.env, NIX_SSHOPTS: sshd.sshOptions });
  const signal = AbortSignal.timeout(800);
  await assert.rejects(openSshNgStore(parsed, { env, signal }), { name: 'TimeoutError' });
});
