import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { toByteString, type ByteString } from '../bytes/byte-string.ts';
import { hashBytes } from './hash.ts';
import {
  formatDerivation,
  parseDerivation,
  type Derivation,
  type DerivationOutput,
} from './derivation.ts';
import { hashDerivation, outputPathsOf } from './hash-derivation-modulo.ts';
import { contentAddressedPath } from './make-store-path.ts';
import { defaultStoreDir, parseStorePathBaseName, type StorePath } from './store-path.ts';

// `derivation { name="foo"; system="x86_64-linux"; builder="/bin/sh"; outputs=["out" "dev"]; }`, by Nix 2.34.
const FOO =
  'Derive([("dev","/nix/store/7zhc9sliq14lz2f1yc1d68fi9njpfhr1-foo-dev","",""),("out","/nix/store/1f5018jnvzb10jsijwrp0hyklh9hmmsg-foo","","")],[],[],"x86_64-linux","/bin/sh",[],[("builder","/bin/sh"),("dev","/nix/store/7zhc9sliq14lz2f1yc1d68fi9njpfhr1-foo-dev"),("name","foo"),("out","/nix/store/1f5018jnvzb10jsijwrp0hyklh9hmmsg-foo"),("outputs","out dev"),("system","x86_64-linux")])';
const FOO_PATH = parseStorePathBaseName('vq69sqp8jpimmv62milrq467xk9wkkg0-foo.drv');

const noInputs = (): never => assert.fail('it has no inputs');
const parse = (text: string): Derivation => parseDerivation(defaultStoreDir, Buffer.from(text));

test('the sample of Nix is read, and written as it was', () => {
  const drv = parse(FOO);
  assert.deepEqual([...drv.outputs.keys()], ['dev', 'out']);
  assert.equal(drv.env.get('outputs' as ByteString), 'out dev');
  assert.equal(formatDerivation(defaultStoreDir, drv), FOO);
});

test('the path of the sample follows from its text', () => {
  const ca = { method: 'text', hash: hashBytes('sha256', FOO) } as const;
  assert.equal(contentAddressedPath(defaultStoreDir, 'foo.drv', ca), FOO_PATH);
});

test('the outputs of the sample are those that Nix computed', () => {
  const paths = outputPathsOf(defaultStoreDir, FOO_PATH, parse(FOO), noInputs);
  assert.deepEqual(
    paths,
    new Map<string, string>([
      ['dev', '7zhc9sliq14lz2f1yc1d68fi9njpfhr1-foo-dev'],
      ['out', '1f5018jnvzb10jsijwrp0hyklh9hmmsg-foo'],
    ]),
  );
});

test('a fixed output counts by its contents, whatever fetches it', () => {
  const hex = 'ab'.repeat(32);
  const fetcher = (url: string): string =>
    `Derive([("out","/nix/store/1f5018jnvzb10jsijwrp0hyklh9hmmsg-foo","r:sha256","${hex}")],[],[],"x","${url}",[],[("url","${url}")])`;
  const [a, b] = [fetcher('http://a'), fetcher('http://b')].map((text) =>
    hashDerivation(defaultStoreDir, parse(text), noInputs),
  );
  assert.equal(a?.kind, 'fixed');
  assert.deepEqual(a, b);
});

test('what depends on a floating output is deferred', () => {
  const floating = parse('Derive([("out","","r:sha256","")],[],[],"x","/bin/sh",[],[])');
  assert.deepEqual(hashDerivation(defaultStoreDir, floating, noInputs), { kind: 'deferred' });
  const user = parse(
    `Derive([("out","/nix/store/1f5018jnvzb10jsijwrp0hyklh9hmmsg-foo","","")],[("/nix/store/${FOO_PATH}",["out"])],[],"x","/bin/sh",[],[])`,
  );
  const lookUp = () => ({ kind: 'deferred' }) as const;
  assert.deepEqual(hashDerivation(defaultStoreDir, user, lookUp), { kind: 'deferred' });
  const paths = outputPathsOf(defaultStoreDir, FOO_PATH, user, lookUp);
  assert.deepEqual(paths, new Map([['out', undefined]]));
});

test('inputs with the same hash are named together', () => {
  const user = (inputs: string): Derivation =>
    parse(
      `Derive([("out","/nix/store/1f5018jnvzb10jsijwrp0hyklh9hmmsg-foo","","")],[${inputs}],[],"x","/bin/sh",[],[])`,
    );
  const input = (name: string, outputs: string): string =>
    `("/nix/store/${'0'.repeat(32)}-${name}.drv",[${outputs}])`;
  const lookUp = () => ({ kind: 'regular', hex: 'cd'.repeat(32) }) as const;
  assert.deepEqual(
    hashDerivation(defaultStoreDir, user(`${input('a', '"dev"')},${input('b', '"out"')}`), lookUp),
    hashDerivation(defaultStoreDir, user(input('c', '"dev","out"')), lookUp),
  );
});

