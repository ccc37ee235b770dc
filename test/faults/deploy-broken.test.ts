/**
 * Deployments in which hosts die, fill up, hang or are cut off by what is activated: each is reported as what it is, the
 * others are live, and the broken ones run their old generation again.
 */
import assert from 'node:assert/strict';
import { activationsOf, makeDeployables, type WantedSystem } from '../support/deployable.ts';
import type { DeployableSystem } from '../support/deployable.ts';
import {
  type Deploying,
  type DeployLine,
  fleetOf,
  requireRuns,
  requireWhole,
  runDeploy,
  startDeploy,
  toHosts,
} from '../support/deploying.ts';
import {
  type HostFleet,
  type HostOptions,
  hostsLack,
  startHosts,
  type TestHost,
} from '../support/hosts.ts';
import { makeNixHome, type NixHome } from '../support/nix-home.ts';
import { nixVersions, peerTest } from '../support/peers.ts';
import { waitUntil } from '../support/processes.ts';

const needs = { nix: nixVersions, programs: ['ssh'], lacks: hostsLack() };
/** What a copy needs a second for. */
const RATE = '20mbit';
const OWN_BYTES = 2_500_000;
const limits = ['--activation-timeout', '10s', '--confirm-timeout', '10s'];
/** docs/exit-status.md: some hosts have what was asked for, others don't. */
const PARTIAL = 6;

const systemd = hostsLack('systemd').length === 0 ? 'systemd' : 'plain';
const v1: WantedSystem = { version: 'v1' };
const v2: WantedSystem = { version: 'v2', ownBytes: OWN_BYTES };
const kinds: readonly Pick<HostOptions, 'runs' | 'init'>[] = [
  { runs: 'nix-2.34' },
  { runs: 'ferry' },
  { runs: 'nix-2.8', init: systemd },
  { runs: 'ferry', init: systemd },
  { runs: 'nix-2.26' },
];

interface World {
  readonly fleet: HostFleet;
  readonly home: NixHome;
  readonly system: (version: string) => DeployableSystem;
}

/** A fleet that runs v1. */
function brokenTest(
  name: string,
  hosts: readonly string[],
  systems: readonly WantedSystem[],
  body: (world: World) => Promise<void>,
): void {
  peerTest(name, needs, async (nix) => {
    await using fleet = await startHosts({
      hosts: hosts.map((host, at) => ({
        name: host,
        rate: RATE,
        requireSigs: false,
        storeBytes: 128 << 20,
        runs: 'nix-2.34',
        ...kinds[at % kinds.length],
      })),
    });
    const env = { NIX_SSHOPTS: fleet.sshOptions };
    await using home = makeNixHome(nix('2.34'), { ram: true, env });
    const made = await makeDeployables(home, [v1, v2, ...systems], { sharedBytes: 500_000 });
    const system = (version: string): DeployableSystem => {
      const found = made.find((each) => each.version === version);
      if (found === undefined) throw new Error(`no system ${version}`);
      return found;
    };
    const first = await runDeploy(home, [system('v1').path, ...toHosts(fleet.hosts)]);
    assert.equal(first.status, 0, JSON.stringify(first.outcomes) + first.stderr);
    await body({ fleet, home, system });
  });
}

/** Does it once such a line has come. */
async function onceSaid(
  deploying: Deploying,
  isIt: (line: DeployLine) => boolean,
  act: () => Promise<void>,
): Promise<void> {
  assert.ok(await deploying.until(isIt), 'it ended before that was said');
  await act();
}

/** Bytes of it have begun to flow. */
const isCopying = (host: TestHost) => (line: DeployLine) =>
  line.host === host.name && line.type === 'copy' && line.event?.type === 'path-bytes';

const isActivating = (host: TestHost) => (line: DeployLine) =>
  line.host === host.name && line.type === 'line' && line.line?.startsWith('activating') === true;

async function requireBack(host: TestHost, to: DeployableSystem): Promise<void> {
  await requireRuns(host, to);
  await requireWhole(host);
}

