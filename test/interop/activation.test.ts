/**
 * Activations on hosts that are reached by ssh, with each Nix and with ferry alone: whatever becomes of the connection, of
 * sshd, of the network, of the power, the host comes to one of two generations.
 */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import type { TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { readEnvironment } from '../../src/config/environment.ts';
import { copyClosure } from '../../src/copy/copy.ts';
import type { ActivationState } from '../../src/deploy/activation-state.ts';
import {
  addPins,
  decideActivation,
  findActivation,
  followActivation,
  recoverActivation,
  removeGenerations,
  startActivation,
  surveyProfile,
  type ActivationRequest,
} from '../../src/deploy/agent/agent.ts';
import type { NixosAction } from '../../src/deploy/fleet.ts';
import { defaultStoreDir, parseStorePath } from '../../src/format/store-path.ts';
import type { HostConnection } from '../../src/host/host-connection.ts';
import { openHost } from '../../src/host/open-host.ts';
import { openStore } from '../../src/store/open-store.ts';
import {
  activationsOf,
  activeVersion,
  makeDeployables,
  type Behaviour,
  type DeployableSystem,
} from '../support/deployable.ts';
import { requireRuns, systemProfile } from '../support/deploying.ts';
import {
  hostsLack,
  startHosts,
  type HostFleet,
  type HostOptions,
  type HostUser,
  type TestHost,
} from '../support/hosts.ts';
import { makeNixHome } from '../support/nix-home.ts';
import { peerTest } from '../support/peers.ts';

const needs = {
  nix: ['2.8', '2.26', '2.34'],
  programs: ['ssh', 'pkill'],
  lacks: hostsLack(),
} as const;
const init = hostsLack('systemd').length === 0 ? 'systemd' : 'plain';
const kinds: readonly Omit<HostOptions, 'name'>[] = [
  { runs: 'nix-2.8' },
  { runs: 'ferry' },
  { runs: 'nix-2.34', init },
];

const behaviours: readonly Behaviour[] = [
  'works',
  'fails',
  'ignores-term',
  'cuts-network',
  'kills-sshd',
];

interface World {
  readonly host: TestHost;
  readonly system: (version: string) => DeployableSystem;
  readonly connect: (user?: HostUser) => Promise<HostConnection>;
}

/** A machine that runs v1, and has the others in its store. */
function hostTest(
  name: string,
  kind: Omit<HostOptions, 'name'>,
  body: (world: World, context: TestContext) => Promise<void>,
): void {
  peerTest(name, needs, async (nix, context) => {
    await using fleet = await startHosts({ hosts: [{ name: 'h1', ...kind }] });
    const host = fleet.host('h1');
    await using home = makeNixHome(nix('2.34'), { ram: true });
    const wanted = ['v1', 'v2', ...behaviours].map((version) => ({
      version,
      behaviour: behaviours.find((behaviour) => behaviour === version),
      ownBytes: 1000,
    }));
    const systems = await makeDeployables(home, wanted, { sharedBytes: 8000 });
    const system = (version: string): DeployableSystem => {
      const found = systems.find((one) => one.version === version);
      assert.ok(found !== undefined);
      return found;
    };
    const connect = (user: HostUser | 'root' = 'root'): Promise<HostConnection> =>
      open(fleet, host, user);
    const world = { host, system, connect };
    {
      await using connection = await connect();
      const env = readEnvironment(home.env);
      await using source = await openStore(home.storeUri, { env });
      await using destination = await connection.openStore();
      const roots = systems.map(({ path }) => parseStorePath(defaultStoreDir, path));
      await copyClosure(source, destination, roots, { checkSigs: false });
    }
    await runV1(world);
    await body(world, context);
  });
}

/** Brings a machine where all steps begin. */
async function runV1(world: World): Promise<void> {
  await using connection = await world.connect();
  const state = await makeLive(connection, requestFor(world.system('v1')));
  assert.equal(state.phase, 'live', state.reason ?? '');
  await requireRuns(world.host, world.system('v1'));
}

function open(fleet: HostFleet, host: TestHost, user: HostUser | 'root'): Promise<HostConnection> {
  const { PATH, HOME } = process.env;
  const options = '-o ConnectTimeout=3 -o ServerAliveInterval=1 -o ServerAliveCountMax=3';
  const env = readEnvironment({ PATH, HOME, NIX_SSHOPTS: `${options} ${fleet.sshOptions}` });
  const uri = user === 'root' ? host.uri() : host.uri(user);
  return openHost({ name: host.name, uri, becomeRoot: 'auto' }, { env });
}

/** Until it can be reached again. */
async function reach({ connect }: World): Promise<HostConnection> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await connect();
    } catch (error) {
      if (attempt === 40) throw error;
      await sleep(250);
    }
  }
}

