import assert from 'node:assert/strict';
import { test } from 'node:test';
import { hashBytes } from './hash.ts';
import { parseContentAddress, formatContentAddress } from './content-address.ts';
import { contentAddressedPath } from './make-store-path.ts';
import { fingerprintOf, isContentAddressed, type PathInfo } from './path-info.ts';
import {
  formatPublicKey,
  formatSecretKey,
  generateSecretKey,
  isSignature,
  parsePublicKey,
  parseSecretKey,
  signText,
  TrustedKeys,
} from './signature.ts';
import { defaultStoreDir, parseStorePathBaseName } from './store-path.ts';

test('a key comes back from its text, and its signatures verify', () => {
  const key = generateSecretKey('test-1');
  const again = parseSecretKey(`${formatSecretKey(key)}\n`);
  const signature = signText(again, 'hello');
  assert.ok(isSignature(signature));
  const trusted = new TrustedKeys([parsePublicKey(formatPublicKey(key.publicKey))]);
  assert.ok(trusted.verifies(signature, 'hello'));
  assert.ok(!trusted.verifies(signature, 'hallo'));
});

test('RFC 8032: the signature of the empty message by the first test key', () => {
  const hex = (text: string): Buffer => Buffer.from(text, 'hex');
  const seed = hex('9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60');
  const publicBytes = hex('d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a');
  const key = parseSecretKey(`k:${Buffer.concat([seed, publicBytes]).toString('base64')}`);
  const wanted = hex(
    'e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b',
  );
  assert.equal(signText(key, ''), `k:${wanted.toString('base64')}`);
});

test('a key of the same name does not verify for another, and the first of a name counts', () => {
  const [a, b] = [generateSecretKey('k'), generateSecretKey('k')];
  const trusted = new TrustedKeys([a.publicKey, b.publicKey]);
  assert.ok(trusted.verifies(signText(a, 'x'), 'x'));
  assert.ok(!trusted.verifies(signText(b, 'x'), 'x'));
});

test('a name that would steer a terminal makes no signature', () => {
  const signature = signText(generateSecretKey('test-1'), 'hello');
  for (const name of ['\x1b[2J', 'a\x07', 'a\x9b1m', 'a b', 'a\n']) {
    assert.equal(isSignature(signature.replace('test-1', name)), false, JSON.stringify(name));
  }
});

test('malformed keys are refused without being told', () => {
  const secret = 'VerySecretTextThatMustNotShow';
  for (const text of ['', 'nocolon', ':AAAA', `k:${secret}`, 'k:AAAA']) {
    assert.throws(
      () => parseSecretKey(text),
      (error: Error) => {
        assert.ok(!error.message.includes(secret));
        return true;
      },
    );
    assert.throws(() => parsePublicKey(text), { code: 'corrupt' });
    assert.equal(isSignature(text), false);
  }
  assert.throws(() => generateSecretKey('a:b'), { code: 'usage' });
});

test('the fingerprint has full paths, sorted, and a self reference', () => {
  const path = parseStorePathBaseName('xfp2hphvk98rkk9ywlqpp587rjdcgnc2-hello.txt');
  const info: PathInfo = {
    path,
    narHash: hashBytes('sha256', ''),
    narSize: 120,
    references: [path],
    signatures: [],
  };
  const hash = 'sha256:0mdqa9w1p6cmli6976v4wi0sw9r4p5prkj7lzfd1877wk11c9c73';
  assert.equal(
    fingerprintOf(defaultStoreDir, info),
    `1;/nix/store/${path};${hash};120;/nix/store/${path}`,
  );
  assert.equal(
    fingerprintOf(defaultStoreDir, { ...info, references: [] }),
    `1;/nix/store/${path};${hash};120;`,
  );
  assert.throws(() => fingerprintOf(defaultStoreDir, { ...info, narSize: 0 }), { code: 'corrupt' });
});

test('a content address proves a path only when it gives that path', () => {
  const ca = { method: 'nar', hash: hashBytes('sha256', 'n') } as const;
  const path = contentAddressedPath(defaultStoreDir, 'x', ca);
  const info: PathInfo = { path, narHash: ca.hash, narSize: 8, references: [], signatures: [], ca };
  assert.ok(isContentAddressed(defaultStoreDir, info));
  assert.ok(!isContentAddressed(defaultStoreDir, { ...info, references: [path] }));
  assert.ok(
    !isContentAddressed(defaultStoreDir, { ...info, ca: { method: 'flat', hash: ca.hash } }),
  );
  assert.ok(!isContentAddressed(defaultStoreDir, { ...info, ca: undefined }));
});

test('content addresses have one text each', () => {
  const hash = 'sha256:0mdqa9w1p6cmli6976v4wi0sw9r4p5prkj7lzfd1877wk11c9c73';
  for (const text of [
    `text:${hash}`,
    `fixed:${hash}`,
    `fixed:r:${hash}`,
    'fixed:r:sha1:kpcd173cq987hw957sx6m0868wv3x6d9',
  ]) {
    assert.equal(formatContentAddress(parseContentAddress(text)), text);
  }
  for (const text of [
    '',
    'text:',
    `other:${hash}`,
    'text:sha1:kpcd173cq987hw957sx6m0868wv3x6d9',
    'fixed:0mdqa9w1p6cmli6976v4wi0sw9r4p5prkj7lzfd1877wk11c9c73',
  ]) {
    assert.throws(() => parseContentAddress(text), { code: 'corrupt' }, text);
  }
  assert.throws(() => parseContentAddress(`fixed:git:${hash}`), { code: 'unsupported' });
});
