/** The machines that deployments are tested with: whether they are what `test/support/hosts.ts` says. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync, statfsSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { cgroup2Mount } from '../support/host-machine.ts';
import {
  type HostFleet,
  hostPassword,
  hostsLack,
  hostUsers,
  startHosts,
  type TestHost,
} from '../support/hosts.ts';
import { nixVersions, peerTest } from '../support/peers.ts';
import { isRunning, waitUntil } from '../support/processes.ts';
import { type Finished, run, runOk } from '../support/run.ts';

const needs = { nix: ['2.34'], programs: ['ssh'], lacks: hostsLack() } as const;
/** Longer than anything here takes, and short enough for a test that waits for it. */
const CONNECT_SECONDS = 2;

function ssh(
  fleet: HostFleet,
  destination: string,
  command: string,
  input = '',
): Promise<Finished> {
  const options = ['-F', fleet.sshConfig, '-o', `ConnectTimeout=${CONNECT_SECONDS}`];
  return run('ssh', [...options, destination, command], { input });
}

peerTest('users of a machine log in, and become root as they may', needs, async () => {
  await using fleet = await startHosts({
    hosts: [
      { name: 'h1', runs: 'nix-2.34' },
      { name: 'h2', runs: 'nix-2.34', has: ['doas'], daemon: false },
    ],
  });
  const [h1, h2] = fleet.hosts;
  assert.ok(h1 !== undefined && h2 !== undefined);
  const said = async (user: string, command: string, input = ''): Promise<string> => {
    const { status, stdout, stderr } = await ssh(fleet, `${user}@h1`, command, input);
    return status === 0 ? stdout.trim() : `${status}: ${stderr.trim()}`;
  };
  for (const user of ['root', ...hostUsers.filter((each) => each !== 'erin')]) {
    assert.equal(await said(user, 'id -un; pwd; hostname'), `${user}\n${homeOf(user)}\nh1`);
  }
  assert.match(await said('erin', 'id -un'), /^255: .*Permission denied/);
  assert.equal(await withPassword(fleet, 'erin@h1', 'id -un', hostPassword), 'erin\n');
  assert.equal(await withPassword(fleet, 'erin@h1', 'id -un', `${hostPassword}!`), '');

  assert.equal(await said('bob', 'sudo -n id -un'), 'root');
  for (const user of ['alice', 'erin'] as const) {
    const asked = await h1.exec(['sudo', '-n', 'id'], { user });
    assert.match(asked.stderr, /a password is required/);
    const sudo = ['sudo', '-S', '-p', '', 'id', '-un'];
    const told: Finished = await h1.exec(sudo, { user, input: `${hostPassword}\n` });
    assert.deepEqual([told.status, told.stdout], [0, 'root\n'], told.stderr);
    const wrong: Finished = await h1.exec(['sudo', '-k', ...sudo.slice(1)], {
      user,
      input: 'no\nno\nno\n',
    });
    assert.equal(wrong.status, 1);
    assert.match(wrong.stderr, /3 incorrect password attempts/);
  }
  assert.match(
    await said('dave', 'sudo -S -p "" id', `${hostPassword}\n`),
    /not in the sudoers file/,
  );
  assert.equal(await said('carol', 'doas -n id -un'), 'root');
  assert.match(await said('frank', 'doas -n id -un'), /^1: doas: Authentication required/);
  assert.match(await said('dave', 'doas -n id -un'), /^1: doas: Operation not permitted/);
  // As root they find the same programs.
  assert.equal(await said('bob', 'sudo -n nix-store --version'), 'nix-store (Nix) 2.34.8');

  assert.equal((await h2.exec(['sudo', '-n', 'id'])).status, 127);
  assert.equal(await h2.execOk(['doas', '-n', 'id', '-un'], { user: 'carol' }), 'root');
});

function homeOf(user: string): string {
  return user === 'root' ? '/root' : `/home/${user}`;
}

/** What it prints; empty where the login failed. */
async function withPassword(
  fleet: HostFleet,
  destination: string,
  command: string,
  password: string,
): Promise<string> {
  const ask = join(fleet.sshConfig, '..', 'ask');
  writeFileSync(ask, '#!/bin/sh\nprintf "%s\\n" "$TEST_PASSWORD"\n', { mode: 0o755 });
  const { stdout } = await run('ssh', ['-F', fleet.sshConfig, destination, command], {
    env: { SSH_ASKPASS: ask, SSH_ASKPASS_REQUIRE: 'force', TEST_PASSWORD: password },
  });
  return stdout;
}

