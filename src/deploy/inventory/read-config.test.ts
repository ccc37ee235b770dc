import assert from 'node:assert/strict';
import { chmodSync, chownSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { after, test } from 'node:test';
import { makeTempDirectory } from '../../../test/support/temp.ts';
import { loadConfigModule } from './load-config-module.ts';
import { findConfig, readConfig } from './read-config.ts';

const temp = makeTempDirectory();
after(() => temp[Symbol.dispose]());
let count = 0;

/** A directory with these files: each has its own, since Node remembers what it has loaded. */
function directory(files: Readonly<Record<string, string>>): string {
  const dir = temp.join(`d${count++}`);
  mkdirSync(dir);
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(dir, name)), { recursive: true });
    writeFileSync(join(dir, name), text);
  }
  return dir;
}

const read = async (cwd: string, name: string): Promise<unknown> =>
  (await readConfig(name, { cwd, variables: {} })).config;

const load = async (
  text: string,
  others: Readonly<Record<string, string>> = {},
): Promise<unknown> =>
  await read(directory({ 'ferry.config.ts': text, ...others }), 'ferry.config.ts');

test('TypeScript is run, without a package.json, and nix-ferry is this program', async () => {
  const config = await load(
    `import { defineFleet, FerryError } from 'nix-ferry';
     import { machines } from './machines.ts';
     const user: string = FerryError.name;
     export default defineFleet({ defaults: { user }, hosts: machines });`,
    { 'machines.ts': `export const machines: Record<string, object> = { a: { tags: ['x'] } };` },
  );
  assert.deepEqual(config, { defaults: { user: 'FerryError' }, hosts: { a: { tags: ['x'] } } });
});

test('a fleet may be a promise or a function, and JavaScript', async () => {
  const fleet = { hosts: { a: {} } };
  assert.deepEqual(await load('export default Promise.resolve({ hosts: { a: {} } });'), fleet);
  assert.deepEqual(
    await load(
      `import { defineFleet } from 'nix-ferry';
       export default defineFleet(async () => ({ hosts: await Promise.resolve({ a: {} }) }));`,
    ),
    fleet,
  );
  const dir = directory({ 'ferry.config.mjs': 'export default { hosts: { a: {} } };' });
  assert.deepEqual(await read(dir, 'ferry.config.mjs'), fleet);
});

test('it is a module whatever package it lies in, and Node has nothing to say about it', async () => {
  const text = `import { defineFleet } from 'nix-ferry'; export default defineFleet({ hosts: { a: {} } });`;
  const warnings: string[] = [];
  const onWarning = ({ message }: Error): void => void warnings.push(message);
  process.on('warning', onWarning);
  for (const manifest of ['{}', '{"type":"commonjs"}', '{"type":"module"}']) {
    for (const name of [
      'ferry.config.ts',
      'ferry.config.mts',
      'ferry.config.js',
      'ferry.config.mjs',
    ]) {
      const dir = directory({ [name]: text, 'package.json': manifest });
      assert.deepEqual(await read(dir, name), { hosts: { a: {} } }, `${name} ${manifest}`);
    }
  }
  // Warnings come a moment later.
  await new Promise((resolve) => setImmediate(resolve));
  process.off('warning', onWarning);
  assert.deepEqual(warnings, []);
});

const failures: readonly (readonly [string, string])[] = [
  [
    'const x = 1;\nthrow new Error("no machines");',
    'cannot run "ferry.config.ts": ferry.config.ts:2:7: no machines',
  ],
  ['export default {\n  hosts: [\n', 'cannot run "ferry.config.ts": ferry.config.ts:'],
  ['enum Kind { a }\nexport default {};', 'cannot run "ferry.config.ts": ferry.config.ts:1: '],
  ['import "./none.ts";\nexport default {};', 'cannot run "ferry.config.ts": '],
  [
    'export const fleet = {};',
    'cannot use the fleet of "ferry.config.ts": it has no default export',
  ],
  ['export default 5;', 'cannot use the fleet of "ferry.config.ts": it must be a table of fields'],
  [
    'export default () => undefined;',
    'cannot use the fleet of "ferry.config.ts": it must be a table of fields',
  ],
  ['export default () => { throw null; };', 'cannot run "ferry.config.ts": null'],
  [
    'export default { hosts: { a: { Port: 22 } } };',
    'cannot use the fleet of "ferry.config.ts": hosts.a has a field "Port", which it can\'t have: did you mean "port"?',
  ],
  [
    'export default { hosts: { a: { confirmTimeout: "x" } } };',
    'cannot use the fleet of "ferry.config.ts": hosts.a.confirmTimeout must be a duration',
  ],
  [
    'export default { hosts: new Map([["a", { port: 1 }]]) };',
    'cannot use the fleet of "ferry.config.ts": hosts must be a table by name',
  ],
];

for (const [text, message] of failures) {
  test(`says what is wrong with ${JSON.stringify(text)}`, async () => {
    await assert.rejects(load(text), (error: Error & { code?: string }) => {
      assert.equal(error.code, 'usage');
      assert.ok(error.message.startsWith(message), error.message);
      return true;
    });
  });
}

