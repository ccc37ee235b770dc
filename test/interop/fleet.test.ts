/** What is told of a fleet: machines with Nix 2.8, with Nix 2.34, with ferry alone, and one that is dead. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { ferryBin, ferryEnv, runFerry, runFerryOk } from '../support/ferry-program.ts';
import { makeDeployables } from '../support/deployable.ts';
import { hostsLack, startHosts, type TestHost } from '../support/hosts.ts';
import { makeNixHome } from '../support/nix-home.ts';
import { peerTest } from '../support/peers.ts';
import type { Finished } from '../support/run.ts';

const needs = {
  nix: ['2.8', '2.34'],
  programs: ['ssh', 'pkill'],
  lacks: hostsLack(),
} as const;
const profile = '/nix/var/nix/profiles/system';

type Row = Readonly<Record<string, unknown>>;

function rowsOf({ stdout, stderr }: Pick<Finished, 'stdout' | 'stderr'>): Row[] {
  try {
    return stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as Row);
  } catch (cause) {
    throw new Error(`no lines of JSON: ${stdout}\n${stderr}`, { cause });
  }
}

/** What lies within a field of a row. */
function within(row: Row | undefined, field: string, name: string): unknown {
  return (row?.[field] as Row | null | undefined)?.[name];
}

/** Some fields of each row but the last, which sums up. */
function pick(rows: readonly Row[], ...names: readonly string[]): unknown[][] {
  return rows.slice(0, -1).map((row) => names.map((name) => row[name]));
}

/** Makes a closure that is there already a generation, by hand: links are all that a generation is. */
async function addGeneration(host: TestHost, number: number, path: string): Promise<void> {
  const generation = `${profile}-${number}-link`;
  const script = 'mkdir -p "${2%/*}"; ln -sfn "$1" "$2"; ln -sfn "${2##*/}" "$3"';
  await host.execOk(['sh', '-c', script, 'sh', path, generation, profile]);
}

