/** What goes wrong between machines: links that break or fall silent, far ends that die, lie, shout or aren't there. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { readEnvironment } from '../../src/config/environment.ts';
import { parseStoreUri } from '../../src/config/store-uri.ts';
import { isFerryError } from '../../src/error.ts';
import { hashBytes } from '../../src/format/hash.ts';
import type { StorePath } from '../../src/format/store-path.ts';
import { openServeConnection } from '../../src/store/serve/connection.ts';
import { openSshStore } from '../../src/store/serve/open-ssh-store.ts';
import { ServeStore } from '../../src/store/serve/serve-store.ts';
import type { PathToAdd } from '../../src/store/store.ts';
import { startProcess } from '../../src/system/process.ts';
import { defaultStoreDir } from '../../src/format/store-path.ts';
import {
  readAll,
  sampleClosure,
  samplePath,
  toAdd,
  toStream,
  type Sample,
} from '../conformance/nars.ts';
import type { FarProgram } from '../support/far-program.ts';
import { makeNixHome, type NixHome } from '../support/nix-home.ts';
import { peerTest } from '../support/peers.ts';
import { startRelay } from '../support/relay.ts';
import { startSshd, type Sshd } from '../support/sshd.ts';
import { makeTempDirectory } from '../support/temp.ts';

const peers = { nix: ['2.34'], programs: ['ssh', 'sshd'] } as const;

async function openFar(
  sshOptions: string,
  parameters = '',
  lines: string[] = [],
): Promise<ServeStore> {
  const uri = parseStoreUri(`ssh://far${parameters}`);
  assert.ok(uri.kind === 'ssh');
  const env = readEnvironment({ ...process.env, NIX_SSHOPTS: sshOptions });
  return await openSshStore(uri, { env, onDiagnostic: (line) => lines.push(line) });
}

interface World extends AsyncDisposable {
  readonly sshd: Sshd;
  readonly home: NixHome;
  provide(far: FarProgram): void;
}

/** A Nix 2.34 behind an sshd. */
async function makeWorld(home: NixHome): Promise<World> {
  const temp = makeTempDirectory();
  const sshd = await startSshd({ dir: temp.path });
  sshd.provide('nix-store', { program: home.peer.program('nix-store'), env: home.env });
  return {
    sshd,
    home,
    provide: (far) => sshd.provide('nix-store', far),
    [Symbol.asyncDispose]: async () => {
      await sshd[Symbol.asyncDispose]();
      await temp[Symbol.asyncDispose]();
    },
  };
}

/** About 20 MB that don't compress, in ten paths. */
function largeSamples(): Sample[] {
  return Array.from({ length: 10 }, (_, index) => {
    const seed = hashBytes('sha512', `${index}`).digest;
    return samplePath(`large-${index}`, [], Buffer.from(seed).toString('hex').repeat(16_000));
  });
}

/** ssh processes of ours that use this configuration. */
function sshProcesses(sshConfig: string): string[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map((pid) => {
      try {
        return readFileSync(`/proc/${pid}/cmdline`, 'latin1').replaceAll('\0', ' ');
      } catch {
        return '';
      }
    })
    .filter((command) => command.startsWith('ssh ') && command.includes(sshConfig));
}

async function assertNoSsh(sshd: Sshd): Promise<void> {
  for (let i = 0; i < 50 && sshProcesses(sshd.sshConfig).length > 0; i++) await sleep(20);
  assert.deepEqual(sshProcesses(sshd.sshConfig), []);
}

async function finish(world: World, samples: readonly Sample[]): Promise<void> {
  await using store = await openFar(world.sshd.sshOptions);
  const paths = samples.map(({ info }) => info.path);
  const valid = await store.queryValidPaths(paths);
  await store.addPaths(toAdd(...samples.filter(({ info }) => !valid.has(info.path))));
  assert.equal((await store.queryValidPaths(paths)).size, paths.length);
  await world.home.verify();
}

for (const afterBytes of [10_000, 3_000_000, 12_000_000]) {
  peerTest(
    `a link cut after ${afterBytes} bytes of a push: run again, it ends well`,
    peers,
    async (nix) => {
      await using home = makeNixHome(nix('2.34'));
      await using world = await makeWorld(home);
      await using relay = await startRelay({
        port: world.sshd.port,
        fault: { kind: 'cut', direction: 'up', afterBytes },
      });
      const samples = largeSamples();
      const added: StorePath[] = [];
      {
        await using store = await openFar(world.sshd.sshOptionsVia(relay.port));
        await assert.rejects(
          store.addPaths(toAdd(...samples), { onAdded: (path) => added.push(path) }),
          (error) => {
            assert.ok(isFerryError(error, 'unavailable'), String(error));
            assert.match(error.message, /cannot add "\/nix\/store\/.*-large-\d"/);
            return true;
          },
        );
      }
      const still = await home.run('nix-store', [
        '--check-validity',
        ...added.map((path) => `/nix/store/${path}`),
      ]);
      assert.equal(still.status, 0, 'what was said to be added is');
      await finish(world, samples);
      await assertNoSsh(world.sshd);
    },
  );
}

