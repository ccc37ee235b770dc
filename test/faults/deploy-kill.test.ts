/**
 * kill -9 of the client at moments spread over all phases of a deployment: each host ends in one of the two generations,
 * which is whole (looked at now and then, and in the end), and the same command again finishes. FERRY_SEED repeats the moments of a run.
 */
import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { activeVersion, type DeployableSystem, makeDeployables } from '../support/deployable.ts';
import {
  profilePath,
  requireRuns,
  requireWhole,
  requireWholeThere,
  runDeploy,
  startDeploy,
  toHosts,
} from '../support/deploying.ts';
import { type HostOptions, hostsLack, startHosts, type TestHost } from '../support/hosts.ts';
import { makeNixHome } from '../support/nix-home.ts';
import { peerTest } from '../support/peers.ts';
import { randomOf } from '../support/seed.ts';

const needs = { nix: ['2.8', '2.34'], programs: ['ssh'], lacks: hostsLack() } as const;
const ROUNDS = 20;
const systemd = hostsLack('systemd').length === 0 ? 'systemd' : 'plain';
const kinds: readonly HostOptions[] = [
  { name: 'old', runs: 'nix-2.8' },
  { name: 'new', runs: 'nix-2.34', init: systemd },
  { name: 'bare', runs: 'ferry' },
];
/** Hosts that nobody confirms go back so soon, where that is waited for; the others are found as they wait. */
const SHORT = ['--confirm-timeout', '2s'];
const LONG = ['--confirm-timeout', '60s'];
/** In each of these the client is killed as often. */
const PHASES = ['starting', 'connecting', 'checking', 'copying', 'activating', 'confirming'];
const DELAY_MAX_MS = 500;
const SETTLED_MAX_MS = 30_000;

peerTest(
  `after ${ROUNDS} kills of the client hosts are whole, and the same command finishes`,
  needs,
  async (nix, context) => {
    const random = randomOf(context);
    await using fleet = await startHosts({
      hosts: kinds.map((kind) => ({ ...kind, rate: '50mbit', requireSigs: false })),
    });
    const { hosts } = fleet;
    const env = { NIX_SSHOPTS: fleet.sshOptions };
    await using home = makeNixHome(nix('2.34'), { ram: true, env });
    const systems = await makeDeployables(
      home,
      Array.from({ length: ROUNDS + 2 }, (_, at) => ({ version: `v${at}`, ownBytes: 1_000_000 })),
      { sharedBytes: 500_000 },
    );
    const [first, second, ...others] = systems;
    assert.ok(first !== undefined && second !== undefined);
    await deployAll(hosts, home, first);
    await deployAll(hosts, home, second);

    let before = second;
    const phases = new Map<string, number>();
    for (const [round, next] of others.entries()) {
      const isAwaited = round % 2 === 0;
      const command = [next.path, ...toHosts(hosts)];
      const deploying = startDeploy(home, [...command, ...(isAwaited ? SHORT : LONG)]);
      const moment = PHASES[round % PHASES.length] ?? 'starting';
      const of = random.pick(hosts).name;
      if (moment !== 'starting') {
        await deploying.until(({ phase, host }) => phase === moment && host === of);
      }
      const delayMs = random.integer(DELAY_MAX_MS);
      await sleep(delayMs);
      deploying.kill('SIGKILL');
      const { lines } = await deploying.ended;
      const phase = lines.findLast(({ type }) => type === 'phase')?.phase ?? 'starting';
      phases.set(phase, (phases.get(phase) ?? 0) + 1);
      const said = `round ${round}, killed ${delayMs} ms after ${moment} of ${of}`;

      for (const host of hosts) {
        await requireOneOf(host, [before, next], said);
        // Looking at every byte takes as long as a deployment.
        if (round % 4 === 3) await requireWholeThere(host);
      }
      if (isAwaited) for (const host of hosts) await requireSettled(host, [before, next], said);
      const again = await runDeploy(home, [...command, ...LONG]);
      const outcomes = JSON.stringify(again.outcomes);
      assert.equal(again.status, 0, `${said}: ${outcomes}\n${again.stderr}`);
      for (const host of hosts) await requireRuns(host, next);
      before = next;
    }
    for (const host of hosts) await requireWhole(host);
    const told = Array.from(phases, ([phase, times]) => `${phase} ${times}`).join(', ');
    context.diagnostic(`killed while the last host that was heard of was ${told}`);
  },
);

async function deployAll(
  hosts: readonly TestHost[],
  home: Parameters<typeof runDeploy>[0],
  system: DeployableSystem,
): Promise<void> {
  const { status, outcomes, stderr } = await runDeploy(home, [system.path, ...toHosts(hosts)]);
  assert.equal(status, 0, `${JSON.stringify(outcomes)}\n${stderr}`);
}

async function requireOneOf(
  host: TestHost,
  systems: readonly DeployableSystem[],
  said: string,
): Promise<void> {
  const active = await activeVersion(host);
  const profile = await profilePath(host);
  assert.ok(
    systems.some(({ version }) => version === active),
    `${host.name} runs "${active}"; ${said}`,
  );
  assert.ok(
    systems.some(({ path }) => path === profile),
    `${host.name} has "${profile}"; ${said}`,
  );
}

/** Left alone it comes to rest with one of them, which is the profile's and runs. */
async function requireSettled(
  host: TestHost,
  systems: readonly DeployableSystem[],
  said: string,
): Promise<void> {
  const end = performance.now() + SETTLED_MAX_MS;
  for (;;) {
    const busy = await host.exec(['pgrep', '-f', 'switch-to-configuration|agent\\.sh ']);
    const active = await activeVersion(host);
    const profile = await profilePath(host);
    const both = systems.find(({ version, path }) => version === active && path === profile);
    if (both !== undefined && busy.status !== 0) return requireRuns(host, both);
    assert.ok(
      performance.now() < end,
      `${host.name} runs "${active}" and has "${profile}"; ${said}`,
    );
    await sleep(100);
  }
}