test('an error in a file that it imports names that file', async () => {
  const files = { 'parts/machines.ts': 'const x = 1;\n\nthrow new Error("bad");' };
  await assert.rejects(load('import "./parts/machines.ts"; export default {};', files), {
    message: 'cannot run "ferry.config.ts": parts/machines.ts:3:7: bad',
  });
});

test('one that a link leads to has its own neighbours, and errors name them', async () => {
  const real = directory({
    'fleet.ts': `import { a } from './a.ts'; export default { hosts: a };`,
    'a.ts': 'export const a = { b: {} };',
    'bad.ts': 'throw new Error("bad")',
  });
  const dir = directory({});
  symlinkSync(join(real, 'fleet.ts'), join(dir, 'ferry.config.ts'));
  symlinkSync(join(real, 'bad.ts'), join(dir, 'bad.ts'));
  assert.deepEqual(await read(dir, 'ferry.config.ts'), { hosts: { b: {} } });
  await assert.rejects(read(dir, 'bad.ts'), { message: 'cannot run "bad.ts": bad.ts:1:7: bad' });
});

test('one that never ends is left, at the limit or when told', async () => {
  const dir = directory({ 'ferry.config.ts': 'export default () => new Promise(() => {});' });
  const file = join(dir, 'ferry.config.ts');
  await assert.rejects(loadConfigModule(file, { name: 'f', timeoutMs: 20 }), {
    code: 'unavailable',
    message: 'cannot run "f": it took longer than 0.02 s',
  });
  const reason = new Error('stop');
  const stop = new AbortController();
  const loading = loadConfigModule(file, { name: 'f', signal: stop.signal });
  stop.abort(reason);
  await assert.rejects(loading, reason);
});

test('paths on this machine are relative to the file', async () => {
  const text = `
    terraform = { path = "infra" }
    [defaults]
    closure = "./result-{name}"
    pins = [{ link = "/l", source = "nixos" }, { link = "/m" }, { link = "/n", source = "/nix/store/x" }]
    ssh-key = "../key"
    [hosts.a]
    closure = "nixpkgs.hello"
    ssh-key = "~/.ssh/key"
    [hosts.b]
    closure = ".#{name}"
    [hosts.c]
    closure = "../flake#{name}"`;
  const dir = directory({ 'sub/ferry.toml': text });
  assert.deepEqual(await read(dir, 'sub/ferry.toml'), {
    terraform: { path: join(dir, 'sub/infra') },
    defaults: {
      closure: join(dir, 'sub/result-{name}'),
      pins: [
        { link: '/l', source: join(dir, 'sub/nixos') },
        { link: '/m' },
        { link: '/n', source: '/nix/store/x' },
      ],
      sshKey: join(dir, 'key'),
    },
    hosts: {
      a: { closure: 'nixpkgs.hello', sshKey: '~/.ssh/key' },
      b: { closure: `${join(dir, 'sub')}#{name}` },
      c: { closure: join(dir, 'flake#{name}') },
    },
  });
  const here = directory({ 'ferry.toml': '[defaults]\nclosure = "./x"' });
  assert.deepEqual(await read(here, 'ferry.toml'), { defaults: { closure: './x' } });
});

test('what is no such file is said', async () => {
  const dir = directory({ 'hosts.json': '{}', 'd.toml/x': '' });
  await assert.rejects(read(dir, 'none.toml'), {
    code: 'not-found',
    message: 'cannot read "none.toml": no such file or directory',
  });
  await assert.rejects(read(dir, 'none.ts'), { code: 'not-found' });
  await assert.rejects(read(dir, 'hosts.json'), {
    message: 'cannot use the fleet of "hosts.json": it is neither TOML nor TypeScript',
  });
  await assert.rejects(read(dir, 'd.toml'), {
    code: 'denied',
    message: 'cannot read "d.toml": it is a directory',
  });
});

test('the one in the working directory is found, if there is one', () => {
  const find = (files: Readonly<Record<string, string>>): string | undefined =>
    findConfig({ cwd: directory(files), variables: {} });
  assert.equal(find({}), undefined);
  assert.equal(find({ 'ferry.toml': '' }), 'ferry.toml');
  assert.equal(find({ 'ferry.config.ts': '' }), 'ferry.config.ts');
  assert.throws(() => find({ 'ferry.config.ts': '', 'ferry.toml': '' }), {
    code: 'usage',
    hint: 'say which with --config ./ferry.config.ts',
  });
});

test('one that others may write to is not run because it lies there', {
  skip: process.geteuid?.() !== 0,
}, () => {
  const dir = directory({ 'ferry.config.ts': 'export default {};' });
  const file = join(dir, 'ferry.config.ts');
  const find = (variables: Readonly<Record<string, string>> = {}): unknown =>
    findConfig({ cwd: dir, variables });
  chmodSync(file, 0o666);
  assert.throws(find, {
    code: 'denied',
    hint: 'to use it all the same: --config ./ferry.config.ts',
  });
  chmodSync(file, 0o664);
  assert.equal(find(), 'ferry.config.ts');
  chownSync(file, 4321, 0);
  assert.throws(find, { code: 'denied' });
  // Who became root by sudo trusts files of their own.
  assert.equal(find({ SUDO_UID: '4321' }), 'ferry.config.ts');
});