peerTest(
  'a machine runs the Nix it is to run, or ferry and no Nix',
  { ...needs, nix: nixVersions },
  async () => {
    await using fleet = await startHosts({
      hosts: [
        ...nixVersions.map((version) => ({
          name: `nix${version.replace('.', '-')}`,
          runs: `nix-${version}` as const,
          requireSigs: version !== '2.34',
        })),
        { name: 'bare', runs: 'ferry' },
      ],
    });
    for (const version of nixVersions) {
      const host = fleet.host(`nix${version.replace('.', '-')}`);
      assert.match(
        await host.execOk(['nix-store', '--version']),
        new RegExp(` ${version}\\.\\d+$`),
      );
      assert.equal((await host.exec(['ferry'])).status, 127);
      const sigs = await host.execOk(['nix', 'show-config']);
      assert.match(sigs, new RegExp(`^require-sigs = ${version !== '2.34'}$`, 'm'));
      // Its daemon answers whoever may not write to the store.
      const file = await host.execOk(['nix-store', '--add', '/etc/hosts'], { user: 'dave' });
      assert.equal(readFileSync(join(host.root, file), 'utf8').split('\n').length, 6);
      await host.execOk(['nix-store', '--verify', '--check-contents']);
    }
    const bare = fleet.host('bare');
    assert.match(await bare.execOk(['ferry', '--version']), /^ferry \d/);
    assert.equal(
      (await bare.exec(['sh', '-c', 'ls /usr/bin /usr/local/bin | grep ^nix'])).stdout,
      '',
    );
  },
);

peerTest('a machine is cut off, hangs, dies and comes back', needs, async () => {
  await using fleet = await startHosts({
    hosts: ['a', 'b'].map((name) => ({ name, runs: 'ferry' })),
  });
  const [a, b] = fleet.hosts;
  assert.ok(a !== undefined && b !== undefined);
  const answers = async ({ name }: TestHost): Promise<boolean> =>
    (await ssh(fleet, `root@${name}`, 'true')).status === 0;
  // The kernel may take a second to notice a link that is up, or to ask anew where an address is.
  const answersSoon = async (host: TestHost): Promise<boolean> =>
    (await answers(host)) || (await answers(host)) || (await answers(host));
  const bootId = (): Promise<string> => a.execOk(['cat', '/proc/sys/kernel/random/boot_id']);

  await a.cut();
  assert.deepEqual([await answers(a), await answers(b)], [false, true]);
  await a.restore();
  assert.equal(await answersSoon(a), true);
  // As an activation would.
  await a.execOk(['ip', 'link', 'set', 'eth0', 'down']);
  assert.equal(await answers(a), false);
  await a.execOk(['ip', 'link', 'set', 'eth0', 'up']);
  assert.equal(await answersSoon(a), true);

  // Connections go on where they were.
  const [word] = await lineOf(fleet, 'echo before; sleep 0.2; echo after', async (next) => {
    assert.equal(await next(), 'before');
    await a.stop();
    assert.equal(await answers(a), false);
    a.continue();
    return [await next()];
  });
  assert.equal(word, 'after');

  const before = await bootId();
  await a.execOk(['sh', '-c', 'echo kept >/var/kept; touch /run/lost /tmp/kept']);
  const processes = a.processes();
  await a.kill();
  assert.equal(a.isRunning(), false);
  assert.deepEqual(processes.filter(isRunning), []);
  assert.equal(await answers(a), false);
  await a.start();
  assert.equal(await answersSoon(a), true);
  assert.notEqual(await bootId(), before);
  const left = await a.execOk(['sh', '-c', 'cat /var/kept; ls /run/lost /tmp/kept || :']);
  assert.equal(left, 'kept\n/tmp/kept');
  assert.match(a.log(), /Accepted publickey for root/);
});

