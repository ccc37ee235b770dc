import assert from 'node:assert/strict';
import { chmodSync, existsSync, lstatSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { makeTempDirectory } from '../../test/support/temp.ts';
import { formatPublicKey, formatSecretKey, generateSecretKey } from '../format/signature.ts';
import { overwriteKeyFiles } from './key-pair-files.ts';

const key = generateSecretKey('test-1');
const modeOf = (file: string): number => lstatSync(file).mode & 0o7777;

test('both keys are written, without line ends, the secret one for its owner alone', () => {
  using temp = makeTempDirectory();
  const [secret, open] = [temp.join('secret'), temp.join('public')];
  for (const umask of [0o077, 0o000, 0o022]) {
    const before = process.umask(umask);
    try {
      overwriteKeyFiles(`${secret}${umask}`, `${open}${umask}`, key);
    } finally {
      process.umask(before);
    }
    assert.equal(readFileSync(`${secret}${umask}`, 'utf8'), formatSecretKey(key));
    assert.equal(readFileSync(`${open}${umask}`, 'utf8'), formatPublicKey(key.publicKey));
    assert.deepEqual([modeOf(`${secret}${umask}`), modeOf(`${open}${umask}`)], [0o600, 0o644]);
  }
});

test('what was there is overwritten, and read by its owner alone from then on', () => {
  using temp = makeTempDirectory();
  const [secret, open] = [temp.join('secret'), temp.join('public')];
  for (const file of [secret, open]) writeFileSync(file, 'x'.repeat(1000), { mode: 0o644 });
  chmodSync(open, 0o600);
  overwriteKeyFiles(secret, open, key);
  assert.equal(readFileSync(secret, 'utf8'), formatSecretKey(key));
  assert.equal(readFileSync(open, 'utf8'), formatPublicKey(key.publicKey));
  assert.deepEqual([modeOf(secret), modeOf(open)], [0o600, 0o600]);
});

test('where one file cannot be written the other stays as it was', () => {
  using temp = makeTempDirectory();
  writeFileSync(temp.join('old'), 'old');
  mkdirSync(temp.join('directory'));
  for (const bad of [temp.join('nowhere/key'), temp.join('directory')]) {
    assert.throws(() => overwriteKeyFiles(bad, temp.join('old'), key), /cannot write a key to/);
    assert.throws(() => overwriteKeyFiles(temp.join('old'), bad, key), /cannot write a key to/);
    assert.throws(() => overwriteKeyFiles(bad, temp.join('new'), key), /cannot write a key to/);
    assert.throws(() => overwriteKeyFiles(temp.join('new'), bad, key), /cannot write a key to/);
  }
  assert.equal(readFileSync(temp.join('old'), 'utf8'), 'old');
  assert.equal(existsSync(temp.join('new')), false);
});