peerTest('a link cut in the middle of a pull ends it with an error', peers, async (nix) => {
  await using home = makeNixHome(nix('2.34'));
  await using world = await makeWorld(home);
  const samples = largeSamples();
  await finish(world, samples);
  await using relay = await startRelay({
    port: world.sshd.port,
    fault: { kind: 'cut', direction: 'down', afterBytes: 5_000_000 },
  });
  await using store = await openFar(world.sshd.sshOptionsVia(relay.port));
  await assert.rejects(
    async () => {
      for await (const nar of store.readNars(samples.map(({ info }) => info.path))) {
        await readAll(nar);
      }
    },
    { code: 'unavailable' },
  );
});

for (const direction of ['up', 'down'] as const) {
  peerTest(`a link that falls silent, ${direction}, is noticed`, peers, async (nix) => {
    await using home = makeNixHome(nix('2.34'));
    await using world = await makeWorld(home);
    const samples = largeSamples();
    if (direction === 'down') await finish(world, samples);
    await using relay = await startRelay({
      port: world.sshd.port,
      fault: { kind: 'stall', direction, afterBytes: 4_000_000 },
    });
    const alive = '-oServerAliveInterval=1 -oServerAliveCountMax=1';
    await using store = await openFar(`${world.sshd.sshOptionsVia(relay.port)} ${alive}`);
    await assert.rejects(
      async () => {
        if (direction === 'up') await store.addPaths(toAdd(...samples));
        for await (const nar of store.readNars(samples.map(({ info }) => info.path))) {
          await readAll(nar);
        }
      },
      (error) => {
        assert.ok(isFerryError(error, 'unavailable'), String(error));
        assert.match(error.message, /not responding|connection was lost/);
        return true;
      },
    );
  });
}

for (const what of ['push', 'pull'] as const) {
  peerTest(`an abort ends a ${what} at once, and ssh with it`, peers, async (nix) => {
    await using home = makeNixHome(nix('2.34'));
    await using world = await makeWorld(home);
    const samples = largeSamples();
    if (what === 'pull') await finish(world, samples);
    const abort = new AbortController();
    {
      await using store = await openFar(world.sshd.sshOptions);
      let bytes = 0;
      const count = (more: number): void => {
        bytes += more;
        if (bytes > 3_000_000 && !abort.signal.aborted) abort.abort(new Error('enough'));
      };
      const { signal } = abort;
      await assert.rejects(async () => {
        if (what === 'push') {
          await store.addPaths(toAdd(...samples), { signal, onBytes: (_, more) => count(more) });
          return;
        }
        const paths = samples.map(({ info }) => info.path);
        for await (const nar of store.readNars(paths, { signal })) {
          for await (const chunk of nar) count(chunk.length);
        }
      }, /enough/);
    }
    await assertNoSsh(world.sshd);
    await home.verify();
    if (what === 'push') await finish(world, samples);
  });
}

peerTest('an abort while the far end is silent ends the opening', peers, async (nix) => {
  await using home = makeNixHome(nix('2.34'));
  await using world = await makeWorld(home);
  world.provide({ program: '/bin/sh', args: ['-c', 'sleep 60'] });
  const uri = parseStoreUri('ssh://far');
  assert.ok(uri.kind === 'ssh');
  const env = readEnvironment({ ...process.env, NIX_SSHOPTS: world.sshd.sshOptions });
  const signal = AbortSignal.timeout(800);
  await assert.rejects(openSshStore(uri, { env, signal }), { name: 'TimeoutError' });
  await assertNoSsh(world.sshd);
});

