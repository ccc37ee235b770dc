/** The systems that deployments are tested with, brought to a machine by real Nix alone. */
import assert from 'node:assert/strict';
import {
  activationsOf,
  activeVersion,
  type Behaviour,
  makeDeployables,
} from '../support/deployable.ts';
import { hostsLack, startHosts } from '../support/hosts.ts';
import { makeNixHome } from '../support/nix-home.ts';
import { peerTest } from '../support/peers.ts';
import { run } from '../support/run.ts';

const needs = { nix: ['2.34'], programs: ['ssh', 'pkill'], lacks: hostsLack() } as const;
const profile = '/nix/var/nix/profiles/system';

peerTest(
  'systems are built, copied, activated, and misbehave as they should',
  needs,
  async (nix) => {
    await using fleet = await startHosts({ hosts: [{ name: 'h1', runs: 'nix-2.34' }] });
    const host = fleet.host('h1');
    await using home = makeNixHome(nix('2.34'), {
      ram: true,
      env: { NIX_SSHOPTS: fleet.sshOptions },
    });
    const behaviours: Behaviour[] = [
      'works',
      'fails',
      'hangs',
      'cuts-network',
      'kills-sshd',
      'wrong-system',
    ];
    const systems = await makeDeployables(
      home,
      behaviours.map((behaviour) => ({ version: behaviour, behaviour })),
    );
    assert.deepEqual(
      systems.map(({ path }) => path.replace(/^.*-system-/, '')),
      behaviours,
    );
    await home.runOk('nix-copy-closure', ['--to', 'root@h1', ...systems.map(({ path }) => path)]);
    const pathOf = (behaviour: Behaviour): string =>
      systems[behaviours.indexOf(behaviour)]?.path ?? '';
    const activate = (behaviour: Behaviour, action: string): Promise<{ status: number | null }> =>
      host.exec([`${pathOf(behaviour)}/bin/switch-to-configuration`, action]);
    const reaches = async (): Promise<boolean> => {
      const args = ['-F', fleet.sshConfig, '-o', 'ConnectTimeout=2', 'root@h1', 'true'];
      return (await run('ssh', args)).status === 0;
    };

    assert.equal(await activeVersion(host), '');
    assert.equal((await activate('works', 'dry-activate')).status, 0);
    assert.equal((await activate('works', 'boot')).status, 0);
    assert.equal(await activeVersion(host), '');
    assert.equal((await activate('works', 'switch')).status, 0);
    assert.equal(await activeVersion(host), 'works');
    assert.equal(await host.execOk(['readlink', '/run/current-system']), pathOf('works'));
    assert.equal((await activate('fails', 'switch')).status, 4);
    assert.equal(await activeVersion(host), 'fails');

    const hanging = host.exec([
      'timeout',
      '1',
      `${pathOf('hangs')}/bin/switch-to-configuration`,
      'test',
    ]);
    assert.equal((await hanging).status, 124);

    for (const behaviour of ['cuts-network', 'kills-sshd'] as const) {
      assert.equal((await activate(behaviour, 'switch')).status, 0);
      assert.equal(await activeVersion(host), behaviour);
      assert.equal(await reaches(), false);
      assert.equal((await activate('works', 'switch')).status, 0);
      assert.equal((await reaches()) || (await reaches()), true);
    }
    const systemOf = async (behaviour: Behaviour): Promise<string | undefined> => {
      const shown = await home.runOk('nix', ['derivation', 'show', pathOf(behaviour)]);
      return /"system":"([^"]+)"/.exec(shown)?.[1];
    };
    assert.notEqual(await systemOf('wrong-system'), await systemOf('works'));
    assert.deepEqual((await activationsOf(host)).slice(0, 4), [
      'works switch-to-configuration dry-activate',
      'works switch-to-configuration boot',
      'works switch-to-configuration switch',
      'fails switch-to-configuration switch',
    ]);

    // After it was switched off the profile's comes back.
    await host.execOk(['nix-env', '-p', profile, '--set', pathOf('fails')]);
    await host.kill();
    await host.start();
    assert.equal(await activeVersion(host), 'fails');
    assert.equal((await activationsOf(host)).at(-1), 'fails switch-to-configuration activate');
    await host.execOk(['nix-store', '--verify', '--check-contents']);
  },
);
