import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { isFerryError } from '../error.ts';
import { formatSecretKey, generateSecretKey } from '../format/signature.ts';
import { readSecretKeyFile, writeSecretKeyFile } from './key-file.ts';
import { loadTrustedKeys } from './trusted-keys.ts';

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'ferry-key-file-'));
});
afterEach(() => {
  rmSync(dir, { recursive: true });
});

const key = generateSecretKey('test-1');
const text = formatSecretKey(key);
const material = text.slice(text.indexOf(':') + 1);

function write(name: string, content: string, mode = 0o600): string {
  const file = join(dir, name);
  writeFileSync(file, content);
  chmodSync(file, mode);
  return file;
}

/** What reading the file throws; nothing of the key may be in it. */
function failure(file: string): { code: string; message: string; hint: string | undefined } {
  try {
    readSecretKeyFile(file);
  } catch (error) {
    assert.ok(isFerryError(error));
    const all = JSON.stringify([error.message, error.hint, error.path, String(error.cause)]);
    for (let at = 0; at + 8 <= material.length; at += 8) {
      assert.ok(!all.includes(material.slice(at, at + 8)), all);
    }
    return { code: error.code, message: error.message, hint: error.hint };
  }
  throw new assert.AssertionError({ message: `"${file}" was read` });
}

test('what was written is read again, by whatever editor it went', () => {
  const file = join(dir, 'key');
  writeSecretKeyFile(file, key);
  assert.equal(readFileSync(file, 'utf8'), text, 'no line end, as Nix writes it');
  assert.equal(lstatSync(file).mode & 0o7777, 0o600);
  for (const content of [text, `${text}\n`, `${text}\r\n`, `\n  ${text}\t\n\n`]) {
    assert.equal(formatSecretKey(readSecretKeyFile(write('other', content))), text);
  }
  chmodSync(file, 0o400);
  symlinkSync('key', join(dir, 'link'));
  assert.equal(readSecretKeyFile(join(dir, 'link')).name, 'test-1');
});

test('a file that others may read is refused, whatever the bit', () => {
  for (const mode of [0o644, 0o640, 0o604, 0o660, 0o602, 0o610, 0o601, 0o777]) {
    const found = failure(write('key', text, mode));
    assert.equal(found.code, 'denied');
    assert.match(found.message, /its mode 0[67]\d\d lets others read it/);
    assert.equal(found.hint, `chmod 600 ${join(dir, 'key')}`);
  }
});

test('what holds no key says so, without a word of it', () => {
  const broken = Buffer.from(material, 'base64');
  broken[40] = (broken[40] ?? 0) ^ 1;
  for (const [content, message] of [
    ['', /it is empty$/],
    [' \r\n', /it is empty$/],
    [material, /not of the form NAME:BASE64$/],
    [`test-1:${material.slice(0, 40)}`, /30 bytes instead of 64$/],
    [`test-1:${material.slice(0, 41)}`, /not base 64$/],
    [`${text}\n${text}`, /not base 64$/],
    [`test-1:${broken.toString('base64')}`, /does not belong to its secret half$/],
    [`${text}${' '.repeat(10 << 20)}`, /more than 4096 bytes$/],
  ] as const) {
    const found = failure(write('key', content));
    assert.equal(found.code, 'corrupt');
    assert.match(found.message, message);
  }
});

test('what is no regular file is not waited for', () => {
  assert.equal(failure(join(dir, 'none')).code, 'not-found');
  mkdirSync(join(dir, 'directory'), { mode: 0o700 });
  execFileSync('mkfifo', ['-m', '600', join(dir, 'pipe')]);
  for (const file of ['/dev/null', join(dir, 'directory'), join(dir, 'pipe')]) {
    assert.match(failure(file).message, /it is not a regular file$/);
  }
});

test('a new key takes the place of nothing', () => {
  const file = write('key', 'mine', 0o644);
  assert.throws(() => writeSecretKeyFile(file, key), { code: 'conflict' });
  assert.equal(readFileSync(file, 'utf8'), 'mine');
  symlinkSync('elsewhere', join(dir, 'link'));
  assert.throws(() => writeSecretKeyFile(join(dir, 'link'), key), { code: 'conflict' });
  assert.throws(() => lstatSync(join(dir, 'elsewhere')));
  assert.throws(() => writeSecretKeyFile(join(dir, 'no/key'), key), { code: 'not-found' });
});

test('trusted are the keys of the settings and those of our own secret keys', () => {
  const other = generateSecretKey('test-1');
  const own = generateSecretKey('own-1');
  const publicText = (name: string, bytes: Uint8Array): string =>
    `${name}:${Buffer.from(bytes).toString('base64')}`;
  const settings = {
    trustedPublicKeys: [
      publicText('test-1', key.publicKey.bytes),
      publicText('test-1', other.publicKey.bytes),
      publicText('test-1', key.publicKey.bytes),
    ],
    secretKeyFiles: [write('own', formatSecretKey(own), 0o640), join(dir, 'none')],
    origins: new Map(),
  };
  const { keys, warnings } = loadTrustedKeys(settings);
  assert.deepEqual(keys.names, ['test-1', 'own-1']);
  assert.deepEqual(warnings, [
    'two trusted keys are named "test-1": the one in trusted-public-keys does not count',
  ]);
  assert.throws(() => loadTrustedKeys({ ...settings, trustedPublicKeys: [text] }), {
    code: 'usage',
    message:
      'setting trusted-public-keys (default): the public key "test-1" has 64 bytes instead of 32',
  });
});

test('a secret key of our own that is a pipe is waited for by nobody', () => {
  const pipe = join(dir, 'pipe');
  execFileSync('mkfifo', [pipe]);
  const settings = { trustedPublicKeys: [], secretKeyFiles: [pipe], origins: new Map() };
  assert.deepEqual(loadTrustedKeys(settings).keys.names, []);
});
