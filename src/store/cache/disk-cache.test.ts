import assert from 'node:assert/strict';
import {
  chmodSync,
  existsSync,
  lchownSync,
  mkdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { test } from 'node:test';
import { openSqlite } from '../../system/sqlite.ts';
import { makeTempDirectory, type TempDirectory } from '../../../test/support/temp.ts';
import { openDiskCache, type DiskCache, type DiskCacheOptions } from './disk-cache.ts';

const a = 'q790zdjk75hm2cn42nh77pqw4gbv1b88';
const b = '5b9s2gkbd3v7p90hqixp9yinn3rnd8ll';
const minute = 60_000;

function open(temp: TempDirectory, options: Partial<DiskCacheOptions> = {}): Promise<DiskCache> {
  return openDiskCache({
    file: temp.join('ferry/narinfo.sqlite'),
    identity: 'https://example.org',
    positiveTtlMs: 10 * minute,
    negativeTtlMs: 2 * minute,
    metaTtlMs: 5 * minute,
    ...options,
  });
}

async function fill(temp: TempDirectory, options: Partial<DiskCacheOptions> = {}): Promise<void> {
  await using cache = await open(temp, options);
  cache.keepCacheInfo('StoreDir: /nix/store\n');
  cache.keep(a, 'text of a');
  cache.keep(b, undefined);
}

test('what was kept is known to this process at once, and to the next', async () => {
  using temp = makeTempDirectory({ ram: true });
  {
    await using cache = await open(temp);
    assert.equal(cache.cacheInfo, undefined);
    assert.equal(cache.get(a), undefined);
    cache.keep(a, 'text of a');
    assert.deepEqual(cache.get(a), { text: 'text of a' });
  }
  await fill(temp);
  await using cache = await open(temp);
  assert.equal(cache.cacheInfo, 'StoreDir: /nix/store\n');
  assert.deepEqual(cache.get(a), { text: 'text of a' });
  assert.deepEqual(cache.get(b), { text: undefined }, 'there is none');
  cache.forget(b);
  assert.equal(cache.get(b), undefined);
});

test('another cache has another memory', async () => {
  using temp = makeTempDirectory({ ram: true });
  await fill(temp);
  await using cache = await open(temp, { identity: 's3://example?endpoint=other' });
  assert.equal(cache.cacheInfo, undefined);
  assert.equal(cache.get(a), undefined);
});

test('each kind of answer counts for as long as it should', async () => {
  using temp = makeTempDirectory({ ram: true });
  await fill(temp, { now: () => 1000 * minute });
  const knownAfter = async (minutes: number): Promise<unknown[]> => {
    await using cache = await open(temp, { now: () => (1000 + minutes) * minute });
    return [cache.get(a)?.text, cache.get(b) !== undefined, cache.cacheInfo !== undefined];
  };
  assert.deepEqual(await knownAfter(1), ['text of a', true, true]);
  assert.deepEqual(await knownAfter(3), ['text of a', false, true]);
  assert.deepEqual(await knownAfter(6), ['text of a', false, false]);
  assert.deepEqual(await knownAfter(11), [undefined, false, false]);
  assert.deepEqual(await knownAfter(-1), [undefined, false, false], 'the clock went back');
});

test('with times of 0, as --refresh has it, nothing counts and all is kept anew', async () => {
  using temp = makeTempDirectory({ ram: true });
  await fill(temp);
  {
    await using cache = await open(temp, { positiveTtlMs: 0, negativeTtlMs: 0, metaTtlMs: 0 });
    assert.equal(cache.get(a), undefined);
    assert.equal(cache.get(b), undefined);
    assert.equal(cache.cacheInfo, undefined);
    cache.keep(a, 'newer');
  }
  await using cache = await open(temp);
  assert.deepEqual(cache.get(a), { text: 'newer' });
});

test('what is out of date is removed once a day', async () => {
  using temp = makeTempDirectory({ ram: true });
  const rows = (): unknown => {
    using db = openSqlite(temp.join('ferry/narinfo.sqlite'), {
      access: 'read',
      useWal: true,
      sync: false,
    });
    return db.query<[number]>('select count(*) from narinfos').get()?.[0];
  };
  await fill(temp, { now: () => 1000 * minute });
  const later = async (minutes: number): Promise<void> => {
    await using cache = await open(temp, { now: () => (1000 + minutes) * minute });
    cache.keep('0'.repeat(32), 'new');
  };
  await later(60);
  assert.equal(rows(), 3);
  await later(25 * 60);
  assert.equal(rows(), 1);
});

test('a damaged file is made again', async () => {
  for (const damage of ['garbage', Buffer.alloc(8192, 'SQLite format 3\0')]) {
    using temp = makeTempDirectory({ ram: true });
    mkdirSync(temp.join('ferry'));
    writeFileSync(temp.join('ferry/narinfo.sqlite'), damage);
    await fill(temp);
    await using cache = await open(temp);
    assert.deepEqual(cache.get(a), { text: 'text of a' });
  }
});

test('a file that is damaged inside is left alone for now, and made again by the next', async () => {
  using temp = makeTempDirectory({ ram: true });
  await fill(temp);
  const file = temp.join('ferry/narinfo.sqlite');
  {
    using db = openSqlite(file, { access: 'read-write', useWal: true, sync: false });
    db.execute('pragma wal_checkpoint(truncate)');
  }
  const bytes = readFileSync(file);
  bytes.fill(0xff, 4096);
  writeFileSync(file, bytes);
  {
    await using cache = await open(temp);
    assert.equal(cache.get(a), undefined);
    cache.keep(a, 'x');
    cache.keepCacheInfo('y');
  }
  await fill(temp);
  await using cache = await open(temp);
  assert.deepEqual(cache.get(a), { text: 'text of a' });
});

test('where it can not be, it forgets everything and nothing fails', async () => {
  using temp = makeTempDirectory({ ram: true });
  writeFileSync(temp.join('file'), '');
  for (const file of ['/proc/ferry/x.sqlite', temp.join('file/x.sqlite'), temp.path]) {
    await using cache = await open(temp, { file });
    assert.equal(cache.isOpen, false);
    cache.keepCacheInfo('x');
    cache.keep(a, 'text');
    cache.forget(b);
    assert.equal(cache.get(a), undefined);
  }
});

test('it is private, and not in the home of somebody else', async (context) => {
  using temp = makeTempDirectory({ ram: true });
  await fill(temp);
  if (process.geteuid?.() !== 0) {
    context.skip('needs root');
    return;
  }
  const { chownSync } = await import('node:fs');
  mkdirSync(temp.join('home'));
  chmodSync(temp.join('home'), 0o777);
  chownSync(temp.join('home'), 65534, 65534);
  await using cache = await open(temp, { file: temp.join('home/.cache/ferry/x.sqlite') });
  assert.equal(cache.isOpen, false);
  assert.equal(existsSync(temp.join('home/.cache')), false);
});

test('where others may write, or have put a link, nothing is believed and nothing kept', async (context) => {
  using temp = makeTempDirectory({ ram: true });
  await fill(temp);
  chmodSync(temp.join('ferry'), 0o777);
  {
    await using cache = await open(temp);
    assert.equal(cache.isOpen, false);
    assert.equal(cache.get(a), undefined);
  }
  if (process.geteuid?.() !== 0) return context.skip('only root can give a link to somebody else');
  chmodSync(temp.join('ferry'), 0o700);
  symlinkSync(temp.join('ferry'), temp.join('link'));
  const file = temp.join('link/narinfo.sqlite');
  for (const [owner, isOpen] of [
    [0, true],
    [12345, false],
  ] as const) {
    lchownSync(temp.join('link'), owner, owner);
    await using cache = await open(temp, { file });
    assert.equal(cache.isOpen, isOpen);
  }
});

test('a file that somebody keeps locked is done without', async () => {
  using temp = makeTempDirectory({ ram: true });
  await fill(temp);
  using db = openSqlite(temp.join('ferry/narinfo.sqlite'), {
    access: 'read-write',
    useWal: true,
    sync: false,
  });
  db.execute('begin exclusive');
  await using cache = await open(temp);
  assert.deepEqual(cache.get(a), { text: 'text of a' }, 'a log is read beside its writer');
  cache.keep(a, 'newer');
  await cache[Symbol.asyncDispose]();
  db.execute('rollback');
  await using again = await open(temp);
  assert.deepEqual(again.get(a), { text: 'text of a' });
});

test('many processes at once lose nothing', async () => {
  using temp = makeTempDirectory({ ram: true });
  const caches = await Promise.all(Array.from({ length: 8 }, () => open(temp)));
  for (const [index, cache] of caches.entries()) {
    cache.keepCacheInfo('StoreDir: /nix/store\n');
    cache.keep(`${index}${a.slice(1)}`, `text ${index}`);
  }
  await Promise.all(caches.map((cache) => cache[Symbol.asyncDispose]()));
  await using cache = await open(temp);
  for (const index of caches.keys()) {
    assert.deepEqual(cache.get(`${index}${a.slice(1)}`), { text: `text ${index}` });
  }
});