brokenTest(
  'six hosts that break in six ways keep their old generation, and two are live',
  ['dies', 'full', 'wrong', 'fails', 'cuts', 'hangs', 'good', 'fine'],
  [
    { version: 'fails', behaviour: 'fails' },
    { version: 'cuts', behaviour: 'cuts-network' },
    { version: 'wrong', behaviour: 'wrong-system' },
  ],
  async ({ fleet, home, system }) => {
    const [dies, full, wrong, fails, cuts, hangs, good, fine] = fleet.hosts;
    assert.ok(dies && full && wrong && fails && cuts && hangs && good && fine);
    await full.fill(300_000);
    const closures = new Map(fleet.hosts.map((host) => [host, system('v2').path]));
    closures.set(wrong, system('wrong').path);
    closures.set(fails, system('fails').path);
    closures.set(cuts, system('cuts').path);

    const deploying = startDeploy(home, [...fleetOf(home, closures), ...limits]);
    await Promise.all([
      onceSaid(deploying, isCopying(dies), () => dies.kill()),
      onceSaid(deploying, isActivating(hangs), () => hangs.stop()),
    ]);
    const deployed = await deploying.ended;
    assert.deepEqual(
      deployed.outcomes,
      {
        dies: 'failed: unavailable',
        full: 'refused: no-space',
        wrong: 'refused: conflict',
        fails: 'rolled-back: failed',
        cuts: 'rolled-back: failed',
        hangs: 'unknown: unavailable',
        good: 'live',
        fine: 'live',
      },
      deployed.stderr,
    );
    assert.equal(deployed.status, PARTIAL);
    const why = (host: TestHost): string => deployed.of(host.name).error?.message ?? '';
    assert.match(why(wrong), /it is for (aarch64|x86_64)-linux, and the host is/);
    assert.match(why(full), /"full" has room for /);
    assert.match(why(fails), /"fails" went back to generation 1: .*status 4/);
    assert.match(why(cuts), /"cuts" went back to generation 1: .*confirmed/);

    full.free();
    await dies.start();
    hangs.continue();
    await waitUntilBack(hangs, system('v1'));
    for (const host of [dies, full, wrong, fails, cuts, hangs])
      await requireBack(host, system('v1'));
    for (const host of [good, fine]) await requireBack(host, system('v2'));
    for (const host of [dies, full, wrong]) {
      const nothing = (await activationsOf(host)).filter((line) => !line.startsWith('v1 '));
      assert.deepEqual(nothing, [], host.name);
    }

    // What was in the way is gone, and the same command finishes.
    for (const host of fleet.hosts) closures.set(host, system('v2').path);
    const again = await runDeploy(home, [...fleetOf(home, closures), ...limits]);
    assert.equal(again.status, 0, JSON.stringify(again.outcomes) + again.stderr);
    assert.deepEqual(
      [again.of('good').outcome, again.of('fine').outcome],
      ['unchanged', 'unchanged'],
    );
    for (const host of fleet.hosts) await requireBack(host, system('v2'));
  },
);

/** The activation in it goes back when its time has come. */
async function waitUntilBack(host: TestHost, to: DeployableSystem): Promise<void> {
  let isBack = false;
  const look = async (): Promise<void> => {
    const state = await host.exec(['cat', '/run/current-version']);
    isBack = state.stdout.trim() === to.version;
  };
  await look();
  const timer = setInterval(() => void look().catch(() => {}), 200);
  await waitUntil(`${host.name} to be back`, () => isBack);
  clearInterval(timer);
}

brokenTest(
  'hosts break while they copy and while they activate, and what is activated hangs',
  ['filled', 'lost', 'endless', 'deaf', 'mute', 'power', 'good'],
  [
    { version: 'endless', behaviour: 'hangs' },
    { version: 'deaf', behaviour: 'ignores-term' },
    { version: 'mute', behaviour: 'kills-sshd' },
  ],
  async ({ fleet, home, system }) => {
    const [filled, lost, endless, deaf, mute, power, good] = fleet.hosts;
    assert.ok(filled && lost && endless && deaf && mute && power && good);
    const closures = new Map(fleet.hosts.map((host) => [host, system('v2').path]));
    for (const host of [endless, deaf, mute]) closures.set(host, system(host.name).path);

    const deploying = startDeploy(home, [...fleetOf(home, closures), ...limits]);
    await Promise.all([
      onceSaid(deploying, isCopying(filled), () => filled.fill(0)),
      onceSaid(deploying, isCopying(lost), () => lost.cut()),
      onceSaid(deploying, isActivating(power), () => power.kill()),
    ]);
    const deployed = await deploying.ended;
    assert.deepEqual(
      deployed.outcomes,
      {
        filled: 'failed: no-space',
        lost: 'failed: unavailable',
        endless: 'rolled-back: failed',
        deaf: 'rolled-back: failed',
        mute: 'rolled-back: failed',
        power: 'unknown: unavailable',
        good: 'live',
      },
      deployed.stderr,
    );
    assert.equal(deployed.status, PARTIAL);

    filled.free();
    await lost.restore();
    for (const host of [filled, lost, endless, deaf, mute]) await requireBack(host, system('v1'));
    await requireBack(good, system('v2'));
    // Whichever of the two its profile had when it lost its power: that one it runs, and it is whole.
    await power.start();
    const version = await power.execOk(['cat', '/run/current-version']);
    await requireBack(power, system(version));

    for (const host of fleet.hosts) closures.set(host, system('v2').path);
    const again = await runDeploy(home, [...fleetOf(home, closures), ...limits]);
    assert.equal(again.status, 0, JSON.stringify(again.outcomes) + again.stderr);
    for (const host of fleet.hosts) await requireBack(host, system('v2'));
  },
);