peerTest(
  'a source whose NAR is short, or long, is named and nothing of it is valid',
  peers,
  async (nix) => {
    await using home = makeNixHome(nix('2.34'));
    await using world = await makeWorld(home);
    await using store = await openFar(world.sshd.sshOptions);
    const { a, b } = sampleClosure();
    for (const [name, nar] of [
      ['short', b.nar.subarray(0, -8)],
      ['long', Buffer.concat([b.nar, b.nar])],
    ] as const) {
      const paths = async function* (): AsyncGenerator<PathToAdd> {
        yield* toAdd(a);
        yield { info: b.info, nar: toStream(b.info.path, nar) };
      };
      const added: StorePath[] = [];
      await assert.rejects(
        store.addPaths(paths(), { onAdded: (path) => added.push(path) }),
        { code: 'corrupt', path: `/nix/store/${b.info.path}` },
        name,
      );
      assert.deepEqual(added, [a.info.path]);
      assert.deepEqual(
        await store.queryValidPaths([a.info.path, b.info.path]),
        new Set([a.info.path]),
      );
    }
  },
);

peerTest('with a handler, a broken source costs only what depends on it', peers, async (nix) => {
  await using home = makeNixHome(nix('2.34'));
  await using world = await makeWorld(home);
  await using store = await openFar(world.sshd.sshOptions);
  const { a, b, c } = sampleClosure();
  const lone = samplePath('lone', [], 'y'.repeat(9_000_000));
  const broken = samplePath('broken', [], 'z'.repeat(9_000_000));
  const paths = async function* (): AsyncGenerator<PathToAdd> {
    yield* toAdd(a);
    yield { info: b.info, nar: toStream(b.info.path, b.nar.subarray(8)) };
    yield* toAdd(c);
    yield { info: broken.info, nar: toStream(broken.info.path, broken.nar.subarray(0, 5_000_000)) };
    yield* toAdd(lone);
  };
  const failed: StorePath[] = [];
  await store.addPaths(paths(), { onFailed: (path) => failed.push(path) });
  assert.deepEqual(
    failed,
    [b, c, broken].map(({ info }) => info.path),
  );
  const all = [a, b, c, lone, broken].map(({ info }) => info.path);
  assert.deepEqual(await store.queryValidPaths(all), new Set([a.info.path, lone.info.path]));
  await home.verify();
});

peerTest('a flood on stderr holds nothing up', peers, async (nix) => {
  await using home = makeNixHome(nix('2.34'));
  await using world = await makeWorld(home);
  world.provide({
    program: '/bin/sh',
    args: [
      '-c',
      'yes flood >&2 & flood=$!; "$0" "$@"; status=$?; kill $flood; exit $status',
      home.peer.program('nix-store'),
    ],
    env: home.env,
  });
  await using store = await openFar(world.sshd.sshOptions);
  const { a, b, c } = sampleClosure();
  await store.addPaths(toAdd(a, b, c));
  assert.equal((await store.queryValidPaths([a, b, c].map(({ info }) => info.path))).size, 3);
});

peerTest('a program that is not there is a hint', peers, async (nix) => {
  await using home = makeNixHome(nix('2.34'));
  await using world = await makeWorld(home);
  await assert.rejects(openFar(world.sshd.sshOptions, '?remote-program=no-such-nix'), (error) => {
    assert.ok(isFerryError(error, 'not-found'), String(error));
    assert.match(error.message, /^cannot connect to "far": far end said: .*no-such-nix/);
    assert.match(error.hint ?? '', /remote-program/);
    return true;
  });
});

peerTest('a machine that is not there is named, with the words of ssh', peers, async (nix) => {
  await using home = makeNixHome(nix('2.34'));
  await using world = await makeWorld(home);
  const closed = `${world.sshd.sshOptions} -p 1`;
  await assert.rejects(openFar(closed), (error) => {
    assert.ok(isFerryError(error, 'unavailable'), String(error));
    assert.match(error.message, /^cannot connect to "far": far end said: .*refused/);
    return true;
  });
});