peerTest(
  'status, difference and generations of a fleet in which one is dead',
  needs,
  async (nix) => {
    await using fleet = await startHosts({
      hosts: [
        { name: 'old', runs: 'nix-2.8' },
        { name: 'dead', runs: 'nix-2.34' },
        { name: 'new', runs: 'nix-2.34' },
        { name: 'bare', runs: 'ferry' },
      ],
    });
    await using home = makeNixHome(nix('2.34'), {
      ram: true,
      env: { NIX_SSHOPTS: `${fleet.sshOptions} -o ConnectTimeout=3` },
    });
    const systems = await makeDeployables(home, [
      { version: 'v1' },
      { version: 'v2' },
      { version: 'bad', behaviour: 'fails' },
    ]);
    const [v1 = '', v2 = '', bad = ''] = systems.map(({ path }) => path);
    const toml = (closure: string): string =>
      `[defaults]\nuser = "root"\nclosure = "${closure}"\nconfirm-timeout = "20s"\n` +
      `[hosts.old]\n[hosts.dead]\n[hosts.new]\ntags = ["web"]\n[hosts.bare]\n`;
    const say = (closure: string): void =>
      writeFileSync(join(home.path, 'ferry.toml'), toml(closure));
    const ferry = (...args: readonly string[]): Promise<Finished> => runFerry(home, args);
    say(v1);
    await fleet.host('dead').cut();

    // Nothing is there yet.
    const empty = await ferry('fleet', 'status', '--json', 'old', 'bare');
    assert.deepEqual(pick(rowsOf(empty), 'host', 'state', 'generation', 'path'), [
      ['old', 'nothing', null, null],
      ['bare', 'nothing', null, null],
    ]);
    assert.equal(empty.status, 1);
    // What leads nowhere here keeps nobody from being told of what runs there.
    say('./nowhere');
    const lost = await ferry('fleet', 'status', '--json', 'old');
    assert.deepEqual(pick(rowsOf(lost), 'state', 'wanted'), [['nothing', null]]);
    assert.equal(within(rowsOf(lost)[0], 'wantedError', 'code'), 'not-found');
    const undiffed = await ferry('fleet', 'diff', '--json');
    assert.deepEqual(
      rowsOf(undiffed)
        .slice(0, -1)
        .map((row) => within(row, 'error', 'code')),
      ['not-found', 'not-found', 'not-found', 'not-found'],
    );
    assert.equal(undiffed.status, 1);
    say(v1);
    const first = rowsOf(await ferry('fleet', 'diff', '--json', 'old'));
    assert.equal(within(first[0], 'before', 'path'), null);

    const deployed = await ferry('deploy', '--json');
    assert.equal(deployed.status, 6, deployed.stderr);
    const outcomes = { old: 'live', dead: 'unreachable', new: 'live', bare: 'live' };
    assert.deepEqual(rowsOf(deployed).at(-1)?.['hosts'], outcomes);

    // All is as the inventory says, but for the one that nobody knows of.
    const good = await ferry('fleet', 'status', '--json');
    assert.equal(good.status, 4, good.stderr);
    assert.deepEqual(pick(rowsOf(good), 'host', 'state', 'generation', 'path', 'nixVersion'), [
      ['old', 'as-it-should-be', 1, v1, '2.8.0'],
      ['dead', 'unreachable', null, null, null],
      ['new', 'as-it-should-be', 1, v1, rowsOf(good)[2]?.['nixVersion']],
      ['bare', 'as-it-should-be', 1, v1, null],
    ]);
    assert.equal(within(rowsOf(good)[1], 'error', 'code'), 'unavailable');
    assert.deepEqual(pick(rowsOf(good), 'system')[0], [rowsOf(good)[3]?.['system']]);

    // The inventory wants something else by now.
    say(v2);
    await runFerryOk(home, ['deploy', v2, '--on', 'new']);
    await addGeneration(fleet.host('new'), 3, v1);
    const other = await ferry('fleet', 'status', 'old', 'new', 'bare');
    assert.equal(other.status, 1, other.stderr);
    const shown = other.stdout.split('\n').map((line) => line.trimEnd());
    assert.match(shown[1] ?? '', /^old {3}other +1 .* system-v1$/);
    assert.equal(shown[2], `  should run ${v2}`);
    assert.match(shown[3] ?? '', /^new {3}newer generation +3 .* system-v1$/);
    // Its profile was changed by hand: what runs is still the other one.
    assert.equal(shown[5], `  active is ${v2}`);
    assert.match(
      other.stderr,
      /^none of 3 hosts is as it should be; other: 2, newer generation: 1$/m,
    );

    const diff = await ferry('fleet', 'diff');
    assert.equal(diff.status, 4, diff.stderr);
    assert.match(diff.stdout, /^old, bare, new:\n|^old, new, bare:\n/);
    assert.match(
      diff.stdout,
      / {2}removed\n.* {2}own-v1\n.* {2}system-v1\n {2}added\n.* {2}own-v2\n/,
    );
    assert.match(
      diff.stdout,
      / {2}old, bare: to send: 2 paths, \d+ KiB\n {2}new: nothing to send\n/,
    );
    assert.match(diff.stdout, /\ndead:\n {2}error: cannot log in to "dead"/);

    // What went back is told, until something else happens there.
    say(bad);
    const back = await ferry('deploy', '--on', 'bare', '--json');
    assert.equal(back.status, 7, back.stderr);
    const rolledBack = await ferry('fleet', 'status', 'bare', '--json');
    assert.equal(rolledBack.status, 1);
    const [bare] = rowsOf(rolledBack);
    assert.equal(bare?.['state'], 'activation-rolled-back');
    assert.equal(bare['path'], v1);
    assert.match(String(within(bare, 'activation', 'reason')), /ended with status 4/);

    // Who logs in without root sees what anybody may see.
    const seen = rowsOf(await ferry('fleet', 'status', '--json', '--user', 'dave', 'bare', 'old'));
    assert.deepEqual(
      pick(seen, 'generation', 'isActivationKnown'),
      [
        [1, false],
        [1, false],
      ].toReversed(),
    );

    const listed = await ferry('generations', '--json', 'old', 'new', 'bare');
    assert.equal(listed.status, 0, listed.stderr);
    assert.deepEqual(
      rowsOf(listed)
        .slice(0, -1)
        .map(({ host, current, generations }) => [
          host,
          current,
          (generations as Row[]).map(({ number, path }) => [number, path]),
        ]),
      [
        ['old', 1, [[1, v1]]],
        [
          'new',
          3,
          [
            [1, v1],
            [2, v2],
            [3, v1],
          ],
        ],
        [
          'bare',
          1,
          [
            [1, v1],
            [2, bad],
          ],
        ],
      ],
    );

    const wouldGo = await ferry('generations', '@web', '--remove', 'old', '--dry-run');
    assert.equal(wouldGo.stdout, 'new: would remove generations 1, 2\n');
    const went = await ferry('generations', 'old', 'new', 'bare', '--remove', 'old');
    assert.equal(went.stderr, '');
    assert.equal(
      went.stdout,
      'old: no generation to remove\nnew: removed generations 1, 2\nbare: removed generation 2\n',
    );
    const links = await fleet.host('bare').execOk(['ls', '/nix/var/nix/profiles']);
    assert.deepEqual(
      links.split('\n').filter((name) => name.startsWith('system')),
      ['system', 'system-1-link'],
    );
    const current = await ferry('generations', 'new', '--remove', '3');
    assert.equal(current.status, 1);
    assert.match(current.stdout, /^new:\n {2}error: .*cannot delete current version/);
    const none = await ferry('generations', 'dead', '--json');
    assert.equal(none.status, 4);
  },
);

