import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { formatHash, hashBytes, hashesEqual, parseHash, StreamingHash } from './hash.ts';

const algorithms = ['md5', 'sha1', 'sha256', 'sha512'] as const;
const encodings = ['base16', 'nix32', 'base64', 'sri'] as const;

test('every text of every algorithm comes back', () => {
  fc.assert(
    fc.property(
      fc.uint8Array({ maxLength: 30 }),
      fc.constantFrom(...algorithms),
      fc.constantFrom(...encodings),
      (data, algorithm, encoding) => {
        const hash = hashBytes(algorithm, data);
        assert.ok(hashesEqual(parseHash(formatHash(hash, encoding)), hash));
      },
    ),
  );
});

test('the empty input has its known SHA-256 in all encodings', () => {
  const hash = hashBytes('sha256', '');
  assert.deepEqual(
    encodings.map((encoding) => formatHash(hash, encoding)),
    [
      'sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855',
      'sha256:0mdqa9w1p6cmli6976v4wi0sw9r4p5prkj7lzfd1877wk11c9c73',
      'sha256:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=',
      'sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=',
    ],
  );
});

test('texts that are no hash are refused', () => {
  const bad = [
    '',
    'sha256:',
    'sha256:abc',
    'sha3:0mdqa9w1p6cmli6976v4wi0sw9r4p5prkj7lzfd1877wk11c9c73',
    'sha1:0mdqa9w1p6cmli6976v4wi0sw9r4p5prkj7lzfd1877wk11c9c73',
    'sha256-e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855',
    'sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b85g',
    'toString:00',
  ];
  for (const text of bad) assert.throws(() => parseHash(text), { code: 'corrupt' }, text);
  assert.throws(() => parseHash('md5:d41d8cd98f00b204e9800998ecf8427e', 'sha256'), {
    code: 'corrupt',
  });
});

test('pieces hash as the whole, and are counted', () => {
  const streaming = new StreamingHash();
  for (const piece of ['he', '', 'llo']) streaming.update(Buffer.from(piece));
  assert.equal(streaming.size, 5);
  assert.deepEqual(streaming.finish(), hashBytes('sha256', 'hello'));
});
