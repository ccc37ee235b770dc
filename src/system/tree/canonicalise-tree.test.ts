import assert from 'node:assert/strict';
import { once } from 'node:events';
import {
  chmodSync,
  chownSync,
  existsSync,
  lchownSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  renameSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { describe, test } from 'node:test';
import koffi from 'koffi';
import { makeTempDirectory } from '../../../test/support/temp.ts';
import { openTreeWorkers } from '../threads/tree-workers.ts';
import { loadXattrs } from '../xattrs.ts';
import { canonicaliseTree } from './canonicalise-tree.ts';

const xattrs = await loadXattrs();
const isRoot = process.getuid?.() === 0;
const isLinux = process.platform === 'linux';

function stateOf(path: string | Buffer): string {
  const { mode, mtimeMs, uid } = lstatSync(path);
  const isLink = lstatSync(path).isSymbolicLink();
  const shown = isLink ? 'link' : (mode & 0o7777).toString(8);
  return `${shown} ${mtimeMs / 1000} ${uid === process.getuid?.() ? 'ours' : uid}`;
}

/** One of everything, with metadata as people leave them. */
function makeTree(root: string): void {
  mkdirSync(`${root}/d/e`, { recursive: true });
  writeFileSync(`${root}/plain`, 'plain', { mode: 0o640 });
  writeFileSync(`${root}/d/run`, 'run', { mode: 0o700 });
  writeFileSync(`${root}/d/others`, 'others', { mode: 0o611 });
  writeFileSync(`${root}/d/e/secret`, '', { mode: 0 });
  writeFileSync(Buffer.from(`${root}/d/\xff`, 'latin1'), 'no UTF-8');
  linkSync(`${root}/d/run`, `${root}/d/run-too`);
  symlinkSync('/nowhere', `${root}/link`);
  chmodSync(`${root}/d/run`, 0o6711);
  chmodSync(`${root}/d/e`, 0o1700);
}

describe('canonicaliseTree', () => {
  test('gives everything the metadata of a store', () => {
    using temp = makeTempDirectory();
    const root = temp.join('tree');
    makeTree(root);
    const atime = 1_000_000_000;
    utimesSync(`${root}/plain`, atime, atime);
    // The second time there is nothing to be done.
    for (let times = 0; times < 2; times++) {
      canonicaliseTree(root, { xattrs });
      const found = ['', '/plain', '/d', '/d/run', '/d/run-too', '/d/others', '/d/e', '/d/e/secret']
        .map((path) => `${path} ${stateOf(root + path)}`)
        .concat(`bytes ${stateOf(Buffer.from(`${root}/d/\xff`, 'latin1'))}`)
        .concat(`link ${stateOf(`${root}/link`)}`);
      assert.deepEqual(found, [
        ' 555 1 ours',
        '/plain 444 1 ours',
        '/d 555 1 ours',
        '/d/run 555 1 ours',
        '/d/run-too 555 1 ours',
        '/d/others 444 1 ours',
        '/d/e 555 1 ours',
        '/d/e/secret 444 1 ours',
        'bytes 444 1 ours',
        'link link 1 ours',
      ]);
      assert.equal(lstatSync(`${root}/plain`).atimeMs / 1000, atime);
    }
  });

  test('takes a root that is a file or a link, and follows no link', () => {
    using temp = makeTempDirectory();
    const outside = temp.join('outside');
    mkdirSync(outside, { mode: 0o700 });
    writeFileSync(temp.join('outside/file'), '', { mode: 0o600 });
    const before = [outside, temp.join('outside/file')].map(stateOf);
    symlinkSync(outside, temp.join('link'));
    canonicaliseTree(temp.join('link'), { xattrs });
    assert.equal(stateOf(temp.join('link')), 'link 1 ours');
    mkdirSync(temp.join('tree'));
    symlinkSync(outside, temp.join('tree/directory'));
    symlinkSync('../outside/file', temp.join('tree/file'));
    canonicaliseTree(temp.join('tree'), { xattrs });
    assert.deepEqual([outside, temp.join('outside/file')].map(stateOf), before);
    canonicaliseTree(temp.join('outside/file'), { xattrs });
    assert.equal(stateOf(temp.join('outside/file')), '444 1 ours');
  });

  test('changes nothing outside when a file is exchanged for a link under its hands', () => {
    using temp = makeTempDirectory();
    const outside = temp.join('outside');
    writeFileSync(outside, '', { mode: 0o600 });
    const before = stateOf(outside);
    const root = temp.join('tree');
    mkdirSync(root);
    for (const name of ['a', 'b', 'c']) writeFileSync(`${root}/${name}`, '');
    let nodes = 0;
    // The names were read by then.
    const exchange = (): void => {
      nodes++;
      if (nodes !== 2) return;
      for (const name of readdirSync(root)) {
        chmodSync(root, 0o755);
        symlinkSync(outside, `${root}/.${name}`);
        renameSync(`${root}/.${name}`, `${root}/${name}`);
      }
    };
    canonicaliseTree(root, { xattrs, checkpoint: exchange });
    assert.equal(nodes, 4);
    assert.equal(stateOf(outside), before);
    assert.equal(stateOf(`${root}/a`), 'link 1 ours');
  });

  test('refuses what no store holds', async () => {
    using temp = makeTempDirectory();
    mkdirSync(temp.join('tree'));
    const server = createServer().listen(temp.join('tree/socket'));
    await once(server, 'listening');
    assert.throws(() => canonicaliseTree(temp.join('tree'), { xattrs }), {
      code: 'unsupported',
      message: /cannot canonicalise ".*\/tree\/socket": it is a socket/,
    });
    server.close();
    mkdirSync(`${temp.join('deep')}/${'d/'.repeat(64)}`, { recursive: true });
    assert.throws(() => canonicaliseTree(temp.join('deep'), { xattrs }), {
      code: 'unsupported',
      message: /deeper than 63/,
    });
    mkdirSync(`${temp.join('63')}/${'d/'.repeat(63)}`, { recursive: true });
    canonicaliseTree(temp.join('63'), { xattrs });
    assert.throws(() => canonicaliseTree(temp.join('nothing'), { xattrs }), { code: 'not-found' });
  });

  test('takes ownership as root', { skip: !isRoot && 'root alone may do that' }, () => {
    using temp = makeTempDirectory();
    const root = temp.join('tree');
    makeTree(root);
    for (const name of ['', '/d', '/d/run', '/plain']) chownSync(root + name, 4242, 4242);
    lchownSync(`${root}/link`, 4242, 4242);
    canonicaliseTree(root, { xattrs });
    assert.equal(stateOf(root), '555 1 ours');
    assert.equal(stateOf(`${root}/d/run`), '555 1 ours');
    assert.equal(stateOf(`${root}/link`), 'link 1 ours');
  });

  test('takes extended attributes off', { skip: !isLinux && 'Linux has them' }, (context) => {
    using temp = makeTempDirectory();
    const root = temp.join('tree');
    makeTree(root);
    const set = koffi
      .load(null)
      .func(
        'int lsetxattr(const char *path, const char *name, const char *value, size_t size, int flags)',
      );
    const marked = [root, `${root}/plain`, `${root}/d/run`, `${root}/d/e/secret`];
    if (!marked.every((path) => set(path, 'user.mark', 'x', 1, 0) === 0)) {
      context.skip('this file system has none');
      return;
    }
    canonicaliseTree(root, { xattrs });
    assert.deepEqual(
      marked.flatMap((path) => xattrs.list(path)),
      [],
    );
  });

  test('ends where a checkpoint throws, and leaves no descriptor open', () => {
    using temp = makeTempDirectory();
    makeTree(temp.join('tree'));
    const open = (): number => (isLinux ? readdirSync('/proc/self/fd').length : 0);
    const before = open();
    let left = 4;
    const checkpoint = (): void => {
      left--;
      if (left === 0) throw new Error('enough');
    };
    assert.throws(() => canonicaliseTree(temp.join('tree'), { xattrs, checkpoint }), /enough/);
    assert.equal(open(), before);
  });

  test('is a job of the tree workers', async () => {
    using temp = makeTempDirectory();
    makeTree(temp.join('tree'));
    await using workers = openTreeWorkers({ width: 1 });
    await workers.canonicalise(temp.join('tree'));
    assert.equal(stateOf(temp.join('tree/d/e/secret')), '444 1 ours');
    await assert.rejects(workers.canonicalise(temp.join('nothing')), { code: 'not-found' });
    const reason = new Error('enough');
    await assert.rejects(
      workers.canonicalise(temp.join('tree'), { signal: AbortSignal.abort(reason) }),
      reason,
    );
    assert.ok(existsSync(temp.join('tree')));
  });
});
