import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { after, test } from 'node:test';
import { makeTempDirectory } from '../../../../test/support/temp.ts';
import { readTerraform } from './read-terraform.ts';

const temp = makeTempDirectory();
after(() => temp[Symbol.dispose]());

/** Writes files below the temporary directory; those in a directory `bin` are programs. */
function write(files: Readonly<Record<string, string>>): void {
  for (const [name, text] of Object.entries(files)) {
    const file = temp.join(name);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, text, { mode: name.includes('bin/') ? 0o755 : 0o644 });
  }
}

async function* nothing(): AsyncGenerator<Uint8Array> {}

interface Reading {
  readonly variables?: Readonly<Record<string, string>>;
  readonly bin?: string;
  readonly signal?: AbortSignal;
  readonly timeoutMs?: number;
  readonly stdin?: AsyncIterable<Uint8Array>;
}

function read(
  path: string,
  { bin = 'nobin', stdin = nothing(), variables = {}, ...options }: Reading = {},
): Promise<string> {
  const all = { PATH: `${temp.join(bin)}:/usr/bin:/bin`, ...variables };
  const where = path === '-' ? path : temp.join(path);
  return readTerraform(where, { name: path, stdin, variables: all, ...options });
}

test('a file, and stdin', async () => {
  write({ 'state.json': 'the state ü' });
  assert.equal(await read('state.json'), 'the state ü');
  async function* stdin(): AsyncGenerator<Uint8Array> {
    const bytes = Buffer.from('the state ü');
    yield bytes.subarray(0, -1);
    yield bytes.subarray(-1);
  }
  assert.equal(await read('-', { stdin: stdin() }), 'the state ü');
});

test('what is not there', async () => {
  await assert.rejects(read('none'), {
    code: 'not-found',
    message: 'cannot read "none": no such file or directory',
  });
});

test('of a directory the state in it, of the workspace that is chosen', async () => {
  write({ 'd/terraform.tfstate': 'default' });
  assert.equal(await read('d'), 'default');
  write({
    'd/.terraform/environment': 'prod\n',
    'd/terraform.tfstate.d/prod/terraform.tfstate': 'prod',
  });
  assert.equal(await read('d'), 'prod');
  assert.equal(await read('d', { variables: { TF_WORKSPACE: 'default' } }), 'default');
  assert.equal(await read('d', { variables: { TF_DATA_DIR: 'none' } }), 'default');
});

test('of a directory whose state is elsewhere what the program says', async () => {
  write({
    'remote/terraform.tfstate': 'left behind',
    'remote/.terraform/terraform.tfstate':
      '{"version":3,"backend":{"type":"s3","config":{"bucket":"b"}}}',
    'tf/bin/terraform': '#!/bin/sh\necho "$1 $2 $3 $TF_INPUT in ${PWD##*/}"; echo noise >&2\n',
  });
  assert.equal(await read('remote', { bin: 'tf/bin' }), 'show -json -no-color 0 in remote\n');
  write({
    'empty/x': '',
    'tofu/bin/tofu': '#!/bin/sh\necho tofu\n',
    'both/bin/tofu': '#!/bin/sh\necho tofu\n',
    'both/bin/terraform': '#!/bin/sh\necho terraform\n',
    'locked/.terraform.lock.hcl': 'provider "registry.opentofu.org/hetznercloud/hcloud" {}',
    'tofu-local/.terraform/terraform.tfstate': '{"backend":{"type":"local"}}',
    'tofu-local/terraform.tfstate': 'local',
  });
  assert.equal(await read('empty', { bin: 'tofu/bin' }), 'tofu\n');
  assert.equal(await read('empty', { bin: 'both/bin' }), 'terraform\n');
  assert.equal(await read('locked', { bin: 'both/bin' }), 'tofu\n');
  assert.equal(await read('tofu-local', { bin: 'both/bin' }), 'local');
});

test('a program that fails is told of, with what it said', async () => {
  write({ 'd2/x': '', 'bad/bin/terraform': '#!/bin/sh\necho "needs init" >&2; exit 1\n' });
  await assert.rejects(read('d2', { bin: 'bad/bin' }), {
    code: 'unavailable',
    message: 'cannot read a state of Terraform in "d2": "terraform show -json" ended with status 1',
    hint: 'it said: needs init',
  });
});

test('a program that hangs is ended, at the limit or when told', async () => {
  write({ 'd3/x': '', 'slow/bin/terraform': '#!/bin/sh\nexec sleep 60\n' });
  await assert.rejects(read('d3', { bin: 'slow/bin', timeoutMs: 50 }), {
    code: 'unavailable',
    message:
      'cannot read a state of Terraform in "d3": "terraform show -json" took longer than 0.05 s',
  });
  const stop = new AbortController();
  const reason = new Error('stop');
  const reading = read('d3', { bin: 'slow/bin', signal: stop.signal });
  setTimeout(() => stop.abort(reason), 20);
  await assert.rejects(reading, reason);
});

test('without state and program it says what to do', async () => {
  write({ 'd4/x': '' });
  const reading = readTerraform(temp.join('d4'), {
    name: 'd4',
    stdin: nothing(),
    variables: { PATH: temp.join('nobin') },
  });
  await assert.rejects(reading, {
    code: 'not-found',
    hint: 'where they are: terraform show -json > state.json, then --terraform state.json',
  });
});

test('what is too large is refused before it is all read', async () => {
  let given = 0;
  async function* endless(): AsyncGenerator<Uint8Array> {
    const chunk = new Uint8Array(16 << 20);
    for (; given < 1000; given++) yield chunk;
  }
  await assert.rejects(read('-', { stdin: endless() }), { code: 'usage' });
  assert.ok(given < 20);
});
