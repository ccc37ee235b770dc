/** Hosts that are really logged in to: by every kind of user, with real sudo and doas, through the machine's own ssh. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { readEnvironment } from '../../src/config/environment.ts';
import { isFerryError, type ErrorCode } from '../../src/error.ts';
import type { HostConnection } from '../../src/host/host-connection.ts';
import type { AskSecret } from '../../src/host/host-scene.ts';
import type { BecomeRoot } from '../../src/host/host-target.ts';
import { openHost } from '../../src/host/open-host.ts';
import {
  hostPassword,
  hostsLack,
  startHosts,
  type HostFleet,
  type HostUser,
  type TestHost,
} from '../support/hosts.ts';
import { findProgram, peerTest } from '../support/peers.ts';
import { findProcesses, waitUntil } from '../support/processes.ts';
import { runOk } from '../support/run.ts';
import { makeTempDirectory } from '../support/temp.ts';

const needs = { nix: ['2.34'], programs: ['ssh'], lacks: hostsLack() } as const;

interface OpenOptions {
  readonly user?: HostUser;
  /** What to answer; without it nobody can be asked. */
  readonly askSecret?: AskSecret | undefined;
  readonly becomeRoot?: BecomeRoot;
  /** Before those of the fleet. */
  readonly sshOptions?: string;
  readonly onDiagnostic?: (line: string) => void;
  readonly kind?: 'ssh' | 'ssh-ng';
  readonly parameters?: string;
}

function open(
  fleet: HostFleet,
  host: TestHost,
  options: OpenOptions = {},
): Promise<HostConnection> {
  const { user = 'root', becomeRoot = 'auto', sshOptions = '', parameters = '' } = options;
  const uri = host.uri(user).replace('ssh:', `${options.kind ?? 'ssh'}:`) + parameters;
  const { askSecret, onDiagnostic } = options;
  return openHost(
    { name: host.name, uri, becomeRoot },
    { env: environment(fleet, sshOptions), askSecret, onDiagnostic },
  );
}

function environment(fleet: HostFleet, sshOptions = ''): ReturnType<typeof readEnvironment> {
  const { PATH, HOME } = process.env;
  return readEnvironment({ PATH, HOME, NIX_SSHOPTS: `${sshOptions} ${fleet.sshOptions}` });
}

/** Answers in this order, the last one for ever. */
function answering(...answers: readonly (string | undefined)[]): AskSecret & {
  readonly asked: string[];
} {
  const asked: string[] = [];
  const ask: AskSecret = async (question) => {
    asked.push(question);
    return answers[Math.min(asked.length, answers.length) - 1];
  };
  return Object.assign(ask, { asked });
}

function oneHost(fleet: HostFleet): TestHost {
  const [host] = fleet.hosts;
  assert.ok(host !== undefined);
  return host;
}

const failsWith =
  (code: ErrorCode, message: RegExp) =>
  (error: unknown): boolean => {
    assert.ok(isFerryError(error, code), String(error));
    assert.match(error.message, message);
    assert.ok(!`${error.message} ${error.hint}`.includes(hostPassword));
    return true;
  };

const loginsOf = (host: TestHost): number =>
  host.log().match(/Accepted (?:publickey|password) for/g)?.length ?? 0;

peerTest('root, and who becomes root without a password', needs, async () => {
  await using fleet = await startHosts({ hosts: [{ name: 'h1', runs: 'nix-2.34' }] });
  const h1 = oneHost(fleet);
  for (const [user, becomesRoot] of [
    ['root', { how: 'is-root' }],
    ['bob', { how: 'sudo', needsPassword: false }],
    ['carol', { how: 'doas', needsPassword: false }],
  ] as const) {
    const before = loginsOf(h1);
    await using host = await open(fleet, h1, { user });
    assert.deepEqual(host.facts.becomesRoot, becomesRoot);
    assert.equal(host.facts.user, user);
    assert.equal((await host.run('id -un')).stdout, `${user}\n`);
    const script = 'id -un; echo "$HOME"; command -v nix-store; cat; exit "$1"';
    assert.deepEqual(await host.run(script, { asRoot: true, args: ['3'] }), {
      status: 3,
      stdout: 'root\n/root\n/usr/local/bin/nix-store\n',
      stderr: '',
    });
    await using store = await host.openStore();
    assert.deepEqual(await store.queryValidPaths([]), new Set());
    assert.equal(loginsOf(h1) - before, 1, 'one login for all of it');
    await using again = await host.reconnect();
    assert.equal(again.facts.bootId, host.facts.bootId);
    assert.equal(loginsOf(h1) - before, 2);
  }
});

