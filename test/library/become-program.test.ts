import assert from 'node:assert/strict';
import { test } from 'node:test';
import { run } from '../support/run.ts';

const module = new URL('../../src/system/become-program.ts', import.meta.url).href;

const PATH = "['PATH', '/usr/bin:/bin']";

/** In a process of its own: it doesn't come back. */
async function become(
  script: string,
  /** A JavaScript expression: names and values. */
  variables = '[]',
  program = '/bin/sh',
): Promise<{ status: number | null; signal: string | null; stdout: string; stderr: string }> {
  const source = `
    import { becomeProgram } from ${JSON.stringify(module)};
    process.stdout.write('before\\n');
    const variables = new Map(${variables});
    try {
      await becomeProgram({ program: ${JSON.stringify(program)}, args: ['sh', '-c', ${JSON.stringify(script)}], variables });
    } catch (error) {
      console.log(error.code, error.message);
    }`;
  return await run(process.execPath, ['--input-type=module', '-e', source]);
}

test('the process becomes the program: its output, its status, bytes as they are', async () => {
  const script = 'printf "%s" "$A" | od -An -tx1; exit 7';
  const { status, stdout } = await become(script, `[['A', 'a\\u00ffb'], ${PATH}]`);
  assert.equal(status, 7);
  assert.equal(stdout.replaceAll(/ +/g, ' '), 'before\n 61 ff 62\n');
});

test('no signal stays ignored, and no output non-blocking', async () => {
  const script = 'cat /proc/self/fdinfo/1 /proc/self/status | grep -E "^(flags|SigIgn)"';
  const { stdout } = await become(script, `[${PATH}]`);
  const flags = /flags:\s*(\d+)/.exec(stdout)?.[1] ?? '';
  assert.equal(Number.parseInt(flags, 8) & 0o4000, 0);
  assert.match(stdout, /SigIgn:\s*0+$/m);
});

test('it ends as the program does, also by a signal', async () => {
  assert.equal((await become('kill -USR1 $$')).signal, 'SIGUSR1');
});

test('what cannot be run is an error', async () => {
  assert.match(
    (await become('', '[]', '/nowhere/sh')).stdout,
    /not-found cannot run "\/nowhere\/sh"/,
  );
  assert.match((await become('', '[]', '/etc/passwd')).stdout, /denied .*EACCES/);
  const { stdout } = await become('true', "[['BIG', 'x'.repeat(3 << 17)]]");
  assert.match(stdout, /unsupported .*"BIG" alone 393220.*/);
});

test('a zero byte is refused before anything happens', async () => {
  assert.match((await become('true', "[['A', 'x\\u0000y']]")).stdout, /corrupt/);
});
