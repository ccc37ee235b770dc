import assert from 'node:assert/strict';
import { test } from 'node:test';
import { hashBytes, parseHash } from './hash.ts';
import { contentAddressedPath, outputPath } from './make-store-path.ts';
import {
  defaultStoreDir,
  hashPartOf,
  isStorePathBaseName,
  nameOf,
  parseStoreDir,
  parseStorePath,
  parseStorePathBaseName,
  printStorePath,
} from './store-path.ts';

const hello = 'xfp2hphvk98rkk9ywlqpp587rjdcgnc2-hello.txt';

test('a full path comes apart and together', () => {
  const path = parseStorePath(defaultStoreDir, `/nix/store/${hello}`);
  assert.equal(path, hello);
  assert.equal(hashPartOf(path), 'xfp2hphvk98rkk9ywlqpp587rjdcgnc2');
  assert.equal(nameOf(path), 'hello.txt');
  assert.equal(printStorePath(defaultStoreDir, path), `/nix/store/${hello}`);
});

test('a path is made canonical before it is judged', () => {
  for (const text of [
    `/nix//store/${hello}`,
    `/nix/store/./${hello}`,
    `/nix/store/x/../${hello}/`,
  ]) {
    assert.equal(parseStorePath(defaultStoreDir, text), hello);
  }
  assert.equal(parseStoreDir('/a/b/../store/'), '/a/store');
  assert.throws(() => parseStoreDir('nix/store'), { code: 'usage' });
});

test('paths elsewhere are refused', () => {
  for (const text of [
    '',
    hello,
    '/nix/store',
    '/nix/store/',
    `/nix/stores/${hello}`,
    `/nix/store/${hello}/bin`,
    `/nix/store/../${hello}`,
  ]) {
    assert.throws(() => parseStorePath(defaultStoreDir, text), { code: 'corrupt' }, text);
  }
});

test('base names follow the rules of Nix 2.34', () => {
  const hashPart = hello.slice(0, 32);
  const good = ['a', '.foo', '..foo', '.f-', 'A+-._?=z', 'a'.repeat(211)];
  const bad = ['', '.', '..', '.-a', '..-a', 'a/b', 'a b', 'ü', 'a\0', 'a'.repeat(212)];
  for (const name of good)
    assert.equal(parseStorePathBaseName(`${hashPart}-${name}`), `${hashPart}-${name}`);
  for (const name of bad) {
    assert.equal(isStorePathBaseName(`${hashPart}-${name}`), false, name);
    assert.throws(() => parseStorePathBaseName(`${hashPart}-${name}`), { code: 'corrupt' }, name);
  }
  for (const baseName of [
    `${hashPart}_x`,
    `${'e'.repeat(32)}-x`,
    `${hashPart.toUpperCase()}-x`,
    hashPart,
  ]) {
    assert.throws(() => parseStorePathBaseName(baseName), { code: 'corrupt' }, baseName);
  }
});

test('all four kinds of path are those that Nix computes', () => {
  const contents = 'hello';
  const narHash = parseHash('sha256:0sg9f58l1jj88w6pdrfdpj5x9b1zrwszk84j81zvby36q9whhhqa');
  const make = contentAddressedPath.bind(undefined, defaultStoreDir, 'hello.txt');
  assert.equal(make({ method: 'nar', hash: narHash }), hello);
  assert.equal(
    make({ method: 'flat', hash: hashBytes('sha256', contents) }),
    'iixxin28s82lrxs8v4lcf7nha2dkwprm-hello.txt',
  );
  assert.equal(
    make({ method: 'flat', hash: hashBytes('sha512', contents) }),
    '8wyqp5vyydvckami85sghchxjldmk33b-hello.txt',
  );
  assert.equal(
    make({ method: 'text', hash: hashBytes('sha256', contents) }),
    'q790zdjk75hm2cn42nh77pqw4gbv1b88-hello.txt',
  );
  const reference = parseStorePathBaseName('q790zdjk75hm2cn42nh77pqw4gbv1b88-hello.txt');
  const text = `ref: /nix/store/${reference}`;
  assert.equal(
    contentAddressedPath(
      defaultStoreDir,
      'r.txt',
      { method: 'text', hash: hashBytes('sha256', text) },
      { others: [reference], self: false },
    ),
    '6ahck4kbxvqkffqj67j0qp0a9lhbwa7i-r.txt',
  );
});

test('outputs are named after their derivation', () => {
  const digest = hashBytes('sha256', 'x');
  assert.equal(nameOf(outputPath(defaultStoreDir, 'foo', 'out', digest)), 'foo');
  assert.equal(nameOf(outputPath(defaultStoreDir, 'foo', 'dev', digest)), 'foo-dev');
});

test('references where the method allows none are refused', () => {
  const hash = hashBytes('sha1', 'x');
  const others = [parseStorePathBaseName(hello)];
  assert.throws(
    () =>
      contentAddressedPath(defaultStoreDir, 'n', { method: 'flat', hash }, { others, self: false }),
    { code: 'corrupt' },
  );
  assert.throws(
    () =>
      contentAddressedPath(
        defaultStoreDir,
        'n',
        { method: 'text', hash: hashBytes('sha256', '') },
        { others, self: true },
      ),
    { code: 'corrupt' },
  );
});
