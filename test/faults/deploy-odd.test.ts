/**
 * Deployments that meet what others began, connections that break at the worst moment, and hosts that come to no end: by
 * the agent's scripts on this machine, with stores in memory.
 */
import assert from 'node:assert/strict';
import { rmSync } from 'node:fs';
import { test } from 'node:test';
import { sampleClosure, toAdd } from '../conformance/nars.ts';
import {
  findActivation,
  followActivation,
  startActivation,
  type ActivationRequest,
} from '../../src/deploy/agent/agent.ts';
import { deploy, type DeployTask } from '../../src/deploy/deploy.ts';
import type { HostResult } from '../../src/deploy/events.ts';
import type { Activation, Host } from '../../src/deploy/fleet.ts';
import { HostLink } from '../../src/deploy/host-link.ts';
import { makeLive } from '../../src/deploy/make-live.ts';
import { rollBack } from '../../src/deploy/roll-back.ts';
import { FerryError } from '../../src/error.ts';
import { parseStoreDir, printStorePath } from '../../src/format/store-path.ts';
import type { HostConnection } from '../../src/host/host-connection.ts';
import { MemoryStore } from '../../src/store/memory.ts';
import { openLocalHost, type LocalHost } from '../support/local-host.ts';

const { a } = sampleClosure();

function hostFor(local: LocalHost, also: Partial<Host> = {}): Host {
  return {
    ...local.connection.host,
    tags: [],
    closure: undefined,
    system: undefined,
    profile: local.profile,
    activation: { kind: 'auto' },
    pins: [],
    healthChecks: [],
    activationTimeoutMs: 20_000,
    confirmTimeoutMs: 20_000,
    origin: 'test',
    ...also,
  };
}

function requestFor(host: Host, newPath: string, also: Partial<Host> = {}): ActivationRequest {
  const { profile, activation, activationTimeoutMs, confirmTimeoutMs } = { ...host, ...also };
  return { profile, newPath, activation, activationTimeoutMs, confirmTimeoutMs };
}

/** What `a` is on the host, with these programs in it. */
function addThere(local: LocalHost, programs: Readonly<Record<string, string>>): string {
  const storeDir = parseStoreDir(local.temp.join('store'));
  const printed = printStorePath(storeDir, a.info.path);
  local.addClosure(printed.slice(storeDir.length + 1), programs);
  return printed;
}

/** Everything is in both stores. */
async function deployHere(
  local: LocalHost,
  hosts: readonly Host[],
  options: {
    readonly parallel?: number;
    readonly maxFailures?: number;
    readonly opened?: string[];
  },
): Promise<HostResult[]> {
  const { parallel = 64, maxFailures, opened } = options;
  const source = new MemoryStore({ storeDir: parseStoreDir(local.temp.join('store')) });
  await source.addPaths(toAdd(a));
  const tasks: DeployTask[] = hosts.map((host) => ({ host, path: a.info.path, pins: [] }));
  return await deploy(tasks, {
    source,
    open: (host) => {
      opened?.push(host.name);
      return Promise.resolve({ ...local.connection, openStore: () => Promise.resolve(source) });
    },
    addressOf: () => Promise.resolve('localhost'),
    strategy: { kind: 'all' },
    maxFailures,
    parallel,
    onEvent: () => {},
  });
}

test('what somebody else only tests is made a generation', async () => {
  await using local = openLocalHost();
  const program = { 'bin/switch-to-configuration': `echo "$1" >>${local.temp.path}/ran` };
  const path = addThere(local, program);
  const old = local.addClosure('old', program);
  const switches: Activation = { kind: 'nixos', action: 'switch' };
  const host = hostFor(local, { activation: switches });
  await startActivation(local.connection, requestFor(host, old, { confirmTimeoutMs: 0 }));
  await waitForEnd(local);
  const tests = requestFor(host, path, { activation: { kind: 'nixos', action: 'test' } });
  const id = await startActivation(local.connection, tests);
  assert.equal((await followActivation(local.connection, id)).phase, 'waiting');
  const [result] = await deployHere(local, [host], {});
  assert.equal(result?.outcome, 'live');
  assert.equal(result.generation, 2);
  assert.equal(local.read('ran'), 'switch\ntest\nswitch\n');
});