function requestFor({ path }: DeployableSystem, action?: NixosAction): ActivationRequest {
  return {
    profile: systemProfile,
    newPath: path,
    activation: action === undefined ? { kind: 'auto' } : { kind: 'nixos', action },
    activationTimeoutMs: 20_000,
    confirmTimeoutMs: 60_000,
  };
}

async function makeLive(
  connection: HostConnection,
  request: ActivationRequest,
  asRoot = true,
): Promise<ActivationState> {
  const id = await startActivation(connection, request, { asRoot });
  const state = await followActivation(connection, id, { asRoot });
  if (state.phase === 'waiting') await decideActivation(connection, id, 'confirm', { asRoot });
  return await followActivation(connection, id, { asRoot, pastWaiting: true });
}

type Step = readonly [name: string, run: (world: World) => Promise<void>];

const steps: readonly Step[] = [
  [
    'what can be seen and done of generations',
    async (world) => {
      const { host, system } = world;
      await using connection = await world.connect();
      const seen = await makeLive(connection, requestFor(system('v2')));
      assert.equal(seen.newGeneration, 2);
      assert.equal(seen.oldGeneration, 1);
      assert.equal(seen.oldPath, system('v1').path);
      await requireRuns(host, system('v2'));

      const survey = await surveyProfile(connection, systemProfile, { asRoot: true });
      const madeAt = survey.generations.map(({ createdAtMs }) => createdAtMs);
      assert.deepEqual(survey, {
        current: 2,
        currentPath: system('v2').path,
        currentSinceMs: survey.currentSinceMs,
        generations: [
          { number: 1, path: system('v1').path, createdAtMs: madeAt[0] },
          { number: 2, path: system('v2').path, createdAtMs: madeAt[1] },
        ],
        bootedPath: undefined,
        activePath: system('v2').path,
      });
      for (const time of [...madeAt, survey.currentSinceMs ?? 0])
        assert.ok(Math.abs(time - Date.now()) < 600_000);
      const none = await surveyProfile(connection, '/nix/var/nix/profiles/none');
      assert.deepEqual(none, {
        current: undefined,
        currentPath: undefined,
        currentSinceMs: undefined,
        generations: [],
        bootedPath: undefined,
        activePath: undefined,
      });

      // An action that makes no generation is gone again when it is not confirmed.
      const test = { ...requestFor(system('works'), 'test'), confirmTimeoutMs: 1000 };
      const id = await startActivation(connection, test);
      const tested = await followActivation(connection, id, { pastWaiting: true });
      assert.equal(tested.phase, 'rolled-back');
      assert.equal(tested.oldPath, system('v2').path);
      await requireRuns(host, system('v2'));
      for (const action of ['dry-activate', 'boot'] as const) {
        const { phase } = await makeLive(connection, requestFor(system('works'), action));
        assert.equal(phase, 'live');
        assert.equal(await activeVersion(host), 'v2');
      }
      assert.deepEqual((await activationsOf(host)).slice(-4), [
        'works switch-to-configuration test',
        'v2 switch-to-configuration test',
        'works switch-to-configuration dry-activate',
        'works switch-to-configuration boot',
      ]);

      // Back by hand, to a generation that there is.
      const back = await makeLive(connection, { ...requestFor(system('v1')), generation: 1 });
      assert.equal(back.phase, 'live');
      assert.equal(back.newGeneration, 1);
      await requireRuns(host, system('v1'));

      const options = { asRoot: true };
      const remove = (which: Parameters<typeof removeGenerations>[2]): Promise<number[]> =>
        removeGenerations(connection, systemProfile, which, options);
      await assert.rejects(remove([1]), { code: 'conflict' });
      assert.deepEqual(
        await removeGenerations(connection, systemProfile, 'old', { asRoot: true, dryRun: true }),
        [2, 3],
      );
      assert.deepEqual(await remove({ olderThanDays: 30 }), []);
      assert.deepEqual(await remove({ keep: 1 }), []);
      assert.deepEqual(await remove([2]), [2]);
      assert.deepEqual(await remove('old'), [3]);
      const left = await surveyProfile(connection, systemProfile, options);
      assert.deepEqual(
        left.generations.map(({ number }) => number),
        [1],
      );
    },
  ],

  [
    'pins keep paths, and replace nothing but links',
    async (world) => {
      const { host, system } = world;
      await using connection = await world.connect();
      const link = "/etc/nixos/made on the way/it's pinned";
      const pin = (path: string, at = link): Promise<void> =>
        addPins(connection, [{ link: at, path }], { asRoot: true });
      await pin(system('v2').path);
      assert.equal(await host.execOk(['readlink', link]), system('v2').path);
      await pin(system('works').path);
      assert.equal(await host.execOk(['readlink', link]), system('works').path);
      await host.execOk(['ln', '-sfn', '/etc/passwd', link]);
      await pin(system('v2').path);
      assert.equal(await host.execOk(['readlink', link]), system('v2').path);
      const store = connection.facts.nixStore ?? [];
      const roots = await host.execOk([...store, '--query', '--roots', system('v2').path]);
      assert.ok(roots.includes("it's pinned"), roots);
      await assert.rejects(pin(system('v2').path, '/etc/passwd'), {
        code: 'conflict',
        message: /"\/etc\/passwd" is there, and no link/,
      });
      await host.execOk(['ln', '-sfn', '/etc/passwd', link]);
      await assert.rejects(pin(`/nix/store/${'0'.repeat(32)}-none`), { code: 'failed' });
      assert.equal(await host.execOk(['readlink', link]), '/etc/passwd');
    },
  ],

  [
    'a connection that is cut changes nothing',
    async (world) => {
      const { host, system } = world;
      const first = await world.connect();
      const request = requestFor(system('v2'));
      const id = await startActivation(first, request);
      const position = { lines: 0 };
      const lines: string[] = [];
      const onLine = (line: string): void => void lines.push(line);
      const followed = followActivation(first, id, { position, onLine, pastWaiting: true });
      await host.cut();
      await assert.rejects(followed, { code: 'unavailable' });
      await first[Symbol.asyncDispose]();
      await host.restore();
      await using second = await reach(world);
      const state = await followActivation(second, id, { position, onLine });
      assert.equal(state.phase, 'waiting');
      if (second.facts.hasSystemd) {
        const units = await host.execOk(['systemctl', 'list-units', '--plain', '--no-legend']);
        assert.match(units, new RegExp(`ferry-activation-${id}-\\d+\\.service .* running`));
      }
      assert.equal(await decideActivation(second, id, 'confirm'), 'accepted');
      const end = await followActivation(second, id, { position, onLine, pastWaiting: true });
      assert.equal(end.phase, 'live');
      assert.deepEqual(lines.slice(-2), ['activating v2', 'v2 is active']);
      await requireRuns(host, system('v2'));
    },
  ],

  ...(['cuts-network', 'kills-sshd'] as const).map(
    (behaviour): Step => [
      `an activation that ${behaviour} is undone by the host`,
      async (world) => {
        const { host, system } = world;
        const first = await world.connect();
        const request = { ...requestFor(system(behaviour)), confirmTimeoutMs: 3000 };
        const id = await startActivation(first, request);
        await followActivation(first, id, { pastWaiting: true }).catch(() => undefined);
        await first[Symbol.asyncDispose]();
        await using second = await reach(world);
        const state = await followActivation(second, id, { pastWaiting: true });
        assert.equal(state.phase, 'rolled-back', state.reason ?? '');
        assert.equal(state.reason, 'nobody confirmed within 3 s');
        await requireRuns(host, system('v1'));
        assert.deepEqual((await activationsOf(host)).slice(-2), [
          `${behaviour} switch-to-configuration switch`,
          'v1 switch-to-configuration switch',
        ]);
      },
    ],
  ),

  [
    'an activation that fails or hangs is undone',
    async (world) => {
      const { host, system } = world;
      await using connection = await world.connect();
      const fails = await makeLive(connection, requestFor(system('fails')));
      assert.equal(fails.phase, 'rolled-back');
      assert.equal(fails.reason, 'bin/switch-to-configuration switch ended with status 4');
      await requireRuns(host, system('v1'));
      const hangs = { ...requestFor(system('ignores-term')), activationTimeoutMs: 1000 };
      const hung = await makeLive(connection, hangs);
      assert.equal(hung.phase, 'rolled-back');
      assert.equal(hung.reason, 'bin/switch-to-configuration switch had not ended after 1 s');
      await requireRuns(host, system('v1'));
      const left = await host.exec(['pgrep', '-f', 'sleep 1000000']);
      assert.equal(left.stdout, '');
    },
  ],

  [
    'a host that is switched off meanwhile is recovered',
    async (world) => {
      const { host, system } = world;
      for (const isConfirmed of [false, true]) {
        const first = await world.connect();
        const id = await startActivation(first, requestFor(system('v2')));
        await followActivation(first, id);
        if (isConfirmed) {
          // The agent has no time to see it.
          await host.exec(['pkill', '-STOP', '-f', `agent.sh .* activate`]);
          assert.equal(await decideActivation(first, id, 'confirm'), 'accepted');
        }
        await host.kill();
        await first[Symbol.asyncDispose]();
        await host.start();
        await using second = await reach(world);
        const found = await findActivation(second, systemProfile);
        assert.equal(found?.id, id);
        assert.equal(found.phase, 'lost');
        const state = await recoverActivation(second, id);
        assert.equal(state.phase, isConfirmed ? 'live' : 'rolled-back', state.reason ?? '');
        if (!isConfirmed) await requireRuns(host, system('v1'));
        const { currentPath } = await surveyProfile(second, systemProfile);
        assert.equal(currentPath, system(isConfirmed ? 'v2' : 'v1').path);
      }
    },
  ],
];

