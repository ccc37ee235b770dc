import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatJson, type Json } from '../bytes/json-text.ts';
import { parseDerivation } from './derivation.ts';
import { derivationJson, derivationsJson } from './derivation-json.ts';
import { DerivationHashes } from './derivation-hashes.ts';
import { fillInOutputs, parseDerivationJson } from './parse-derivation-json.ts';
import { defaultStoreDir, parseStorePathBaseName } from './store-path.ts';

const PATH = parseStorePathBaseName(`${'0'.repeat(32)}-foo.drv`);
const at = (name: string): string => `/nix/store/${'1'.repeat(32)}-${name}`;
const drv = (outputs: string, { inputs = '', sources = '', env = '' } = {}) =>
  parseDerivation(
    defaultStoreDir,
    Buffer.from(
      `Derive([${outputs}],[${inputs}],[${sources}],"system","builder",["arg"],[${env}])`,
      'latin1',
    ),
  );
const shown = (text: string, format: 1 | 2 | 4, more = {}): unknown =>
  JSON.parse(formatJson(derivationJson(defaultStoreDir, PATH, drv(text, more), format)));
const noInputs = new DerivationHashes(defaultStoreDir, () => assert.fail('it has no inputs'));

// As the releases of Nix print them that the formats are of.
const kinds: readonly (readonly [
  what: string,
  text: string,
  one: object,
  two: object,
  four: object,
])[] = [
  [
    'input-addressed',
    `("out","${at('foo')}","","")`,
    { path: at('foo') },
    { path: at('foo') },
    { path: `${'1'.repeat(32)}-foo` },
  ],
  [
    'fixed',
    `("out","${at('foo')}","r:md5","d41d8cd98f00b204e9800998ecf8427e")`,
    { path: at('foo'), hashAlgo: 'r:md5', hash: 'd41d8cd98f00b204e9800998ecf8427e' },
    { path: at('foo'), hashAlgo: 'md5', method: 'nar', hash: 'd41d8cd98f00b204e9800998ecf8427e' },
    { hash: 'md5-1B2M2Y8AsgTpgAmY7PhCfg==', method: 'nar' },
  ],
  [
    'floating',
    '("out","","r:sha256","")',
    { hashAlgo: 'r:sha256' },
    { hashAlgo: 'sha256', method: 'nar' },
    { hashAlgo: 'sha256', method: 'nar' },
  ],
  [
    'impure',
    '("out","","sha256","impure")',
    { hashAlgo: 'sha256', impure: true },
    { hashAlgo: 'sha256', impure: true, method: 'flat' },
    { hashAlgo: 'sha256', impure: true, method: 'flat' },
  ],
  ['deferred', '("out","","","")', {}, {}, {}],
];

for (const [what, text, ...wanted] of kinds) {
  test(`an output that is ${what}, in all formats`, () => {
    for (const [i, format] of ([1, 2, 4] as const).entries()) {
      const { outputs } = shown(text, format) as { outputs: object };
      assert.deepEqual(outputs, { out: wanted[i] });
    }
  });
}

test('inputs, in all formats', () => {
  const more = { inputs: `("${at('a.drv')}",["out","dev"])`, sources: `"${at('source')}"` };
  const text = '("out","","","")';
  const [one, two, four] = ([1, 2, 4] as const).map((format) => shown(text, format, more)) as {
    inputDrvs: object;
    inputs: object;
    name: string;
    version: number;
  }[];
  assert.deepEqual(one?.inputDrvs, { [at('a.drv')]: ['dev', 'out'] });
  const input = { dynamicOutputs: {}, outputs: ['dev', 'out'] };
  assert.deepEqual(two?.inputDrvs, { [at('a.drv')]: input });
  const digits = '1'.repeat(32);
  assert.deepEqual(four?.inputs, {
    drvs: { [`${digits}-a.drv`]: input },
    srcs: [`${digits}-source`],
  });
  assert.deepEqual([one?.name, two?.name, four?.name], [undefined, 'foo', 'foo']);
  assert.equal(four?.version, 4);
});

test('structured attributes are taken out of the environment, from format 4 on', () => {
  const env = '("__json","{\\"b\\":1,\\"a\\":[1.0]}"),("x","y")';
  const text = '("out","","","")';
  const four = shown(text, 4, { env }) as { env: object; structuredAttrs: object };
  assert.deepEqual(four.env, { x: 'y' });
  assert.deepEqual(four.structuredAttrs, { a: [1], b: 1 });
  const two = shown(text, 2, { env }) as { env: object };
  assert.deepEqual(two.env, { __json: '{"b":1,"a":[1.0]}', x: 'y' });
  for (const wrong of ['[]', 'nothing', '{\\"a\\":']) {
    assert.throws(() => shown(text, 4, { env: `("__json","${wrong}")` }), { code: 'corrupt' });
  }
});

