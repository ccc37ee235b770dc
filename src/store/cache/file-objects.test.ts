import assert from 'node:assert/strict';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { execFileSync } from 'node:child_process';
import { test } from 'node:test';
import { hashBytes } from '../../format/hash.ts';
import { makeTempDirectory, type TempDirectory } from '../../../test/support/temp.ts';
import { openFileObjects } from './file-objects.ts';
import type { Objects } from './objects.ts';

const type = { contentType: 'text/plain' };
const key = 'nar/a.nar';

function open(
  temp: TempDirectory,
  options: { sync?: boolean; indexDebugInfo?: boolean } = {},
): Objects {
  return openFileObjects({ directory: temp.join('cache'), ...options });
}

async function list(objects: Objects, prefix: string): Promise<string[]> {
  const keys: string[] = [];
  for await (const each of objects.list?.(prefix) ?? []) keys.push(each);
  return keys.sort();
}

async function bytesOf(objects: Objects, reference: string): Promise<Uint8Array | undefined> {
  const body = await objects.get(reference);
  if (body === undefined) return undefined;
  const chunks: Uint8Array[] = [];
  for await (const chunk of body.bytes) chunks.push(chunk);
  return Buffer.concat(chunks);
}

test('reading makes nothing, and what is not there is absent', async () => {
  using temp = makeTempDirectory();
  await using objects = open(temp);
  assert.equal(await objects.read('nix-cache-info', { bytesMax: 10 }), undefined);
  assert.equal(await objects.get(key), undefined);
  assert.equal(await objects.head(key), undefined);
  assert.deepEqual(await list(objects, ''), []);
  await objects.delete?.(key);
  assert.equal(existsSync(temp.join('cache')), false);
});

for (const sync of [false, true]) {
  test(`what is put can be read, in pieces and as a whole${sync ? ', synced' : ''}`, async () => {
    using temp = makeTempDirectory({ ram: true });
    await using objects = open(temp, { sync });
    const large = Buffer.alloc(1_300_000, 'abc');
    await objects.put(key, large, type);
    await objects.put('x.narinfo', Buffer.from('first'), type);
    await objects.put('x.narinfo', Buffer.from('second'), type);
    assert.equal((await objects.head(key))?.size, large.length);
    assert.equal((await objects.get(key))?.size, large.length);
    assert.deepEqual(await bytesOf(objects, key), large);
    const read = await objects.read('x.narinfo', { bytesMax: 6 });
    assert.equal(Buffer.from(read ?? []).toString(), 'second');
    await objects.delete?.('x.narinfo');
    assert.equal(await objects.head('x.narinfo'), undefined);
    assert.deepEqual(readdirSync(temp.join('cache')).sort(), ['log', 'nar', 'realisations']);
    assert.deepEqual(readdirSync(temp.join('cache/nar')), ['a.nar'], 'nothing temporary is left');
  });
}

test('a spooled file of the same directory is moved, one from elsewhere copied', async () => {
  using temp = makeTempDirectory({ ram: true });
  await using objects = open(temp);
  const sha256 = hashBytes('sha256', 'spool');
  const { spoolDir = '' } = objects;
  mkdirSync(spoolDir, { recursive: true });
  const near = `${spoolDir}/near`;
  const far = temp.join('far');
  writeFileSync(near, 'spool');
  writeFileSync(far, 'spool', { mode: 0o600 });
  await objects.put('nar/1', { file: near, size: 5, sha256 }, type);
  await objects.put('nar/2', { file: far, size: 5, sha256 }, type);
  assert.equal(existsSync(near), false);
  assert.equal(existsSync(far), true);
  for (const name of ['1', '2']) {
    assert.equal(readFileSync(temp.join('cache/nar', name), 'utf8'), 'spool');
  }
  await assert.rejects(
    objects.put('nar/3', { file: temp.join('nowhere'), size: 5, sha256 }, type),
    { code: 'not-found' },
  );
  assert.deepEqual(readdirSync(spoolDir).sort(), ['1', '2']);
});

test('keys that lead out of the cache are refused, whatever is done with them', async () => {
  using temp = makeTempDirectory({ ram: true });
  await using objects = open(temp);
  writeFileSync(temp.join('outside'), 'x');
  await objects.put(key, Buffer.from('x'), type);
  const bad = [
    '',
    '..',
    '../outside',
    'nar/../../outside',
    'nar/./a.nar',
    '/etc/passwd',
    'nar//a.nar',
    'nar/',
    'nar/a\0',
    'https://example.org/x.nar',
    'x'.repeat(1025),
  ];
  for (const each of bad) {
    const refused = { code: 'corrupt' };
    await assert.rejects(objects.read(each, { bytesMax: 10 }), refused, each);
    await assert.rejects(objects.get(each), refused, each);
    await assert.rejects(objects.head(each), refused, each);
    await assert.rejects(objects.put(each, Buffer.from('x'), type), refused, each);
    await assert.rejects(async () => objects.delete?.(each), refused, each);
  }
  await assert.rejects(list(objects, '../'), { code: 'corrupt' });
  assert.equal(readFileSync(temp.join('outside'), 'utf8'), 'x');
});