for (const kind of kinds) {
  const supervisor = kind.init === 'systemd' ? ', under systemd' : '';
  hostTest(`activations over ssh: ${kind.runs}${supervisor}`, kind, async (world, context) => {
    for (const [n, [name, run]] of steps.entries()) {
      // With systemd all of them; the two others share the work.
      if (kind.init !== 'systemd' && (n % 2 === 0) !== (kind.runs === 'ferry')) continue;
      await context.test(name, async () => {
        await run(world);
        await runV1(world);
      });
    }
  });
}

hostTest(
  'all of it works for a user who becomes root',
  { runs: 'nix-2.34', init },
  async (world) => {
    const { host, system } = world;
    for (const [user, version] of [
      ['bob', 'v2'],
      ['carol', 'works'],
    ] as const) {
      await using connection = await world.connect(user);
      const state = await makeLive(connection, requestFor(system(version)));
      assert.equal(state.phase, 'live');
      await requireRuns(host, system(version));
      const survey = await surveyProfile(connection, systemProfile, { asRoot: true });
      assert.equal(survey.currentPath, system(version).path);
    }
    const mode = await host.execOk(['stat', '-c', '%a %U', '/nix/var/nix/ferry/activations']);
    assert.equal(mode, '700 root');
  },
);

hostTest('a user has a profile and activations of his own', { runs: 'nix-2.34' }, async (world) => {
  const { host, system } = world;
  await host.execOk(['sh', '-c', 'setsid nix-daemon </dev/null >/dev/null 2>&1 &']);
  await using connection = await world.connect('dave');
  const name = randomBytes(4).toString('hex');
  const profile = `${connection.facts.home}/.local/state/nix/profiles/app`;
  const command = `echo ${name} >>"$HOME/ran"; id -un; test ! -e "$HOME/refuse"`;
  const request: ActivationRequest = {
    profile,
    newPath: system('v1').path,
    activation: { kind: 'command', command },
    activationTimeoutMs: 20_000,
    confirmTimeoutMs: 60_000,
  };
  const lines: string[] = [];
  const id = await startActivation(connection, request);
  const onLine = (line: string): void => void lines.push(line);
  const state = await followActivation(connection, id, { onLine });
  assert.equal(state.phase, 'waiting', `${state.reason} ${lines.join('\n')}`);
  assert.ok(lines.includes('dave'));
  assert.equal(await decideActivation(connection, id, 'confirm'), 'accepted');
  await followActivation(connection, id, { pastWaiting: true });
  const directory = `${connection.facts.home}/.local/state/ferry/activations`;
  assert.equal(await host.execOk(['stat', '-c', '%a %U', directory]), '700 dave');
  await host.execOk(['touch', `${connection.facts.home}/refuse`]);
  const next = { ...request, newPath: system('v2').path };
  const failed = await makeLive(connection, next, false);
  assert.equal(failed.phase, 'stuck');
  assert.match(
    failed.reason ?? '',
    /^the activation command ended with status 1; going back failed/,
  );
  const survey = await surveyProfile(connection, profile);
  assert.equal(survey.current, 1);
  assert.equal(survey.currentPath, system('v1').path);
});
