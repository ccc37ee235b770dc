/** What `ferry deploy` may be asked for besides a switch, by whom, and the way back: on machines that are switched off and on. */
import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { activationsOf, activeVersion, makeDeployables } from '../support/deployable.ts';
import {
  profilePath,
  requireRuns,
  requireWhole,
  runDeploy,
  toHosts,
} from '../support/deploying.ts';
import { runFerryOk } from '../support/ferry-program.ts';
import { type HostOptions, hostsLack, startHosts } from '../support/hosts.ts';
import { makeNixHome } from '../support/nix-home.ts';
import { peerTest } from '../support/peers.ts';

const needs = { nix: ['2.8', '2.34'], programs: ['ssh'], lacks: hostsLack() } as const;
const systemd = hostsLack('systemd').length === 0 ? 'systemd' : 'plain';
const kinds: readonly HostOptions[] = [
  { name: 'old', runs: 'nix-2.8', requireSigs: false },
  { name: 'new', runs: 'nix-2.34', requireSigs: false, init: systemd },
  { name: 'bare', runs: 'ferry', requireSigs: false },
];

peerTest('each action does what it says, also over a start of the host', needs, async (nix) => {
  await using fleet = await startHosts({ hosts: kinds });
  const { hosts } = fleet;
  const env = { NIX_SSHOPTS: fleet.sshOptions };
  await using home = makeNixHome(nix('2.34'), { ram: true, env });
  const versions = ['v1', 'v2', 'v3', 'v4'].map((version) => ({ version, ownBytes: 10_000 }));
  const [v1, v2, v3, v4] = await makeDeployables(home, versions, { sharedBytes: 10_000 });
  assert.ok(v1 !== undefined && v2 !== undefined && v3 !== undefined && v4 !== undefined);
  const everywhere = (outcome: string): Record<string, string> =>
    Object.fromEntries(hosts.map(({ name }) => [name, outcome]));
  const deploy = async (path: string, ...options: string[]): Promise<Record<string, string>> => {
    const deployed = await runDeploy(home, [path, ...toHosts(hosts), ...options]);
    assert.equal(deployed.status, 0, deployed.stderr);
    return { ...deployed.outcomes };
  };
  const restart = async (): Promise<void> => {
    await Promise.all(hosts.map((host) => host.kill()));
    await Promise.all(hosts.map((host) => host.start()));
  };

  assert.deepEqual(await deploy(v1.path), everywhere('live'));
  assert.deepEqual(await deploy(v2.path, '--action', 'boot'), everywhere('at-next-boot'));
  for (const host of hosts) {
    assert.deepEqual([await activeVersion(host), await profilePath(host)], ['v1', v2.path]);
  }
  await restart();
  for (const host of hosts) await requireRuns(host, v2);

  assert.deepEqual(await deploy(v3.path, '--action', 'dry-activate'), everywhere('done'));
  for (const host of hosts) {
    await requireRuns(host, v2);
    assert.equal((await activationsOf(host)).at(-1), 'v3 switch-to-configuration dry-activate');
  }
  assert.deepEqual(await deploy(v3.path, '--action', 'test'), everywhere('done'));
  for (const host of hosts) {
    assert.deepEqual([await activeVersion(host), await profilePath(host)], ['v3', v2.path]);
  }
  await restart();
  for (const host of hosts) await requireRuns(host, v2);

  // A pin is there with what it is to keep, whatever becomes of the generation.
  const configuration = join(home.path, 'configuration');
  mkdirSync(configuration);
  writeFileSync(join(configuration, 'configuration.nix'), '{ }\n');
  const pin = `/etc/nixos/current-configuration=${configuration}`;
  const pins = ['--no-activate', '--pin', pin, '--pin', '/var/kept'];
  assert.deepEqual(await deploy(v4.path, ...pins), everywhere('done'));
  for (const host of hosts) {
    await requireRuns(host, v2);
    const found = await host.execOk(['cat', '/etc/nixos/current-configuration/configuration.nix']);
    assert.equal(found, '{ }');
    assert.equal(await host.execOk(['readlink', '/var/kept']), v4.path);
    const isBare = host.name === 'bare';
    await host.execOk([...(isBare ? ['ferry', 'nix-store'] : ['nix-store']), '--gc']);
    assert.equal(await host.execOk(['cat', '/var/kept/nixos-version']), 'ferry-test-v4');
  }

  assert.deepEqual(await deploy(v4.path), everywhere('live'));
  const uris = hosts.map((host) => host.uri());
  const plan = await runFerryOk(home, ['rollback', '--dry-run', ...uris]);
  assert.match(plan, /^\S+ +would go from generation \d+ to \d+, system-v2$/m);
  assert.match(plan, new RegExp(`^would roll back ${hosts.length} hosts$`, 'm'));
  for (const host of hosts) await requireRuns(host, v4);
  await runFerryOk(home, ['rollback', ...uris]);
  for (const host of hosts) await requireRuns(host, v2);
  await runFerryOk(home, ['rollback', ...uris, '--to', '1']);
  for (const host of hosts) {
    await requireRuns(host, v1);
    await requireWhole(host);
  }
});

peerTest('who is not root becomes root, or is refused', needs, async (nix) => {
  await using fleet = await startHosts({
    hosts: [...kinds, { name: 'doas', runs: 'nix-2.34', has: ['doas'], requireSigs: false }],
  });
  const env = { NIX_SSHOPTS: fleet.sshOptions };
  await using home = makeNixHome(nix('2.34'), { ram: true, env });
  const [v1, v2] = await makeDeployables(
    home,
    ['v1', 'v2'].map((version) => ({ version, ownBytes: 10_000 })),
    { sharedBytes: 10_000 },
  );
  assert.ok(v1 !== undefined && v2 !== undefined);
  const [old, young, bare, doas] = fleet.hosts;
  assert.ok(old && young && bare && doas);
  const asBob = [...toHosts([old, young, bare], 'bob'), ...toHosts([doas], 'carol')];
  const deployed = await runDeploy(home, [v1.path, ...asBob]);
  assert.equal(deployed.status, 0, JSON.stringify(deployed.lines));
  for (const host of fleet.hosts) await requireRuns(host, v1);

  // A password that nobody is there to type.
  const asked = await runDeploy(home, [
    v2.path,
    ...toHosts([old], 'alice'),
    ...toHosts([bare], 'dave'),
  ]);
  assert.deepEqual(
    Object.values(asked.outcomes),
    ['refused: denied', 'refused: denied'],
    asked.stderr,
  );
  assert.equal(asked.status === 0, false);
  for (const host of [old, bare]) await requireRuns(host, v1);

  // A profile of one's own takes nobody else. The daemon writes to the store for him.
  const profile = '/home/dave/profile';
  const own = [
    '--become',
    'never',
    '--profile',
    profile,
    '--activate',
    'cp nixos-version /home/dave/active',
  ];
  const unsigned = await runDeploy(home, [v1.path, ...toHosts([young], 'dave'), ...own]);
  assert.equal(unsigned.status, 0, JSON.stringify(unsigned.lines));
  assert.equal(await profilePath(young, profile), v1.path);
  assert.equal(readFileSync(join(young.root, 'home/dave/active'), 'utf8'), 'ferry-test-v1');
});