test('several are keyed by what names them', () => {
  const some = new Map([[PATH, drv('("out","","","")')]]);
  const four = formatJson(derivationsJson(defaultStoreDir, some, 4));
  assert.match(four, new RegExp(`^{"derivations":{"${PATH}":{.*},"version":4}$`));
  const one = formatJson(derivationsJson(defaultStoreDir, some, 1));
  assert.match(one, new RegExp(`^{"/nix/store/${PATH}":{`));
});

test('refused: bytes that are no text', () => {
  const text = '("out","","","")';
  for (const env of ['("x","\xff")', '("\xff","x")', '("__json","\xff")']) {
    assert.throws(() => shown(text, 4, { env }), { code: 'unsupported', message: /is not UTF-8/ });
  }
});

const JSON_OF_FOO = {
  args: ['arg'],
  builder: 'builder',
  env: { x: 'ü' },
  inputs: { drvs: {}, srcs: [] },
  name: 'foo',
  outputs: { out: {} },
  system: 'system',
  version: 4,
};
const read = (json: object) => parseDerivationJson(defaultStoreDir, JSON.stringify(json));

test('what is left open is filled in, and shown again so', () => {
  const named = read(JSON_OF_FOO);
  const derivation = fillInOutputs(defaultStoreDir, named, noInputs);
  const output = derivation.outputs.get('out');
  assert.equal(output?.kind, 'input-addressed');
  const json = derivationJson(defaultStoreDir, PATH, derivation, 4);
  assert.ok(json instanceof Map);
  const text = formatJson(json as Json);
  const again = parseDerivationJson(defaultStoreDir, text);
  assert.deepEqual(fillInOutputs(defaultStoreDir, again, noInputs), derivation);
  assert.equal(JSON.parse(text).env.out, `/nix/store/${JSON.parse(text).outputs.out.path}`);
});

test('refused: what is no derivation', () => {
  const cases: readonly (readonly [object | string, string?])[] = [
    [[]],
    [{ ...JSON_OF_FOO, version: 3 }, 'unsupported'],
    [{ ...JSON_OF_FOO, version: '4' }, 'unsupported'],
    [{ ...JSON_OF_FOO, name: 'a/b' }],
    [{ ...JSON_OF_FOO, name: 1 }],
    [{ ...JSON_OF_FOO, args: 'arg' }],
    [{ ...JSON_OF_FOO, args: [1] }],
    [{ ...JSON_OF_FOO, env: { x: null } }],
    [{ ...JSON_OF_FOO, env: { __json: '{}' } }],
    [{ ...JSON_OF_FOO, outputs: {} }],
    [{ ...JSON_OF_FOO, outputs: { 'a"b': {} } }],
    [{ ...JSON_OF_FOO, outputs: { out: { path: '/nix/store/x' } } }],
    [{ ...JSON_OF_FOO, outputs: { out: { hash: 'x', path: 'y' } } }],
    [{ ...JSON_OF_FOO, outputs: { out: { hashAlgo: 'md6', method: 'nar' } } }],
    [{ ...JSON_OF_FOO, outputs: { out: { hashAlgo: 'sha1', method: 'git' } } }, 'unsupported'],
    [{ ...JSON_OF_FOO, inputs: [] }],
    [{ ...JSON_OF_FOO, inputs: { drvs: {}, srcs: ['x'] } }],
    [{ ...JSON_OF_FOO, inputs: { drvs: { [`${'0'.repeat(32)}-x`]: {} }, srcs: [] } }],
    [
      {
        ...JSON_OF_FOO,
        inputs: {
          drvs: { [PATH]: { outputs: ['out'], dynamicOutputs: { out: {} } } },
          srcs: [],
        },
      },
      'unsupported',
    ],
    [{ ...JSON_OF_FOO, structuredAttrs: [] }],
  ];
  for (const [json, code = 'corrupt'] of cases) {
    assert.throws(() => read(json as object), { code }, JSON.stringify(json));
  }
});

test('refused: paths and variables that do not follow', () => {
  const wrongPath = { ...JSON_OF_FOO, outputs: { out: { path: `${'1'.repeat(32)}-foo` } } };
  assert.throws(() => fillInOutputs(defaultStoreDir, read(wrongPath), noInputs), {
    code: 'corrupt',
    message: /output "out"/,
  });
  const wrongVariable = { ...JSON_OF_FOO, env: { out: '/elsewhere' } };
  assert.throws(() => fillInOutputs(defaultStoreDir, read(wrongVariable), noInputs), {
    code: 'corrupt',
    message: /variable "out"/,
  });
});
