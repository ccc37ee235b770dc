import assert from 'node:assert/strict';
import {
  closeSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { defaultStoreDir, parseStorePathBaseName } from '../../format/store-path.ts';
import { isStaleLockFile, loadFlock, openLockFile } from '../../system/flock.ts';
import { AnnouncedRoots, listenForRoots } from './gc-socket.ts';
import { lockPath, tryLockPath } from './path-lock.ts';
import { openTempRoots } from './temp-roots.ts';

const flock = await loadFlock();
const A = parseStorePathBaseName(`${'a'.repeat(32)}-a`);
const B = parseStorePathBaseName(`${'b'.repeat(32)}-b`);

function makeTemp(): Disposable & { path: string } {
  const path = mkdtempSync(join(tmpdir(), 'ferry-locks-'));
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true }) };
}

test('a path that is locked can not be locked again until it is released', async () => {
  using temp = makeTemp();
  const path = join(temp.path, A);
  const lock = tryLockPath(flock, path);
  assert.ok(lock !== undefined);
  assert.equal(tryLockPath(flock, path), undefined);
  const second = lockPath(flock, path);
  lock.release();
  (await second).release();
  assert.ok(!existsSync(`${path}.lock`));
});

test('who opened a lock file before it was removed learns that it is stale', () => {
  using temp = makeTemp();
  const path = join(temp.path, A);
  const lock = tryLockPath(flock, path);
  const fd = openLockFile(`${path}.lock`);
  assert.ok(!isStaleLockFile(fd));
  lock?.release();
  assert.ok(flock.tryLock(fd, 'exclusive'));
  assert.ok(isStaleLockFile(fd));
  closeSync(fd);
});

test('a stale lock file that lies there is replaced', () => {
  using temp = makeTemp();
  const path = join(temp.path, A);
  writeFileSync(`${path}.lock`, '');
  const lock = tryLockPath(flock, path);
  assert.ok(lock !== undefined, 'an empty one that nobody holds is as good as new');
  lock.release();
});

test('a file with contents where a lock should be is an error, and stays', async () => {
  using temp = makeTemp();
  const path = join(temp.path, 'flake');
  writeFileSync(`${path}.lock`, 'precious');
  const refused = { code: 'conflict', message: /cannot lock ".*flake\.lock"/ };
  assert.throws(() => tryLockPath(flock, path), refused);
  await assert.rejects(lockPath(flock, path), refused);
  assert.equal(readFileSync(`${path}.lock`, 'utf8'), 'precious');
});

test('waiting for a lock ends with an abort', async () => {
  using temp = makeTemp();
  const path = join(temp.path, A);
  const lock = tryLockPath(flock, path);
  const reason = new Error('enough');
  const abort = new AbortController();
  const waiting = lockPath(flock, path, abort.signal);
  abort.abort(reason);
  await assert.rejects(waiting, reason);
  lock?.release();
});

test('temporary roots are written down once, under a lock, and go with the store', async () => {
  using temp = makeTemp();
  const file = join(temp.path, 'temproots', String(process.pid));
  const roots = openTempRoots(flock, temp.path, defaultStoreDir);
  await roots.add([A]);
  await roots.add([A, B]);
  assert.equal(readFileSync(file, 'latin1'), `/nix/store/${A}\0/nix/store/${B}\0`);
  const fd = openSync(file, 'r+');
  assert.ok(!flock.tryLock(fd, 'exclusive'), 'its owner holds the lock');
  closeSync(fd);
  roots[Symbol.dispose]();
  await sleep(0);
  assert.ok(!existsSync(file));
});

test('two stores of one process share their temporary roots', async () => {
  using temp = makeTemp();
  const file = join(temp.path, 'temproots', String(process.pid));
  const first = openTempRoots(flock, temp.path, defaultStoreDir);
  const second = openTempRoots(flock, temp.path, defaultStoreDir);
  await first.add([A]);
  await second.add([B]);
  first[Symbol.dispose]();
  first[Symbol.dispose]();
  assert.equal(readFileSync(file, 'latin1'), `/nix/store/${A}\0/nix/store/${B}\0`);
  second[Symbol.dispose]();
  await sleep(0);
  assert.ok(!existsSync(file));
});

