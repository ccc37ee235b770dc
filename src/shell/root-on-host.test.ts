import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { parseDerivation } from '../format/derivation.ts';
import { defaultStoreDir, parseStorePathBaseName, type StorePath } from '../format/store-path.ts';
import type { HostConnection, HostRun, HostRunOptions } from '../host/host-connection.ts';
import type { HostFacts } from '../host/host-facts.ts';
import { makeTempDirectory } from '../../test/support/temp.ts';
import { buildClosure, type BuildClosure } from './build-closure.ts';
import { rootShellOnHost } from './root-on-host.ts';

const facts: HostFacts = {
  system: 'x86_64-linux',
  extraSystems: [],
  user: 'alice',
  home: '/home/alice',
  becomesRoot: { how: 'impossible', why: 'it is a test' },
  nixVersion: '2.34.8',
  ferryVersion: undefined,
  nixStore: undefined,
  nixEnv: undefined,
  hasSystemd: false,
  bootId: '',
  freeBytes: undefined,
  clockSkewMs: 0,
};

/** This machine, with programs that only write down how they are called and make the links. */
function makeHost(directory: string, kind: 'nix' | 'ferry'): HostConnection & { log(): string } {
  const log = join(directory, 'log');
  const programs = {
    'nix-store': `shift; link=$2; shift 3; n=1
      for path; do if [ $n = 1 ]; then ln -sfn "$path" "$link"; else ln -sfn "$path" "$link-$n"; fi; n=$((n + 1)); done`,
    'nix-instantiate': 'ln -sfn "$8" "$2"',
    ferry: `case $1 in store) ln -sfn "$4" "$3" ;; *) shift; exec "${directory}/nix-store-of" "$@" ;; esac`,
    'nix-store-of': `shift; link=$2; shift 3; ln -sfn "$1" "$link"`,
  };
  for (const [name, script] of Object.entries(programs)) {
    const file = join(directory, name);
    writeFileSync(file, `#!/bin/sh\necho "$0 $*" >>${log}\n${script}\n`);
    chmodSync(file, 0o755);
  }
  const nixStore =
    kind === 'nix' ? [join(directory, 'nix-store')] : [join(directory, 'ferry'), 'nix-store'];
  const run = async (script: string, { args = [] }: HostRunOptions = {}): Promise<HostRun> => {
    const env = { PATH: '/usr/bin:/bin', HOME: directory, NIX_STATE_DIR: join(directory, 'state') };
    const done = spawnSync('sh', ['-c', script, 'sh', ...args], { env, encoding: 'utf8' });
    return { status: done.status ?? 255, stdout: done.stdout, stderr: done.stderr };
  };
  return {
    host: { name: 'b', uri: 'ssh://b', becomeRoot: 'never' },
    facts: { ...facts, nixStore, ...(kind === 'ferry' && { ferryVersion: '1.0' }) },
    run,
    openStore: () => assert.fail('no store is opened'),
    reconnect: () => assert.fail('it is connected'),
    log: () => (existsSync(log) ? readFileSync(log, 'utf8') : ''),
    [Symbol.asyncDispose]: async () => {},
  };
}

const path = (digit: string, name: string): StorePath =>
  parseStorePathBaseName(`${digit.repeat(32)}-${name}`);
const derivation = parseDerivation(
  defaultStoreDir,
  Buffer.from('Derive([("out","","","")],[],[],"x","y",[],[])'),
);
const closure = (...inputs: readonly StorePath[]): BuildClosure =>
  buildClosure(path('0', 'shell=?.drv'), derivation, inputs);
const [a, b, c] = [path('1', 'a'), path('2', 'b'), path('3', 'c')];

function linksIn(directory: string): Record<string, string> {
  const names = readdirSync(directory).sort();
  return Object.fromEntries(names.map((name) => [name, readlinkSync(join(directory, name))]));
}

const printed = (...paths: readonly StorePath[]): string[] =>
  paths.map((each) => `${defaultStoreDir}/${each}`);

test('Nix there makes the links, once; those that are too many go', async () => {
  using temp = makeTempDirectory();
  const host = makeHost(temp.path, 'nix');
  const first = await rootShellOnHost(host, defaultStoreDir, 'name', closure(a, b, c));
  assert.equal(first.directory, join(temp.path, '.local/state/ferry/shells/name'));
  assert.equal(first.wasThere, false);
  const [drv, ...inputs] = printed(path('0', 'shell=?.drv'), a, b, c);
  assert.deepEqual(linksIn(first.directory), {
    input: inputs[0],
    'input-2': inputs[1],
    'input-3': inputs[2],
    'shell.drv': drv,
  });
  const calls = host.log();
  assert.match(calls, /nix-instantiate --add-root \S+\/shell\.drv --indirect -E \{ drv \}: import/);
  const again = await rootShellOnHost(host, defaultStoreDir, 'name', closure(a, b, c));
  assert.equal(again.wasThere, true);
  assert.equal(host.log(), calls, 'nothing was run');
  const fewer = await rootShellOnHost(host, defaultStoreDir, 'name', closure(b));
  assert.equal(fewer.wasThere, false);
  assert.deepEqual(linksIn(first.directory), { input: inputs[1], 'shell.drv': drv });
});

test('where ferry is alone it keeps the derivation', async () => {
  using temp = makeTempDirectory();
  const host = makeHost(temp.path, 'ferry');
  const { directory } = await rootShellOnHost(host, defaultStoreDir, 'name', closure(a));
  const [drv, input] = printed(path('0', 'shell=?.drv'), a);
  assert.deepEqual(linksIn(directory), { input, 'shell.drv': drv });
  assert.match(host.log(), /ferry store add-root \S+\/shell\.drv \/nix\/store\/0+-shell=\?\.drv/);
});

test('a shell without inputs has the one link', async () => {
  using temp = makeTempDirectory();
  const host = makeHost(temp.path, 'nix');
  const { directory } = await rootShellOnHost(host, defaultStoreDir, 'name', closure());
  assert.deepEqual(Object.keys(linksIn(directory)), ['shell.drv']);
  assert.doesNotMatch(host.log(), /--realise/);
});

test('what goes wrong there is told', async () => {
  using temp = makeTempDirectory();
  const host = makeHost(temp.path, 'nix');
  writeFileSync(join(temp.path, 'nix-instantiate'), '#!/bin/sh\necho "it will not" >&2\nexit 7\n');
  await assert.rejects(rootShellOnHost(host, defaultStoreDir, 'name', closure(a)), {
    code: 'failed',
    message: /cannot be kept there: .*it will not/s,
  });
  mkdirSync(join(temp.path, '.local/state/ferry/shells'), { recursive: true });
  const bare = { ...host, facts: { ...facts, nixStore: undefined } };
  await assert.rejects(rootShellOnHost(bare, defaultStoreDir, 'name', closure(a)), {
    code: 'unsupported',
  });
});