peerTest(
  'a host that runs another kernel than its system has needs a reboot',
  needs,
  async (nix) => {
    await using fleet = await startHosts({ hosts: [{ name: 'h1', runs: 'nix-2.34' }] });
    await using home = makeNixHome(nix('2.34'), {
      ram: true,
      env: { NIX_SSHOPTS: fleet.sshOptions },
    });
    const host = fleet.host('h1');
    const boot = async (name: string, kernel: string): Promise<void> => {
      const script = 'mkdir -p "$1" && echo x >"/run/$2" && ln -sfn "/run/$2" "$1/kernel"';
      await host.execOk(['sh', '-c', script, 'sh', `/run/${name}`, kernel]);
    };
    const needsReboot = async (): Promise<unknown> => {
      const told = await runFerry(home, ['fleet', 'status', 'ssh://root@h1', '--json']);
      // Nothing says what is to run on a host that is named by its URI alone, and it has no profile.
      assert.equal(told.status, 1, told.stderr);
      return rowsOf(told)[0]?.['needsReboot'];
    };
    assert.equal(await needsReboot(), null);
    await boot('booted-system', 'linux-1');
    await boot('current-system', 'linux-1');
    assert.equal(await needsReboot(), false);
    await boot('current-system', 'linux-2');
    assert.equal(await needsReboot(), true);
  },
);

peerTest('an activation that nobody confirms, and one that was cut off', needs, async (nix) => {
  await using fleet = await startHosts({ hosts: [{ name: 'h1', runs: 'nix-2.34' }] });
  await using home = makeNixHome(nix('2.34'), {
    ram: true,
    env: { NIX_SSHOPTS: fleet.sshOptions },
  });
  const [system] = await makeDeployables(home, [{ version: 'v1' }]);
  const told = async (): Promise<Row | undefined> =>
    rowsOf(await runFerry(home, ['fleet', 'status', 'ssh://root@h1', '--json']))[0];

  // Whoever deploys is gone at once when it only has to be confirmed.
  const checks = ['--health-command', 'sleep 60', '--confirm-timeout', '10m'];
  const words = ['deploy', system?.path ?? '', '--to', 'ssh://root@h1', '--json', ...checks];
  const deploying = spawn(ferryBin, words, {
    cwd: home.path,
    env: ferryEnv(home),
    detached: true,
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  const gone = once(deploying, 'exit');
  try {
    for await (const line of createInterface({ input: deploying.stdout })) {
      if ((JSON.parse(line) as Row)['phase'] === 'confirming') break;
    }
  } finally {
    process.kill(-(deploying.pid ?? 0), 'SIGKILL');
  }
  await gone;
  const waiting = await told();
  assert.equal(waiting?.['state'], 'activation-waiting');
  assert.equal(within(waiting, 'activation', 'newPath'), system?.path);

  await fleet.host('h1').kill();
  await fleet.host('h1').start();
  const lost = await told();
  assert.equal(lost?.['state'], 'activation-lost');
  const { stdout } = await runFerry(home, ['fleet', 'status', 'ssh://root@h1']);
  assert.match(stdout, /^h1 .*activation lost .*\n {2}activation of .* was cut off/m);
});

peerTest('generations of this machine need no host', { nix: ['2.34'] }, async (nix) => {
  await using home = makeNixHome(nix('2.34'), { ram: true });
  const systems = await makeDeployables(home, [{ version: 'v1' }, { version: 'v2' }]);
  const [v1 = '', v2 = ''] = systems.map(({ path }) => path);
  const own = join(home.path, 'profile');
  for (const path of [v1, v2, v1]) {
    await home.runOk('nix-env', ['-p', own, '--set', path]);
  }
  const listed = await runFerry(home, ['generations', '--profile', own]);
  assert.equal(listed.status, 0, listed.stderr);
  const lines = listed.stdout.trimEnd().split('\n');
  assert.equal(lines[0], own);
  assert.deepEqual(
    lines.slice(1).map((line) => line.replace(/\d{4}-\d\d-\d\d \d\d:\d\d/, 'TIME')),
    ['   1  TIME  system-v1', '   2  TIME  system-v2', '   3  TIME  system-v1  (current)'],
  );
  const dry = await runFerryOk(home, [
    'generations',
    '--profile',
    own,
    '--remove',
    '+2',
    '--dry-run',
  ]);
  assert.equal(dry, `${own}: would remove generation 1\n`);
  const refused = await runFerry(home, ['generations', '--profile', own, '--remove', '3']);
  assert.equal(refused.status, 1);
  assert.match(refused.stderr, /generation 3 of .* is the current one/);
  const missing = await runFerry(home, ['generations', '--profile', own, '--remove', '1,9']);
  assert.match(missing.stderr, /has no generation 9\nhint: it has 1, 2, 3$/m);
  const gone = await runFerryOk(home, ['generations', '--profile', own, '--remove', '1,2']);
  assert.equal(gone, `${own}: removed generations 1, 2\n`);
  assert.match(
    await home.runOk('nix-env', ['-p', own, '--list-generations']),
    /^ +3 .*\(current\)/,
  );
  const nothing = await runFerry(home, ['generations', '--profile', join(home.path, 'none')]);
  assert.equal(nothing.status, 1);
  assert.match(nothing.stderr, /there is no profile/);
});