peerTest('a password is asked for once, whatever the number of sessions', needs, async () => {
  await using fleet = await startHosts({ hosts: [{ name: 'h1', runs: 'nix-2.34' }] });
  const h1 = oneHost(fleet);
  const temporary = temporaryOf(h1);
  for (const [user, questions] of [
    ['alice', ['password of "alice" on "h1" for sudo: ']],
    ['erin', ["h1: erin@fleet's password: ", 'password of "erin" on "h1" for sudo: ']],
    // sudo doesn't know her, and finds that out only then; doas does, and wants it on a terminal.
    ['frank', ['password of "frank" on "h1" for sudo: ']],
  ] as const) {
    const said: string[] = [];
    const askSecret = answering(hostPassword);
    const onDiagnostic = (line: string): void => void said.push(line);
    await using host = await open(fleet, h1, { user, askSecret, onDiagnostic });
    assert.deepEqual(host.facts.becomesRoot, { how: 'sudo', needsPassword: true });
    const runs = await Promise.all(
      Array.from({ length: 6 }, (_, n) =>
        host.run('id -un; echo "$1" >&2; head -c 300000 /dev/zero | tr "\\0" x; exit 5', {
          asRoot: true,
          args: [String(n)],
        }),
      ),
    );
    for (const [n, each] of runs.entries()) {
      const expected = { status: 5, stdout: `root\n${'x'.repeat(300_000)}`, stderr: String(n) };
      assert.deepEqual(each, expected);
    }
    await using store = await host.openStore();
    assert.deepEqual(await store.queryValidPaths([]), new Set());
    await using again = await host.reconnect();
    assert.equal((await again.run('id -un', { asRoot: true })).stdout, 'root\n');
    assert.deepEqual(askSecret.asked, questions);
    assert.deepEqual(said, []);
    await assertSecret(host);
  }
  await waitUntil('the end of the pipes', () => temporaryOf(h1) === temporary);
});

/** What is in its directory of temporary files; a checkout that lies there here is seen there too. */
function temporaryOf({ root }: TestHost): string {
  return readdirSync(join(root, 'tmp')).sort().join(' ');
}

/** While a script of root runs, no process here or there has the password where others see it. */
async function assertSecret(host: HostConnection): Promise<void> {
  const seen: string[] = [];
  await host.run('echo begun; sleep 0.3', {
    asRoot: true,
    onLine: () => {
      for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
        // This one knows it, as does every process of the same test.
        if (Number(pid) === process.pid) continue;
        for (const file of ['cmdline', 'environ']) {
          try {
            const text = readFileSync(`/proc/${pid}/${file}`, 'latin1');
            if (text.includes(hostPassword)) seen.push(`${pid}: ${text}`);
          } catch {
            // It has ended.
          }
        }
      }
      seen.push('looked');
    },
  });
  assert.deepEqual(seen, ['looked']);
}

peerTest('a wrong password is noticed, and tried no second time', needs, async () => {
  await using fleet = await startHosts({ hosts: [{ name: 'h1', runs: 'nix-2.34' }] });
  const h1 = oneHost(fleet);
  for (const user of ['alice', 'frank'] as const) {
    const becomeRoot = user === 'frank' ? 'doas' : 'auto';
    const askSecret = answering('wrong', 'wrong again', hostPassword);
    await using host = await open(fleet, h1, { user, askSecret, becomeRoot });
    assert.equal((await host.run('id -un', { asRoot: true })).stdout, 'root\n', user);
    assert.equal((await host.run('id -un', { asRoot: true })).stdout, 'root\n', user);
    assert.equal(askSecret.asked.length, 3, user);
    assert.match(askSecret.asked[1] ?? '', /^that was wrong; password of /);

    const never = answering('wrong');
    await using other = await open(fleet, h1, { user, askSecret: never, becomeRoot });
    const refused = failsWith(
      'denied',
      /cannot become root on "h1": the password of "\w+" was wrong 3 times/,
    );
    const tries = [1, 2, 3].map(() => assert.rejects(other.run('id', { asRoot: true }), refused));
    await Promise.all([...tries, assert.rejects(other.openStore(), refused)]);
    assert.equal(never.asked.length, 3, user);
  }
  const askSecret = answering('wrong', hostPassword);
  await using erin = await open(fleet, h1, { user: 'erin', askSecret });
  assert.equal(erin.facts.user, 'erin');
  assert.equal(askSecret.asked.length, 2);
  await using again = await erin.reconnect();
  assert.equal(again.facts.user, 'erin');
  assert.equal(askSecret.asked.length, 2);
  await assert.rejects(
    open(fleet, h1, { user: 'erin', askSecret: answering('wrong') }),
    failsWith('denied', /cannot log in to "h1": .*Permission denied/),
  );
});