test('what was begun before the connection broke is not begun again, although it is over', async () => {
  await using local = openLocalHost();
  const path = local.addClosure('new', {
    'bin/activate': `echo ran >>${local.temp.path}/ran; exit 3`,
  });
  const host = hostFor(local);
  let breaks = true;
  const connection: HostConnection = {
    ...local.connection,
    async run(script, options) {
      const run = await local.connection.run(script, options);
      if (!breaks || !run.stdout.startsWith('started ')) return run;
      breaks = false;
      await waitForEnd(local);
      throw new FerryError('unavailable', 'the cable was pulled');
    },
  };
  const options = { host, asRoot: true, address: 'localhost', onLine() {}, onConfirming() {} };
  await using link = new HostLink(connection);
  const live = await makeLive(link, requestFor(host, path), options);
  assert.equal(live.outcome, 'rolled-back');
  assert.equal(local.read('ran'), 'ran\n');
});

test('what a host refuses to begin leaves no doubt about what runs', async () => {
  await using local = openLocalHost();
  const path = addThere(local, {});
  const host = hostFor(local);
  local.addClosure('../profiles/system');
  const [result] = await deployHere(local, [host], {});
  assert.equal(result?.outcome, 'failed');
  assert.match(String(result.error), /is there, and no profile/);
  await using link = new HostLink(local.connection);
  const options = { host, asRoot: true, address: 'localhost', onLine() {}, onConfirming() {} };
  await assert.rejects(makeLive(link, requestFor(host, path), options), { code: 'conflict' });
});

test('a host whose going back failed can be brought to the generation that its profile has', async () => {
  await using local = openLocalHost();
  const { path: temp } = local.temp;
  const programs = { 'bin/activate': `echo old >>${temp}/ran; [ ! -e ${temp}/broken ]` };
  const old = local.addClosure('old', programs);
  const next = local.addClosure('new', { 'bin/activate': `touch ${temp}/broken; exit 3` });
  const host = hostFor(local, { confirmTimeoutMs: 0 });
  for (const path of [old, next]) {
    await startActivation(local.connection, requestFor(host, path));
    await waitForEnd(local);
  }
  assert.equal((await findActivation(local.connection, local.profile))?.phase, 'stuck');
  rmSync(local.temp.join('broken'));
  const [result] = await rollBack([host], {
    open: () => Promise.resolve(local.connection),
    addressOf: () => Promise.resolve('localhost'),
    strategy: { kind: 'all' },
    parallel: 1,
    generation: 1,
    onEvent: () => {},
  });
  assert.equal(result?.outcome, 'live', String(result?.error));
  assert.equal(local.read('ran'), 'old\nold\nold\n');
});

test('a host that comes to no end is not followed for ever', async () => {
  await using local = openLocalHost();
  const busy = ['phase activating', 'profile /p', 'new-path /n', 'changed-at 1', 'end'];
  const text = ['activation a-1 busy', 'ferry-activation 1', ...busy];
  let sessions = 0;
  const connection: HostConnection = {
    ...local.connection,
    run(script, { onLine } = {}) {
      sessions++;
      const mark = /^mark='([^']+)'$/m.exec(script)?.[1] ?? '';
      for (const line of text) onLine?.(`${mark} S ${line}`);
      onLine?.(`${mark} again`);
      return Promise.resolve({ status: 0, stdout: '', stderr: '' });
    },
  };
  const deadline = performance.now() + 20;
  await assert.rejects(followActivation(connection, 'a-1', { deadline }), {
    code: 'failed',
    message: /"a-1" on "here" takes longer than it may/,
  });
  assert.ok(sessions > 0);
});

test('once too many hosts have failed no other is connected to', async () => {
  await using local = openLocalHost();
  addThere(local, {});
  local.addClosure('../profiles/system');
  const hosts = ['one', 'two'].map((name) => hostFor(local, { name }));
  const opened: string[] = [];
  const results = await deployHere(local, hosts, { parallel: 1, maxFailures: 0, opened });
  assert.deepEqual(
    results.map(({ outcome }) => outcome),
    ['failed', 'skipped'],
  );
  assert.deepEqual(opened, ['one']);
});

async function waitForEnd(local: LocalHost): Promise<void> {
  const found = await findActivation(local.connection, local.profile);
  assert.ok(found !== undefined);
  await followActivation(local.connection, found.id, { pastWaiting: true });
}
