/** On this machine itself, which is reached without ssh and is a host like any other. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { readEnvironment } from '../config/environment.ts';
import { isFerryError } from '../error.ts';
import type { HostConnection } from './host-connection.ts';
import { openHost } from './open-host.ts';

const env = readEnvironment({ PATH: '/usr/local/bin:/usr/bin:/bin', HOME: '/nonexistent' });
let host: HostConnection;
before(async () => {
  host = await openHost({ name: 'here', uri: 'ssh://localhost', becomeRoot: 'never' }, { env });
});
after(() => host[Symbol.asyncDispose]());

test('a script gets its arguments, an empty stdin, and its output comes apart', async () => {
  const args = ["it's", '', '$HOME `x` "y" \\', 'two\nlines', '--', '-n'];
  const script = 'printf "[%s]" "$@"; cat; echo said >&2; exit 7';
  assert.deepEqual(await host.run(script, { args }), {
    status: 7,
    stdout: args.map((word) => `[${word}]`).join(''),
    stderr: 'said',
  });
});

test('a script may end as it likes', async () => {
  for (const [script, status] of [
    ['true', 0],
    ['false', 1],
    ['set -e; false; echo no', 1],
    ['trap "exit 4" EXIT; exit 3', 4],
    ['exec sh -c "exit 255"', 255],
    ['kill -TERM $(sh -c "echo \\$PPID")', 143],
    ['if', 2],
    ['', 0],
    ['# a comment', 0],
  ] as const) {
    assert.deepEqual([script, (await host.run(script)).status], [script, status]);
  }
});

test('a script may be longer than any command line, and no process shows it', async () => {
  const secret = 'a-word-that-nobody-sees';
  const script = `# ${secret} ${'x'.repeat(500_000)}\ncat /proc/*/cmdline 2>/dev/null | tr '\\0' ' ' | grep -c ${secret.slice(0, 6)}''${secret.slice(6)}`;
  const { stdout } = await host.run(script, { args: [secret] });
  // `grep` itself may be seen, with the word in two halves that the shell has put together.
  assert.ok(Number(stdout) <= 1, stdout);
});

test('lines are told as they come, and what is kept has a limit', async () => {
  const lines: string[] = [];
  const { stdout } = await host.run('echo one; printf "two\\nthree"; echo; printf last', {
    onLine: (line) => lines.push(line),
  });
  assert.equal(stdout, 'one\ntwo\nthree\nlast');
  assert.deepEqual(lines, ['one', 'two', 'three', 'last']);
  const flood = await host.run(
    'head -c 3000000 /dev/zero | tr "\\0" x; head -c 100000 /dev/zero | tr "\\0" y >&2',
  );
  assert.equal(flood.stdout, 'x'.repeat(1 << 20));
  assert.match(flood.stderr, /^y{1000,16384}$/);
});

test('what it says on stderr is fit for a terminal', async () => {
  const { stderr } = await host.run('printf "\\033[31mred\\033[0m\\007\\n" >&2');
  assert.equal(stderr, 'red');
});

test('what a script leaves running is not waited for', async () => {
  const { status, stdout } = await host.run('setsid sleep 5 & echo done');
  assert.deepEqual([status, stdout], [0, 'done\n']);
});

test('a script that takes too long is ended, with all that it started', async () => {
  const mark = `${process.pid}${Date.now() % 1000}`;
  await assert.rejects(
    host.run(`sleep 30.${mark} & sleep 30.${mark}`, { timeoutMs: 100 }),
    (error) => isFerryError(error, 'unavailable') && /did not end within 0.1 s/.test(error.message),
  );
  const { stdout } = await host.run(
    `for n in 1 2 3 4 5 6 7 8 9; do ps ax | grep "[s]leep 30.${mark}" || break; sleep 0.1; done`,
  );
  assert.deepEqual(stdout.split('\n').slice(18), []);
});

test('an error of who listens is passed on, and ends the script', async () => {
  const error = new Error('not that');
  const listen = (): never => {
    throw error;
  };
  await assert.rejects(host.run('echo begun; sleep 30', { onLine: listen }), error);
  assert.equal((await host.run('true', { timeoutMs: Infinity })).status, 0);
});

test('an abort is passed on as it is', async () => {
  const stop = new AbortController();
  const reason = new Error('enough');
  const running = host.run('echo begun; sleep 30', {
    signal: stop.signal,
    onLine: () => stop.abort(reason),
  });
  await assert.rejects(running, reason);
  await assert.rejects(host.run('true', { signal: stop.signal }), reason);
});

test('many scripts run at once', async () => {
  const runs = Array.from({ length: 12 }, (_, n) => host.run('echo "$1"', { args: [String(n)] }));
  const said = (await Promise.all(runs)).map(({ stdout }) => Number(stdout));
  assert.deepEqual(said, [...said.keys()]);
});

test('this machine is surveyed like any other', async () => {
  const { system, user, bootId, freeBytes, clockSkewMs } = host.facts;
  assert.match(system, /^\w+-(?:linux|darwin)$/);
  assert.equal(user, (await host.run('id -un')).stdout.trim());
  assert.notEqual(bootId, '');
  assert.ok(freeBytes !== undefined && freeBytes > 0);
  assert.ok(Math.abs(clockSkewMs) < 2000);
  await using again = await host.reconnect();
  assert.equal(again.facts.bootId, bootId);
});

test('a URI of another kind names no host', async () => {
  await assert.rejects(
    openHost({ name: 'cache', uri: 'https://example.org', becomeRoot: 'auto' }, { env }),
    (error) => isFerryError(error, 'usage') && error.message.includes('host "cache"'),
  );
});