peerTest('where nobody can be asked, that is an error at once', needs, async () => {
  await using fleet = await startHosts({
    hosts: [
      { name: 'h1', runs: 'nix-2.34' },
      { name: 'h2', runs: 'nix-2.34', has: [] },
    ],
  });
  const [h1, h2] = fleet.hosts;
  assert.ok(h1 !== undefined && h2 !== undefined);
  const nobody = answering(undefined);
  await assert.rejects(
    open(fleet, h1, { user: 'erin', askSecret: nobody }),
    failsWith('denied', /cannot log in to "h1": ssh asks "erin@fleet's password:"/),
  );
  for (const askSecret of [nobody, undefined]) {
    await using alice = await open(fleet, h1, { user: 'alice', askSecret });
    await assert.rejects(
      alice.run('id', { asRoot: true }),
      failsWith('denied', /sudo wants the password of "alice", and there is no terminal/),
    );
  }
  const askSecret = answering(hostPassword);
  await using dave = await open(fleet, h1, { user: 'dave', askSecret, becomeRoot: 'sudo' });
  await assert.rejects(
    dave.run('id', { asRoot: true }),
    failsWith('denied', /dave is not in the sudoers file/),
  );
  await using never = await open(fleet, h1, { user: 'bob', becomeRoot: 'never' });
  assert.equal((await never.run('id -un')).stdout, 'bob\n');
  await assert.rejects(
    never.run('id', { asRoot: true }),
    failsWith('denied', /cannot become root/),
  );
  await using none = await open(fleet, h2, { user: 'alice' });
  assert.deepEqual(none.facts.becomesRoot, {
    how: 'impossible',
    why: 'there is neither sudo nor doas',
  });
  await using store = await none.openStore();
  assert.deepEqual(await store.queryValidPaths([]), new Set());
});

peerTest('a sudo that wants a terminal gets one', needs, async () => {
  await using fleet = await startHosts({ hosts: [{ name: 'h1', runs: 'nix-2.34' }] });
  const h1 = oneHost(fleet);
  const sudoers = join(h1.root, 'etc/sudoers');
  writeFileSync(sudoers, `Defaults requiretty\n${readFileSync(sudoers, 'utf8')}`);
  const askSecret = answering('wrong', hostPassword);
  await using host = await open(fleet, h1, { user: 'alice', askSecret, becomeRoot: 'sudo' });
  for (let n = 0; n < 2; n++) {
    const { stdout, status } = await host.run('id -un; printf "\\r\\003\\004\\n"; exit 9', {
      asRoot: true,
    });
    assert.deepEqual([stdout, status], ['root\n\r\u0003\u0004\n', 9]);
  }
  assert.equal(askSecret.asked.length, 2);
});

peerTest('several hosts ask one after the other', needs, async () => {
  const names = ['h1', 'h2', 'h3'];
  await using fleet = await startHosts({
    hosts: names.map((name) => ({ name, runs: 'nix-2.34' })),
  });
  let open_ = 0;
  const asked: string[] = [];
  const askSecret: AskSecret = async (question) => {
    assert.equal(++open_, 1, 'two questions at once');
    asked.push(question);
    await new Promise((resolve) => setTimeout(resolve, 50));
    open_--;
    return hostPassword;
  };
  const hosts = await Promise.all(
    fleet.hosts.map((host) => open(fleet, host, { user: 'erin', askSecret })),
  );
  await Promise.all(hosts.map((host) => host[Symbol.asyncDispose]()));
  assert.deepEqual(
    asked.toSorted(),
    names.map((name) => `${name}: erin@fleet's password: `),
  );
});

