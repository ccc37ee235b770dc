import assert from 'node:assert/strict';
import { closeSync, mkdirSync, openSync, readdirSync, statSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import { setImmediate as breathe } from 'node:timers/promises';
import { makeTempDirectory } from '../../../test/support/temp.ts';
import { defaultStoreDir, parseStorePathBaseName } from '../../format/store-path.ts';
import { AnnouncedRoots, listenForRoots } from './gc-socket.ts';

const A = parseStorePathBaseName(`${'a'.repeat(32)}-a`);
const LOCK_OF_A = parseStorePathBaseName(`${A}.lock`);
const B = parseStorePathBaseName(`${'b'.repeat(32)}-b`);
const line = (path: string): string => `${defaultStoreDir}/${path}\n`;

interface Client extends Disposable {
  readonly socket: Socket;
  /** What it was told so far, once it has so many characters or was hung up on. */
  hear(length: number): Promise<string>;
}

async function call(stateDir: string): Promise<Client> {
  const directory = openSync(join(stateDir, 'gc-socket'), 'r');
  const socket = connect({ path: `/proc/self/fd/${directory}/socket` });
  let heard = '';
  let news = Promise.withResolvers<void>();
  const tell = (): void => {
    news.resolve();
    news = Promise.withResolvers();
  };
  socket.setEncoding('latin1').on('data', (text: string) => {
    heard += text;
    tell();
  });
  socket.on('error', () => {});
  socket.once('close', () => {
    tell();
  });
  await new Promise<void>((resolve, reject) => {
    socket.once('connect', () => resolve());
    socket.once('error', reject);
  });
  closeSync(directory);
  return {
    socket,
    async hear(length) {
      while (heard.length < length && !socket.closed) await news.promise;
      return heard;
    },
    [Symbol.dispose]: () => socket.destroy(),
  };
}

test('each line is answered at once, paths or not, however they are cut', async () => {
  using temp = makeTempDirectory();
  const announced = new AnnouncedRoots();
  await using _ = await listenForRoots(temp.path, defaultStoreDir, announced);
  using client = await call(temp.path);
  const text = `${line(A)}nonsense\n\n/nix/store\n${line(B)}`;
  for (const letter of text) {
    client.socket.write(letter);
    await breathe();
  }
  assert.equal(await client.hear(5), '11111');
  assert.ok(announced.has(A) && announced.has(LOCK_OF_A) && announced.has(B));
  client.socket.write(text);
  assert.equal(await client.hear(10), '1111111111');
  client.socket.write(line(A).repeat(20_000));
  assert.equal((await client.hear(20_010)).length, 20_010);
});

test('what is going away is answered when it is gone, and others meanwhile', async () => {
  using temp = makeTempDirectory();
  const announced = new AnnouncedRoots();
  await using _ = await listenForRoots(temp.path, defaultStoreDir, announced);
  using one = await call(temp.path);
  using other = await call(temp.path);
  // Two things with one hash part: the path and its lock.
  announced.begin(A);
  announced.begin(LOCK_OF_A);
  one.socket.write(line(A) + line(B));
  other.socket.write(line(B));
  assert.equal(await other.hear(1), '1');
  while (!announced.hasWaiting) await breathe();
  assert.ok(announced.isAwaited(A) && !announced.isAwaited(B));
  announced.end(A);
  assert.ok(announced.hasWaiting, 'the lock is still there');
  assert.ok(announced.has(A), 'it counts from when it was heard');
  announced.end(LOCK_OF_A);
  assert.equal(await one.hear(2), '11');
  assert.ok(!announced.hasWaiting);
});

test('what is not looked at is answered, and not remembered', () => {
  const announced = new AnnouncedRoots();
  let answers = 0;
  const onFree = (): void => {
    answers++;
  };
  announced.add(A, onFree);
  announced.add(B, onFree);
  announced.limitTo((hashPart) => hashPart.startsWith('b'));
  announced.add(A, onFree);
  assert.equal(answers, 3);
  assert.ok(!announced.has(A));
  assert.ok(announced.has(B));
});

test('a line without end is not listened to', async () => {
  using temp = makeTempDirectory();
  await using _ = await listenForRoots(temp.path, defaultStoreDir, new AnnouncedRoots());
  using client = await call(temp.path);
  client.socket.write('x'.repeat(100_000));
  assert.equal(await client.hear(1), '');
});

test('everybody may connect, wherever it lies, until it is over; then they are refused', async () => {
  using temp = makeTempDirectory();
  const stateDir = temp.join('a-long-directory-name'.repeat(8));
  mkdirSync(stateDir);
  for (let round = 0; round < 2; round++) {
    const before = process.umask(0o077);
    await using server = await listenForRoots(stateDir, defaultStoreDir, new AnnouncedRoots());
    process.umask(before);
    assert.equal(statSync(join(stateDir, 'gc-socket/socket')).mode & 0o777, 0o666);
    using client = await call(stateDir);
    await server[Symbol.asyncDispose]();
    assert.equal(await client.hear(1), '', 'who is connected is hung up on');
    await assert.rejects(call(stateDir), { code: 'ECONNREFUSED' });
    assert.deepEqual(readdirSync(join(stateDir, 'gc-socket')), ['socket']);
  }
});
