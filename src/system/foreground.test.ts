import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { makeTempDirectory } from '../../test/support/temp.ts';
import { runForeground, type ForegroundOptions } from './foreground.ts';
import { openScratchFile } from './scratch-file.ts';
import { unpackArchive } from './unpack-archive.ts';
import { startProcess } from './process.ts';

const options: ForegroundOptions = {
  env: { PATH: '/usr/bin:/bin' },
  cwd: '/',
  signal: new AbortController().signal,
  outputMaxBytes: 1000,
};

test('what a program prints on stdout comes back with its status', async () => {
  const finished = await runForeground('/bin/sh', ['-c', 'printf "%s" "$PWD"; exit 3'], options);
  assert.deepEqual(finished, { status: 3, stdout: '/' });
});

test('endless output is refused', async () => {
  await assert.rejects(runForeground('/bin/sh', ['-c', 'while :; do echo x; done'], options), {
    code: 'protocol',
  });
});

test('a program that is not there is told as such', async () => {
  await assert.rejects(runForeground('/nowhere/nix', [], options), { code: 'not-found' });
});

test('an abort interrupts it, and forces it where it does not listen', async () => {
  for (const script of ['exec sleep 60', 'trap "" INT TERM; while :; do sleep 1; done']) {
    const stop = new AbortController();
    const reason = new Error('enough');
    setTimeout(() => stop.abort(reason), 50);
    const running = runForeground('/bin/sh', ['-c', script], { ...options, signal: stop.signal });
    await assert.rejects(running, reason);
  }
});

test('what it leaves behind with its stdout open is not waited for', async () => {
  const { stdout } = await runForeground('/bin/sh', ['-c', 'sleep 5 & echo done'], options);
  assert.equal(stdout, 'done\n');
});

test('a scratch file is read as often as one likes', async () => {
  using file = openScratchFile();
  file.append(Buffer.from('abc'));
  file.append(Buffer.alloc(600_000, 'x'));
  for (let i = 0; i < 2; i++) {
    const chunks: Uint8Array[] = [];
    for await (const chunk of file.read()) chunks.push(chunk);
    assert.equal(Buffer.concat(chunks).toString(), `abc${'x'.repeat(600_000)}`);
  }
});

test('an archive is unpacked, compressed or not, and what is none is refused', async () => {
  using temp = makeTempDirectory({ ram: true });
  const { signal } = options;
  mkdirSync(temp.join('in'));
  writeFileSync(temp.join('in/file'), 'hello');
  for (const flag of ['-cf', '-czf']) {
    const tar = await startProcess('tar', [flag, temp.join(flag), '-C', temp.path, 'in']);
    await tar.exited;
    await tar.close();
    mkdirSync(temp.join(`out${flag}`));
    await unpackArchive(temp.join(flag), temp.join(`out${flag}`), signal);
    assert.equal(readFileSync(temp.join(`out${flag}/in/file`), 'utf8'), 'hello');
  }
  mkdirSync(temp.join('none'));
  writeFileSync(temp.join('junk'), 'no archive at all, but long enough'.repeat(100));
  await assert.rejects(unpackArchive(temp.join('junk'), temp.join('none'), signal), {
    code: 'corrupt',
  });
});