test('a small object that is too long is refused', async () => {
  using temp = makeTempDirectory({ ram: true });
  await using objects = open(temp);
  await objects.put(key, Buffer.alloc(11), type);
  await assert.rejects(objects.read(key, { bytesMax: 10 }), {
    code: 'corrupt',
    message: /11 bytes/,
  });
});

test('keys are listed by prefix, those being written and directories left out', async () => {
  using temp = makeTempDirectory({ ram: true });
  await using objects = open(temp, { indexDebugInfo: true });
  const keys = ['a.narinfo', 'b.narinfo', 'debuginfo/ab.debug', 'log/x.drv', 'nar/1', 'nar/2'];
  for (const each of keys) await objects.put(each, Buffer.from(each), type);
  await objects.put('deep/er/still', Buffer.from('x'), type);
  writeFileSync(temp.join('cache/nar/0123.ferry-tmp'), 'half');
  symlinkSync('..', temp.join('cache/nar/up'));
  symlinkSync('1', temp.join('cache/nar/link'));
  assert.deepEqual(await list(objects, ''), [...keys, 'deep/er/still', 'nar/link'].sort());
  assert.deepEqual(await list(objects, 'nar/'), ['nar/1', 'nar/2', 'nar/link']);
  assert.deepEqual(await list(objects, 'nar/1'), ['nar/1']);
  assert.deepEqual(await list(objects, 'a'), ['a.narinfo']);
  assert.deepEqual(await list(objects, 'de'), ['debuginfo/ab.debug', 'deep/er/still']);
  assert.deepEqual(await list(objects, 'none/'), []);
});

test('what a crash left is removed when it is a day old', async () => {
  using temp = makeTempDirectory({ ram: true });
  const nar = temp.join('cache/nar');
  mkdirSync(nar, { recursive: true });
  const dayAgo = Date.now() / 1000 - 25 * 3600;
  for (const name of ['old.ferry-tmp', 'new.ferry-tmp', 'old.nar']) {
    writeFileSync(`${nar}/${name}`, '');
    if (name.startsWith('old')) utimesSync(`${nar}/${name}`, dayAgo, dayAgo);
  }
  const objects = open(temp);
  await objects.put('nar/1', Buffer.from('x'), type);
  await objects[Symbol.asyncDispose]();
  assert.deepEqual(readdirSync(nar).sort(), ['1', 'new.ferry-tmp', 'old.nar']);
});

test('a pipe or a directory in the place of an object is no object, and nobody waits for it', async () => {
  using temp = makeTempDirectory({ ram: true });
  await using objects = open(temp);
  mkdirSync(temp.join('cache/nar/dir'), { recursive: true });
  execFileSync('mkfifo', [temp.join('cache/nar/pipe')]);
  symlinkSync('loop', temp.join('cache/nar/loop'));
  for (const each of ['nar/dir', 'nar/pipe']) {
    assert.equal(await objects.read(each, { bytesMax: 10 }), undefined);
    assert.equal(await objects.get(each), undefined);
    assert.equal(await objects.head(each), undefined);
  }
  await assert.rejects(objects.head('nar/loop'), { code: 'denied' });
  assert.deepEqual(await list(objects, 'nar/'), []);
});

test('a directory that can not be made is said so', async () => {
  using temp = makeTempDirectory({ ram: true });
  writeFileSync(temp.join('cache'), 'a file');
  await using objects = open(temp);
  await assert.rejects(objects.put(key, Buffer.from('x'), type), {
    message: /cannot make directory/,
  });
});

test('an abort is passed on, and leaves nothing', async () => {
  using temp = makeTempDirectory({ ram: true });
  await using objects = open(temp);
  await objects.put(key, Buffer.alloc(2_000_000), type);
  const signal = AbortSignal.abort(new Error('enough'));
  await assert.rejects(objects.put('nar/2', Buffer.from('x'), { ...type, signal }), /enough/);
  await assert.rejects(objects.get(key, { signal }), /enough/);
  const abort = new AbortController();
  const body = await objects.get(key, { signal: abort.signal });
  await assert.rejects(async () => {
    for await (const _ of body?.bytes ?? []) abort.abort(new Error('enough'));
  }, /enough/);
  assert.deepEqual(readdirSync(temp.join('cache/nar')), ['a.nar']);
});