peerTest(
  'a passphrase opens a key for all hosts; the key of a host is asked about',
  needs,
  async () => {
    await using fleet = await startHosts({
      hosts: [
        { name: 'h1', runs: 'nix-2.34' },
        { name: 'h2', runs: 'nix-2.34' },
      ],
    });
    await using temp = makeTempDirectory();
    const key = join(temp.path, 'key');
    copyFileSync(fleet.identity, key);
    const keygen = findProgram('ssh-keygen') ?? 'ssh-keygen';
    await runOk(keygen, ['-q', '-p', '-P', '', '-N', 'open sesame', '-f', key]);
    const known = join(temp.path, 'known_hosts');
    const sshOptions = `-oBatchMode=no -oStrictHostKeyChecking=ask -oUserKnownHostsFile=${known} -i ${key}`;
    const asked: (readonly [string, boolean])[] = [];
    const askSecret: AskSecret = async (question, { isVisible = false } = {}) => {
      asked.push([question, isVisible]);
      return isVisible ? 'yes' : 'open sesame';
    };
    for (const each of fleet.hosts) {
      await using host = await open(fleet, each, { askSecret, sshOptions });
      assert.equal(host.facts.user, 'root');
    }
    const [hostKey, passphrase, ...others] = asked;
    assert.deepEqual(others, [], 'the second host has the same key');
    assert.match(hostKey?.[0] ?? '', /^h1: The authenticity of host 'fleet \(.*\n.*SHA256:/);
    assert.match(hostKey?.[0] ?? '', /\(yes\/no\/\[fingerprint\]\)\? $/);
    assert.equal(hostKey?.[1], true);
    assert.deepEqual(passphrase, [`h1: Enter passphrase for key '${key}': `, false]);
  },
);

peerTest(
  'connections that the user shares already are used, but not to come back',
  needs,
  async () => {
    await using fleet = await startHosts({ hosts: [{ name: 'h1', runs: 'nix-2.34' }] });
    const h1 = oneHost(fleet);
    await using temp = makeTempDirectory();
    const socket = join(temp.path, 'master');
    const sshOptions = `-oControlMaster=auto -oControlPath=${socket}`;
    {
      await using host = await open(fleet, h1, { sshOptions });
      assert.deepEqual(readdirSync(temp.path), ['master']);
      await using other = await open(fleet, h1, { sshOptions });
      assert.equal((await other.run('id -un')).stdout, 'root\n');
      assert.equal(loginsOf(h1), 1);
      await using again = await host.reconnect();
      assert.equal((await again.run('id -un')).stdout, 'root\n');
      assert.equal(loginsOf(h1), 2);
    }
    await waitUntil('the end of the connection', () => readdirSync(temp.path).length === 0);
  },
);

peerTest('a server that allows few sessions is enough', needs, async () => {
  await using fleet = await startHosts({ hosts: [{ name: 'h1', runs: 'nix-2.34' }] });
  const h1 = oneHost(fleet);
  const config = join(h1.root, 'etc/ssh/sshd_config');
  const text = readFileSync(config, 'utf8');
  for (const [sessions, logins] of [
    [10, 1],
    [1, undefined],
  ] as const) {
    writeFileSync(config, text.replace('MaxSessions 100', `MaxSessions ${sessions}`));
    await h1.execOk(['sh', '-c', 'kill -HUP "$(cat /run/sshd.pid)"']);
    await waitUntil('the server', () => h1.log().trimEnd().endsWith('port 22.'));
    const before = loginsOf(h1);
    const askSecret = answering(hostPassword);
    await using host = await open(fleet, h1, {
      user: 'erin',
      askSecret,
      parameters: '?max-connections=9',
    });
    await using store = await host.openStore();
    const runs = await Promise.all(
      Array.from({ length: 8 }, () => host.run('sleep 0.1; id -un', { asRoot: true })),
    );
    assert.deepEqual(new Set(runs.map(({ stdout }) => stdout)), new Set(['root\n']));
    assert.deepEqual(await store.queryValidPaths([]), new Set());
    assert.equal(askSecret.asked.length, 2);
    if (logins !== undefined) assert.equal(loginsOf(h1) - before, logins);
  }
});

peerTest('login shells may print and be whatever they are', needs, async () => {
  await using fleet = await startHosts({ hosts: [{ name: 'h1', runs: 'nix-2.34' }] });
  const h1 = oneHost(fleet);
  const home = (user: string, file: string, text: string): void =>
    writeFileSync(join(h1.root, 'home', user, file), text);
  for (const user of ['bob', 'alice', 'frank']) {
    home(user, '.bashrc', 'echo Welcome; printf "no line end"; echo complaint >&2\n');
  }
  for (const user of ['bob', 'alice', 'frank'] as const) {
    const askSecret = answering(hostPassword);
    await using host = await open(fleet, h1, { user, askSecret });
    for (const asRoot of [false, true]) {
      assert.deepEqual(await host.run('echo out; echo err >&2', { asRoot }), {
        status: 0,
        stdout: 'out\n',
        stderr: 'err',
      });
    }
    await using store = await host.openStore();
    assert.deepEqual(await store.queryValidPaths([]), new Set());
  }
  const fish = findProgram('fish');
  const shells = ['/bin/dash', ...(fish?.startsWith('/usr/') === true ? [fish] : [])];
  const passwd = join(h1.root, 'etc/passwd');
  for (const shell of shells) {
    writeFileSync(
      passwd,
      readFileSync(passwd, 'utf8').replaceAll(/^(alice|frank|bob)(:.*:)[^:]*$/gm, `$1$2${shell}`),
    );
    for (const user of ['bob', 'alice', 'frank'] as const) {
      const askSecret = answering(hostPassword);
      await using host = await open(fleet, h1, { user, askSecret });
      const args = ["it's $HOME !x \\ `id`"];
      const { stdout } = await host.run('printf "%s\\n" "$1"; id -un', { asRoot: true, args });
      assert.equal(stdout, `${args[0]}\nroot\n`, `${user} with ${shell}`);
    }
  }
  writeFileSync(
    passwd,
    readFileSync(passwd, 'utf8').replace(/^(bob:.*:)[^:]*$/m, '$1/usr/sbin/nologin'),
  );
  await assert.rejects(
    open(fleet, h1, { user: 'bob' }),
    failsWith('denied', /it answered "This account is currently not available\."/),
  );
});

peerTest(
  'what is on a host is found: Nix of any age, or ferry alone',
  { ...needs, nix: ['2.8', '2.34'] },
  async () => {
    await using fleet = await startHosts({
      hosts: [
        { name: 'h1', runs: 'nix-2.8', settings: { 'extra-platforms': 'armv7l-linux' } },
        { name: 'h2', runs: 'nix-2.34', storeBytes: 64 << 20 },
        { name: 'h3', runs: 'ferry' },
      ],
    });
    const facts = new Map<string, HostConnection['facts']>();
    for (const each of fleet.hosts) {
      await using host = await open(fleet, each, { user: 'bob' });
      facts.set(each.name, host.facts);
      for (const words of [host.facts.nixStore, host.facts.nixEnv].slice(0, 1)) {
        assert.ok(words !== undefined);
        const { status, stdout } = await host.run('exec "$@"', {
          asRoot: true,
          args: [...words, '--version'],
        });
        assert.deepEqual([status, stdout === ''], [0, false]);
      }
      await using store = await host.openStore();
      assert.deepEqual(await store.queryValidPaths([]), new Set());
    }
    const [old, current, bare] = ['h1', 'h2', 'h3'].map((name) => facts.get(name));
    assert.match(old?.nixVersion ?? '', /^2\.8\./);
    assert.ok(old?.extraSystems.includes('armv7l-linux'));
    assert.match(current?.nixVersion ?? '', /^2\.34\./);
    assert.deepEqual(current?.nixStore, ['/usr/local/bin/nix-store']);
    assert.deepEqual(current?.nixEnv, ['/usr/local/bin/nix-env']);
    const free = current?.freeBytes ?? 0;
    assert.ok(free > 0 && free <= 64 << 20, String(free));
    assert.equal(bare?.nixVersion, undefined);
    assert.match(bare?.ferryVersion ?? '', /^\d+\./);
    assert.deepEqual(bare?.nixStore, ['/usr/local/bin/ferry', 'nix-store']);
    assert.deepEqual(bare?.nixEnv, ['/usr/local/bin/ferry', 'nix-env']);
    assert.equal(new Set([old?.bootId, current?.bootId, bare?.bootId]).size, 3);
    const [h2] = fleet.hosts.filter(({ name }) => name === 'h2');
    assert.ok(h2 !== undefined);
    await using host = await open(fleet, h2, { user: 'bob', kind: 'ssh-ng' });
    await using store = await host.openStore();
    assert.deepEqual(await store.queryValidPaths([]), new Set());
    assert.match(store.uri, /^ssh-ng:/);
  },
);

peerTest(
  'a host that is cut off is unavailable before long, and at once after that',
  needs,
  async () => {
    await using fleet = await startHosts({ hosts: [{ name: 'h1', runs: 'nix-2.34' }] });
    const h1 = oneHost(fleet);
    const sshOptions = '-oServerAliveInterval=1 -oConnectTimeout=3';
    await using host = await open(fleet, h1, { sshOptions });
    await assert.rejects(
      host.run('echo begun; sleep 60', { onLine: () => void h1.cut() }),
      failsWith('unavailable', /the connection to "h1" was lost/),
    );
    // ssh may be a moment behind in noticing, and then says it in its own words.
    await assert.rejects(host.run('true'), { code: 'unavailable' });
    await assert.rejects(host.reconnect(), failsWith('unavailable', /cannot log in to "h1"/));
    await h1.restore();
    await using again = await host.reconnect();
    assert.equal(again.facts.user, 'root');
    // What ran there was told that we are gone.
    await h1.execOk(['sh', '-c', 'while ps ax | grep "[s]leep 60"; do sleep 0.1; done']);
  },
);

peerTest('a host that hangs is given up, and an abort is one at once', needs, async () => {
  await using fleet = await startHosts({ hosts: [{ name: 'h1', runs: 'nix-2.34' }] });
  const h1 = oneHost(fleet);
  await using host = await open(fleet, h1);
  await h1.stop();
  await assert.rejects(
    host.run('true', { timeoutMs: 300 }),
    failsWith('unavailable', /cannot run a script on "h1": it did not end within 0\.3 s/),
  );
  const reason = new Error('enough');
  for (const stop of [AbortSignal.abort(reason), soon(reason)]) {
    await assert.rejects(host.reconnect({ signal: stop }), reason);
    await assert.rejects(host.run('true', { signal: stop }), reason);
  }
  h1.continue();
});

function soon(reason: Error): AbortSignal {
  const stop = new AbortController();
  setTimeout(() => stop.abort(reason), 200);
  return stop.signal;
}

peerTest('killed, we leave nothing running, here or there', needs, async () => {
  await using fleet = await startHosts({ hosts: [{ name: 'h1', runs: 'nix-2.34' }] });
  const h1 = oneHost(fleet);
  const temporary = temporaryOf(h1);
  const client = fileURLToPath(new URL('../support/host-client.ts', import.meta.url));
  for (const [user, becomes] of [
    ['root', false],
    ['alice', true],
    ['frank', true],
  ] as const) {
    const child = spawn(process.execPath, [client, h1.uri(user), String(becomes)], {
      stdio: ['ignore', 'pipe', 'inherit'],
      env: {
        PATH: process.env['PATH'],
        HOME: process.env['HOME'],
        NIX_SSHOPTS: fleet.sshOptions,
        TEST_ANSWER: hostPassword,
      },
    });
    const [line] = await once(createInterface({ input: child.stdout }), 'line');
    assert.equal(line, 'begun');
    child.kill('SIGKILL');
    await waitUntil(
      `the end of ssh for ${user}`,
      () => findProcesses(fleet.sshConfig).length === 0,
    );
    const left = 'ps ax | grep "[s]leep 300\\|[s]shd: .*@\\|[f]erry_line"';
    await h1.execOk(['sh', '-c', `while ${left}; do sleep 0.1; done`], { timeoutMs: 20_000 });
    await waitUntil('the end of the pipes', () => temporaryOf(h1) === temporary);
  }
});