async function lineOf<T>(
  fleet: HostFleet,
  command: string,
  body: (next: () => Promise<string | undefined>) => Promise<T>,
): Promise<T> {
  const child = spawn('ssh', ['-F', fleet.sshConfig, 'root@a', command], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  try {
    const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
    return await body(async () => {
      const { value, done } = await lines.next();
      return done === true ? undefined : value;
    });
  } finally {
    child.kill();
  }
}

peerTest(
  'systemd is process 1 of a machine that asks for it',
  { ...needs, lacks: hostsLack('systemd') },
  async () => {
    await using fleet = await startHosts({
      hosts: [
        { name: 's', runs: 'nix-2.34', init: 'systemd' },
        { name: 'p', runs: 'ferry' },
      ],
    });
    const s = fleet.host('s');
    assert.equal(await s.execOk(['cat', '/proc/1/comm']), 'systemd');
    assert.equal(await s.execOk(['systemctl', 'is-system-running']), 'running');
    assert.equal((await fleet.host('p').exec(['test', '-e', '/run/systemd/system'])).status, 1);
    const added = await s.execOk(['nix-store', '--add', '/etc/hosts'], { user: 'dave' });
    assert.match(added, /-hosts$/);

    // What it supervises outlives the session that began it.
    const unit = ['systemd-run', '--quiet', '--collect', '--no-block', '--unit=later'];
    const script = 'until [ -e /run/go ]; do sleep 0.01; done; echo done >/var/later';
    const words = [...unit, 'sh', '-c', `'${script}'`].join(' ');
    assert.equal((await ssh(fleet, 'root@s', words)).status, 0);
    assert.equal((await ssh(fleet, 'root@s', 'pkill -KILL -x sshd')).status, 255);
    assert.equal(await s.execOk(['systemctl', 'is-active', 'later']), 'active');
    await s.execOk(['touch', '/run/go']);
    await waitUntil('the end of the unit', () => existsSync(join(s.root, 'var/later')));

    await s.kill();
    await s.start();
    assert.equal(await s.execOk(['systemctl', 'is-system-running']), 'running');
    assert.match((await ssh(fleet, 'bob@s', 'sudo -n systemctl is-active sshd')).stdout, /^active/);
  },
);

peerTest('a link has its rate in both directions, a disk its size', needs, async () => {
  await using fleet = await startHosts({
    hosts: [{ name: 'slow', runs: 'ferry', rate: '80mbit', storeBytes: 64 << 20 }],
  });
  const slow = fleet.host('slow');
  const bytes = 5_000_000;
  const options = ['-F', fleet.sshConfig, 'root@slow'];
  for (const command of [
    `head -c ${bytes} /dev/zero | ssh "$@" 'cat >/dev/null'`,
    `ssh "$@" 'head -c ${bytes} /dev/zero' >/dev/null`,
  ]) {
    const began = performance.now();
    await runOk('bash', ['-c', command, 'bash', ...options]);
    // Half a second, less what a burst lets through at once.
    assert.ok(performance.now() - began > 350, command);
  }
  const free = (): number => statfsSync(slow.root).bavail * statfsSync(slow.root).bsize;
  assert.ok(free() > 50 << 20 && free() < 64 << 20, String(free()));
  await slow.fill(1 << 20);
  assert.equal(free(), 1 << 20);
  const full = await slow.exec(['dd', 'if=/dev/zero', 'of=/nix/store/x', 'bs=64k', 'count=17']);
  assert.match(full.stderr, /No space left on device/);
  slow.free();
  assert.ok(free() > 50 << 20);
});

peerTest('of a fleet nothing is left, also when whoever made it is killed', needs, async () => {
  let said: { readonly directory: string; readonly processes: number[]; readonly link: string };
  {
    await using fleet = await startHosts({
      hosts: Array.from({ length: 8 }, (_, at) => ({
        name: `h${at}`,
        runs: 'ferry',
        rate: '1gbit',
      })),
    });
    said = {
      directory: join(fleet.sshConfig, '..'),
      processes: fleet.hosts.flatMap((host) => host.processes()),
      link: await linkOf(fleet.address),
    };
    assert.ok(said.processes.length >= 16);
    await fleet.host('h3').kill();
  }
  await requireGone(said);

  const main = fileURLToPath(new URL('../support/hosts-main.ts', import.meta.url));
  const child = spawn(process.execPath, [main, '2', '', 'ferry'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let text = '';
  for await (const bytes of child.stdout) {
    text += String(bytes);
    if (text.endsWith('ready\n')) break;
  }
  const [, address = '', root = ''] = /^h1 +(\S+) +(\S+)$/m.exec(text) ?? [];
  const directory = join(root, '..');
  const link = await linkOf(address.replace(/\d+$/, '1'));
  assert.ok(existsSync(root) && link.startsWith('ferry-hosts'));
  child.kill('SIGKILL');
  await once(child, 'exit');
  await waitUntil('the end of what it left', () => !existsSync(directory));
  await requireGone({ directory, processes: [], link });
});

async function linkOf(address: string): Promise<string> {
  const shown = await runOk('ip', ['-brief', 'address']);
  return (
    shown
      .split('\n')
      .find((line) => line.includes(` ${address}/`))
      ?.split(/[ @]/)[0] ?? ''
  );
}

async function requireGone(of: {
  readonly directory: string;
  readonly processes: readonly number[];
  readonly link: string;
}): Promise<void> {
  assert.equal(existsSync(of.directory), false);
  assert.equal(existsSync(join(cgroup2Mount() ?? '', basename(of.directory))), false);
  assert.deepEqual(of.processes.filter(isRunning), []);
  assert.doesNotMatch(readFileSync('/proc/self/mounts', 'utf8'), new RegExp(of.directory));
  const links = await runOk('ip', ['-brief', 'link']);
  assert.doesNotMatch(links, new RegExp(`^${of.link}\\b`, 'm'));
  for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    const mounts = `/proc/${pid}/mounts`;
    let text = '';
    try {
      text = readFileSync(mounts, 'utf8');
    } catch {
      // It has just ended.
    }
    assert.ok(!text.includes(of.directory), `${pid} still has a mount in it`);
  }
}