test('a collector that runs is told, and answers when it may go on', async () => {
  // Deep enough that the name of the socket is longer than a socket's name may be.
  using temp = makeTemp();
  const stateDir = join(temp.path, 'a-long-directory-name'.repeat(8));
  mkdirSync(join(stateDir, 'gc-socket'), { recursive: true });
  const lock = openLockFile(join(stateDir, 'gc.lock'));
  assert.ok(flock.tryLock(lock, 'exclusive'));
  using roots = openTempRoots(flock, stateDir, defaultStoreDir);
  const added = roots.add([A, B]);
  await sleep(20);
  const file = join(stateDir, 'temproots', String(process.pid));
  const heard: string[] = [];
  const written: string[] = [];
  let attempts = 0;
  const server = createServer((socket) => {
    socket.on('error', () => {});
    // The first time it hangs up in the middle, as a collector that ends.
    if (attempts++ === 0) {
      socket.end('1');
      return;
    }
    socket.on('data', (chunk) => {
      heard.push(chunk.toString());
      written.push(readFileSync(file, 'latin1'));
      setTimeout(() => socket.write('1'), 10);
      setTimeout(() => socket.write('1'), 20);
    });
  });
  const directory = openSync(join(stateDir, 'gc-socket'), 'r');
  await new Promise<void>((resolve) => {
    server.listen(`/proc/self/fd/${directory}/socket`, resolve);
  });
  await added;
  server.close();
  assert.equal(heard.join(''), `/nix/store/${A}\n/nix/store/${B}\n`);
  // The next collection, which may begin with the answer, reads them.
  assert.equal(written[0], `/nix/store/${A}\0/nix/store/${B}\0`);
  assert.equal(readFileSync(file, 'latin1'), written[0]);
  closeSync(directory);
  closeSync(lock);
});

test('waiting for a collector that does not listen ends with an abort', async () => {
  using temp = makeTemp();
  const lock = openLockFile(join(temp.path, 'gc.lock'));
  assert.ok(flock.tryLock(lock, 'exclusive'));
  using roots = openTempRoots(flock, temp.path, defaultStoreDir);
  const reason = new Error('enough');
  const abort = new AbortController();
  const added = roots.add([A], abort.signal);
  setTimeout(() => abort.abort(reason), 20);
  await assert.rejects(added, reason);
  // It is written down, but that collector knows nothing of it: who wants it again waits again.
  const again = new AbortController();
  const addedAgain = roots.add([A], again.signal);
  setTimeout(() => again.abort(reason), 20);
  await assert.rejects(addedAgain, reason);
  closeSync(lock);
});

test('whoever makes a root tells a collector that began since, though it holds the path already', async () => {
  using temp = makeTemp();
  using roots = openTempRoots(flock, temp.path, defaultStoreDir);
  await roots.add([A]);
  let made = 0;
  await roots.addRoot(A, () => {
    const fd = openLockFile(join(temp.path, 'gc.lock'));
    assert.ok(!flock.tryLock(fd, 'exclusive'), 'none can begin meanwhile');
    closeSync(fd);
    made++;
  });
  const lock = openLockFile(join(temp.path, 'gc.lock'));
  assert.ok(flock.tryLock(lock, 'exclusive'));
  const announced = new AnnouncedRoots();
  await using _ = await listenForRoots(temp.path, defaultStoreDir, announced);
  await roots.addRoot(A, () => {
    assert.ok(announced.has(A));
    made++;
  });
  closeSync(lock);
  assert.equal(made, 2);
  const file = join(temp.path, 'temproots', String(process.pid));
  assert.equal(readFileSync(file, 'latin1'), `/nix/store/${A}\0`);
});