const refused: readonly (readonly [what: string, text: string])[] = [
  ['nothing', ''],
  ['the middle of it', FOO.slice(0, 100)],
  ['a byte more', `${FOO} `],
  ['a blank', FOO.replace('],[', '], [')],
  ['a string without end', FOO.slice(0, -3)],
  ['an output twice', FOO.replace('("dev"', '("out"')],
  ['a variable twice', FOO.replace('("name"', '("builder"')],
  ['no outputs', 'Derive([],[],[],"x","/bin/sh",[],[])'],
  ['an output elsewhere', FOO.replace('/nix/store/7zhc', '/tmp/7zhc')],
  ['a hash without an algorithm', FOO.replace('foo-dev","",""', 'foo-dev","","ab"')],
  ['a hash of the wrong length', FOO.replace('foo-dev","",""', 'foo-dev","sha256","abcd"')],
  ['an unknown algorithm', FOO.replace('foo-dev","",""', 'foo-dev","md6","abcd"')],
  ['a floating output with a path', FOO.replace('foo-dev","",""', 'foo-dev","sha256",""')],
  [
    'an input that is no derivation',
    FOO.replace('],[],[]', `],[("/nix/store/${'0'.repeat(32)}-x",["out"])],[]`),
  ],
];

for (const [what, text] of refused) {
  test(`refused: ${what}`, () => {
    assert.throws(() => parse(text), { code: 'corrupt' });
  });
}

test('refused: what only experimental releases know', () => {
  assert.throws(() => parse('DrvWithVersion("xp-dyn-drv",[])'), { code: 'unsupported' });
  assert.throws(() => parse('Derive([("out","","git:sha1","")],[],[],"x","/bin/sh",[],[])'), {
    code: 'unsupported',
  });
});

test('a backslash stands for the character after it', () => {
  const drv = parse('Derive([("out","","","")],[],[],"x","/bin/sh",["\\n\\r\\t\\"\\\\\\q"],[])');
  assert.deepEqual(drv.args, ['\n\r\t"\\q']);
});

test('whatever is written is read back the same', () => {
  const bytes = fc.uint8Array({ maxLength: 20 }).map(toByteString);
  const name = fc.stringMatching(/^[a-z][a-z0-9_-]{0,8}$/);
  const path = name.map((word): StorePath => parseStorePathBaseName(`${'0'.repeat(32)}-${word}`));
  const drvPath = path.map((word): StorePath => parseStorePathBaseName(`${word}.drv`));
  const digest = fc.uint8Array({ minLength: 32, maxLength: 32 });
  const output: fc.Arbitrary<DerivationOutput> = fc.oneof(
    path.map((path) => ({ kind: 'input-addressed', path }) as const),
    fc
      .tuple(path, digest, fc.constantFrom('flat', 'nar', 'text'))
      .map(
        ([path, digest, method]) =>
          ({ kind: 'fixed', path, ca: { method, hash: { algorithm: 'sha256', digest } } }) as const,
      ),
    fc
      .constantFrom('floating', 'impure')
      .map((kind) => ({ kind, method: 'nar', algorithm: 'sha512' }) as const),
    fc.constant({ kind: 'deferred' } as const),
  );
  const mapOf = <K, V>(
    keys: fc.Arbitrary<K>,
    values: fc.Arbitrary<V>,
    minLength: number,
  ): fc.Arbitrary<ReadonlyMap<K, V>> =>
    fc
      .uniqueArray(fc.tuple(keys, values), { selector: ([key]) => key, minLength, maxLength: 5 })
      .map((pairs) => new Map(pairs.sort(([a], [b]) => (a < b ? -1 : 1))));
  const derivation: fc.Arbitrary<Derivation> = fc.record(
    {
      outputs: mapOf(name, output, 1),
      inputDrvs: mapOf(
        drvPath,
        fc.uniqueArray(name, { maxLength: 3 }).map((names) => names.sort()),
        0,
      ),
      inputSrcs: fc.uniqueArray(path, { maxLength: 5 }).map((paths) => paths.sort()),
      platform: bytes,
      builder: bytes,
      args: fc.array(bytes, { maxLength: 5 }),
      env: mapOf(bytes, bytes, 0),
    },
    { noNullPrototype: true },
  );
  fc.assert(
    fc.property(derivation, (drv) => {
      const text = formatDerivation(defaultStoreDir, drv);
      const read = parseDerivation(defaultStoreDir, Buffer.from(text, 'latin1'));
      assert.deepEqual(read, drv);
      assert.equal(formatDerivation(defaultStoreDir, read), text);
    }),
    { numRuns: 200 },
  );
});
