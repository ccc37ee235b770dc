import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkDerivation, derivationPath, inputsOf } from './check-derivation.ts';
import { parseDerivation } from './derivation.ts';
import { DerivationHashes } from './derivation-hashes.ts';
import { defaultStoreDir, parseStorePathBaseName, type StorePath } from './store-path.ts';

// `derivation { name="foo"; system="x86_64-linux"; builder="/bin/sh"; outputs=["out" "dev"]; }`, by Nix 2.34.
const FOO =
  'Derive([("dev","/nix/store/7zhc9sliq14lz2f1yc1d68fi9njpfhr1-foo-dev","",""),("out","/nix/store/1f5018jnvzb10jsijwrp0hyklh9hmmsg-foo","","")],[],[],"x86_64-linux","/bin/sh",[],[("builder","/bin/sh"),("dev","/nix/store/7zhc9sliq14lz2f1yc1d68fi9njpfhr1-foo-dev"),("name","foo"),("out","/nix/store/1f5018jnvzb10jsijwrp0hyklh9hmmsg-foo"),("outputs","out dev"),("system","x86_64-linux")])';
const PATH = parseStorePathBaseName('vq69sqp8jpimmv62milrq467xk9wkkg0-foo.drv');

function problemsOf(
  text: string,
  { path = PATH, references }: { path?: StorePath; references?: readonly StorePath[] } = {},
): string[] {
  const hashes = new DerivationHashes(defaultStoreDir, () => assert.fail('it has no inputs'));
  const bytes = Buffer.from(text);
  const derivation = parseDerivation(defaultStoreDir, bytes);
  return checkDerivation(
    defaultStoreDir,
    { path, text: bytes, derivation, references },
    hashes,
  ).map(({ what, name, found, wanted }) =>
    [what, name, found, wanted].map((part) => part ?? '').join('|'),
  );
}

test('a derivation of Nix is what it says', () => {
  assert.deepEqual(problemsOf(FOO, { references: [] }), []);
});

test('a path that is that of another text', () => {
  const other = parseStorePathBaseName(`${'0'.repeat(32)}-foo.drv`);
  assert.deepEqual(problemsOf(FOO, { path: other }), [
    `path||/nix/store/${other}|/nix/store/${PATH}`,
  ]);
});

test('an output that follows from something else', () => {
  const wrong = FOO.replaceAll('1f5018jn', '0f5018jn');
  const [path, output, variable] = problemsOf(wrong);
  assert.match(path ?? '', /^path\|\|/);
  const [found, wanted] = ['0f', '1f'].map(
    (start) => `/nix/store/${start}5018jnvzb10jsijwrp0hyklh9hmmsg-foo`,
  );
  assert.equal(output, `output|out|${found}|${wanted}`);
  assert.equal(variable, `variable|out|${found}|${wanted}`);
});

test('a variable that is missing', () => {
  const without = FOO.replace(/\("dev","[^"]*"\),(?=\("name")/, '');
  const problems = problemsOf(without).map((problem) => problem.split('|').slice(0, 3).join(' '));
  // The outputs follow from the variables too.
  assert.deepEqual(
    problems.map((problem) => problem.split(' ')[0]),
    ['path', 'output', 'variable', 'output', 'variable'],
  );
  assert.ok(problems.includes('variable dev '));
});

test('a text that Nix would write otherwise', () => {
  const [first, second] = [/\("dev","[^"]*","",""\)/, /\("out","[^"]*","",""\)/].map(
    (pattern) => pattern.exec(FOO)?.[0] ?? '',
  );
  const swapped = FOO.replace(`${first},${second}`, `${second},${first}`);
  assert.notEqual(swapped, FOO);
  assert.deepEqual(
    problemsOf(swapped).map((problem) => problem.split('|')[0]),
    ['path', 'text'],
  );
});

test('references that it has and are not registered, and the reverse', () => {
  const more = parseStorePathBaseName(`${'1'.repeat(32)}-more`);
  assert.deepEqual(problemsOf(FOO, { references: [more] }), [`references||/nix/store/${more}|`]);
  const source = parseStorePathBaseName(`${'2'.repeat(32)}-source`);
  const using = FOO.replace('],[],[],"x86', `],[],["/nix/store/${source}"],"x86`);
  assert.ok(problemsOf(using, { references: [] }).includes(`references|||/nix/store/${source}`));
});

test('the path of a text', () => {
  const derivation = parseDerivation(defaultStoreDir, Buffer.from(FOO));
  assert.equal(
    derivationPath(defaultStoreDir, 'foo.drv', Buffer.from(FOO), inputsOf(derivation)),
    PATH,
  );
});