peerTest('text instead of the protocol is quoted, with a hint', peers, async (nix) => {
  await using home = makeNixHome(nix('2.34'));
  await using world = await makeWorld(home);
  world.provide({ program: '/bin/echo', args: ['This account is\u0007 disabled.'] });
  await assert.rejects(openFar(world.sshd.sshOptions), (error) => {
    assert.ok(isFerryError(error), String(error));
    assert.match(error.message, /text instead of the protocol: "This account is disabled\./);
    assert.match(error.hint ?? '', /bashrc/);
    return true;
  });
});

peerTest('a login shell that prints is stepped over, with a warning', peers, async (nix) => {
  await using home = makeNixHome(nix('2.34'));
  await using world = await makeWorld(home);
  world.provide({
    program: '/bin/sh',
    args: ['-c', 'echo Welcome; exec "$0" "$@"', home.peer.program('nix-store')],
    env: home.env,
  });
  const lines: string[] = [];
  await using store = await openFar(world.sshd.sshOptions, '', lines);
  assert.deepEqual(await store.queryValidPaths([samplePath('x').info.path]), new Set());
  assert.match(lines.join('\n'), /"far" printed text before the protocol began: "Welcome"/);
});

peerTest(
  'a store of its own at the far end is named with special characters',
  peers,
  async (nix) => {
    await using home = makeNixHome(nix('2.34'));
    await using other = makeNixHome(nix('2.34'));
    await using world = await makeWorld(home);
    const remoteStore = encodeURIComponent(`local?root=${other.root}&require-sigs=false`);
    await using store = await openFar(world.sshd.sshOptions, `?remote-store=${remoteStore}`);
    const { a } = sampleClosure();
    await store.addPaths(toAdd(a));
    await other.runOk('nix-store', ['--check-validity', `/nix/store/${a.info.path}`]);
  },
);

peerTest(
  'several connections share one authentication, and leave nothing behind',
  peers,
  async (nix) => {
    await using home = makeNixHome(nix('2.34'));
    await using world = await makeWorld(home);
    await using relay = await startRelay({ port: world.sshd.port });
    const samples = largeSamples();
    {
      await using store = await openFar(world.sshd.sshOptionsVia(relay.port), '?max-connections=3');
      await store.addPaths(toAdd(...samples));
      const paths = samples.map(({ info }) => info.path);
      const seen: StorePath[] = [];
      for await (const nar of store.readNars(paths)) {
        await readAll(nar);
        seen.push(nar.path);
      }
      assert.deepEqual(seen, paths);
      assert.equal(relay.connections(), 1);
    }
    await assertNoSsh(world.sshd);
    await home.verify();
  },
);

peerTest('another host key than the one that was named is refused', peers, async (nix) => {
  await using home = makeNixHome(nix('2.34'));
  await using world = await makeWorld(home);
  const known = readFileSync(world.sshd.sshConfig.replace(/ssh_config$/, 'known_hosts'), 'utf8');
  const key = known.slice(known.indexOf(' ') + 1).trim();
  const parameter = (text: string): string =>
    `?base64-ssh-public-host-key=${encodeURIComponent(Buffer.from(text).toString('base64'))}`;
  await using store = await openFar(world.sshd.sshOptions, parameter(key));
  assert.deepEqual(await store.queryValidPaths([samplePath('x').info.path]), new Set());
  const other = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJfrDIjC2hRk9jkeOa7kl6RlUpQE3r5GLv6LkCzrUQXk';
  await assert.rejects(openFar(world.sshd.sshOptions, parameter(other)), { code: 'unavailable' });
});

peerTest('a far end that never greets is given up on', { programs: ['sh'] }, async () => {
  const transport = await startProcess('sleep', ['60']);
  await assert.rejects(
    openServeConnection(transport, {
      farEnd: { name: 'far', uri: 'ssh://far', program: 'nix-store' },
      storeDir: defaultStoreDir,
      greetingMs: 100,
    }),
    /cannot connect to "far": no greeting within/,
  );
  assert.equal(transport.isRunning, false);
});

peerTest('a child that does not want to end is killed', { programs: ['sh'] }, async () => {
  const script = 'trap "" TERM; echo ready; while :; do sleep 0.05; done';
  const child = await startProcess('sh', ['-c', script]);
  await child.readable[Symbol.asyncIterator]().next();
  await child.abort();
  assert.deepEqual(await child.exited, { status: undefined, signal: 'SIGKILL' });
});

peerTest('a far end that dies in the middle is noticed', { nix: ['2.34'] }, async (nix) => {
  await using home = makeNixHome(nix('2.34'));
  const args = ['--serve', '--write'];
  const child = await startProcess(home.peer.program('nix-store'), args, { env: home.env });
  const storeDir = defaultStoreDir;
  const uri = 'ssh://far';
  const farEnd = { name: 'far', uri, program: 'nix-store' };
  const connection = await openServeConnection(child, { farEnd, storeDir });
  await using store = new ServeStore({ uri, storeDir, open: async () => connection });
  const { a, b } = sampleClosure();
  const paths = async function* (): AsyncGenerator<PathToAdd> {
    yield* toAdd(a);
    process.kill(child.pid, 'SIGKILL');
    // A source that has nothing more to say must not keep the error from being seen.
    await sleep(60_000, undefined, { ref: false });
    yield* toAdd(b);
  };
  await assert.rejects(store.addPaths(paths()), (error) => {
    assert.ok(isFerryError(error, 'unavailable'), String(error));
    assert.match(error.message, /"ssh:\/\/far" went away: it was ended by SIGKILL/);
    return true;
  });
});
