import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ByteString } from '../bytes/byte-string.ts';
import type { Derivation } from '../format/derivation.ts';
import { defaultStoreDir } from '../format/store-path.ts';
import { computeShellEnvironment, type ShellSurroundings } from './environment.ts';

const bytes = (text: string): ByteString => text as ByteString;
const mapOf = (object: Readonly<Record<string, string>>): Map<ByteString, ByteString> =>
  new Map(Object.entries(object).map(([name, value]) => [bytes(name), bytes(value)]));

function derivationWith(env: Readonly<Record<string, string>>, outputs = ['out']): Derivation {
  return {
    outputs: new Map(outputs.map((name) => [name, { kind: 'deferred' }])),
    inputDrvs: new Map(),
    inputSrcs: [],
    platform: bytes('x86_64-linux'),
    builder: bytes('/bin/sh'),
    args: [],
    env: mapOf(env),
  };
}

const surroundings: ShellSurroundings = {
  variables: mapOf({
    PATH: '/bin',
    HOME: '/home/me',
    EDITOR: 'vi',
    name: 'outer',
    TMPDIR: '/var/tmp',
  }),
  storeDir: defaultStoreDir,
  directory: bytes('/tmp/shell'),
  cores: 3,
  isPure: false,
  keep: new Set(),
  graphs: new Map(),
};

const set = {
  NIX_BUILD_TOP: '/tmp/shell',
  TMPDIR: '/tmp/shell',
  TEMPDIR: '/tmp/shell',
  TMP: '/tmp/shell',
  TEMP: '/tmp/shell',
  NIX_STORE: '/nix/store',
  NIX_BUILD_CORES: '3',
};

test('what is around stays, then come the variables of Nix, then those of the derivation', () => {
  const derivation = derivationWith({ name: 'inner', TMP: '/own', b: '\u00ff' });
  const { variables, files, attributesScript } = computeShellEnvironment(derivation, surroundings);
  assert.deepEqual(Object.fromEntries(variables), {
    PATH: '/bin',
    HOME: '/home/me',
    EDITOR: 'vi',
    ...set,
    IN_NIX_SHELL: 'impure',
    name: 'inner',
    TMP: '/own',
    b: '\u00ff',
  });
  assert.deepEqual([files.size, attributesScript], [0, '']);
});

test('a pure one keeps what is needed and what is asked for', () => {
  const { variables } = computeShellEnvironment(derivationWith({}), {
    ...surroundings,
    variables: mapOf({
      PATH: '/bin',
      HOME: '/h',
      EDITOR: 'vi',
      SECRET: 's',
      no_proxy: 'x',
      LANG: 'C',
    }),
    isPure: true,
    keep: new Set(['EDITOR', 'ABSENT']),
  });
  assert.deepEqual(Object.fromEntries(variables), {
    PATH: '/bin',
    HOME: '/h',
    EDITOR: 'vi',
    no_proxy: 'x',
    ...set,
    IN_NIX_SHELL: 'pure',
    __ETC_PROFILE_SOURCED: '1',
  });
});

test('passAsFile puts variables into files, numbered in the order of their names', () => {
  const derivation = derivationWith({
    z: 'last\n',
    a: 'first',
    kept: 'k',
    passAsFile: ' z\ta\nabsent ',
  });
  const { variables, files } = computeShellEnvironment(derivation, surroundings);
  assert.deepEqual(
    [...files],
    [
      ['.attr-0', 'first'],
      ['.attr-1', 'last\n'],
    ],
  );
  const get = (name: string): string | undefined => variables.get(bytes(name));
  assert.deepEqual(['aPath', 'zPath', 'a', 'z', 'kept', 'passAsFile'].map(get), [
    '/tmp/shell/.attr-0',
    '/tmp/shell/.attr-1',
    undefined,
    undefined,
    'k',
    ' z\ta\nabsent ',
  ]);
});

test('structured attributes are files and commands, and passAsFile means nothing there', () => {
  const derivation = derivationWith(
    { __json: '{"l":["x"],"passAsFile":["n"],"n":1}', out: '/nix/store/x', passAsFile: 'out' },
    ['out'],
  );
  const graphs = new Map([['g', []]]);
  const shell = computeShellEnvironment(derivation, { ...surroundings, graphs });
  const { variables, files, attributesScript } = shell;
  assert.equal(variables.has(bytes('__json')), false);
  assert.equal(variables.get(bytes('out')), '/nix/store/x');
  assert.equal(variables.get(bytes('NIX_ATTRS_JSON_FILE')), '/tmp/shell/.attrs.json');
  assert.equal(variables.get(bytes('NIX_ATTRS_SH_FILE')), '/tmp/shell/.attrs.sh');
  assert.deepEqual([...files.keys()], ['.attrs.json', '.attrs.sh']);
  assert.equal(files.get('.attrs.sh'), attributesScript);
  assert.match(attributesScript, /^declare -a g=\(\)\ndeclare -a l=\('x' \)\ndeclare n=1\n/);
  assert.match(files.get('.attrs.json') ?? '', /^\{"g":\[\],"l":\["x"\],"n":1,"outputs":/);
});

test('what no environment holds is left out or refused', () => {
  const { variables } = computeShellEnvironment(
    derivationWith({ 'PATH=/evil': 'x', '': 'y' }),
    surroundings,
  );
  assert.deepEqual(
    [...variables.keys()].filter((name) => name === '' || name.includes('=')),
    [],
  );
  for (const env of [{ a: 'x\0y' }, { 'a\0': 'x' }]) {
    const compute = (): unknown => computeShellEnvironment(derivationWith(env), surroundings);
    assert.throws(compute, { code: 'corrupt' });
  }
});
