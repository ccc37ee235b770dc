import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import {
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  writeFileSync,
} from 'node:fs';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { directory, entry, file, nar, richNar, symlink } from '../vectors/nar/build.ts';
import { hostileNars } from '../vectors/nar/hostile.ts';
import { makeTempDirectory, type TempDirectory } from '../support/temp.ts';
import { skipWithoutLzma } from '../support/lzma.ts';
import { FerryError } from '../../src/error.ts';
import type { Compression } from '../../src/format/compression.ts';
import { formatHash, hashBytes } from '../../src/format/hash.ts';
import { decompress } from '../../src/system/compression/decompress.ts';
import type { PackDigest, TreeDigest, TreeWorkers } from '../../src/system/tree-jobs.ts';
import { Thread } from '../../src/system/threads/thread.ts';
import { openTreeWorkers } from '../../src/system/threads/tree-workers.ts';

async function* chunksOf(bytes: Uint8Array, size = 1000): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size)
    yield new Uint8Array(bytes.subarray(at, at + size));
}

async function collect(chunks: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  return new Uint8Array(Buffer.concat(await Array.fromAsync(chunks)));
}

const large = nar(
  directory(
    entry('large', file('0123456789'.repeat(400_001))),
    ...Array.from({ length: 50 }, (_, i) => entry(`small-${10 + i}`, file('x'.repeat(i * 100)))),
  ),
);

describe('tree workers', () => {
  let workers: TreeWorkers;
  let temp: TempDirectory;
  before(() => {
    workers = openTreeWorkers({ width: 2 });
    temp = makeTempDirectory();
  });
  after(async () => {
    await workers[Symbol.asyncDispose]();
    temp[Symbol.dispose]();
  });
  /** Runs a test with a directory of its own. */
  const within = (
    name: string,
    body: (dir: string) => Promise<void>,
    skip: string | false = false,
  ): void => {
    let count = 0;
    test(name, { skip }, async () => {
      const dir = temp.join(`${name.replace(/\W+/g, '-')}-${(count += 1)}`);
      mkdirSync(dir);
      await body(dir);
    });
  };

  within('unpack a stream, and pack what they unpacked', async (dir) => {
    for (const bytes of [richNar, large, nar(file('hello')), nar(symlink('x')), nar(directory())]) {
      const target = `${dir}/tree`;
      let told = 0;
      const digest = await workers.unpack({
        source: chunksOf(bytes),
        target,
        narSize: bytes.length,
        onBytes: (count) => {
          told += count;
        },
      });
      assert.equal(digest.narSize, bytes.length);
      assert.equal(told, bytes.length);
      assert.deepEqual(digest.narHash, hashBytes('sha256', bytes));
      assert.deepEqual(await collect(workers.pack(target)), bytes);
      const { mode, mtimeMs } = lstatSync(target);
      assert.equal(mtimeMs, 1000);
      assert.ok(lstatSync(target).isSymbolicLink() || (mode & 0o222) === 0);
      await workers.remove(target);
      assert.equal(existsSync(target), false);
    }
  });

  within('copy a tree', async (dir) => {
    await workers.unpack({ source: chunksOf(large), target: `${dir}/a` });
    let told = 0;
    const digest = await workers.unpack({
      source: { tree: `${dir}/a` },
      target: `${dir}/b`,
      narSize: large.length,
      sync: true,
      onBytes: (count) => {
        told += count;
      },
    });
    assert.deepEqual(digest.narHash, hashBytes('sha256', large));
    assert.equal(told, large.length);
    assert.deepEqual(await collect(workers.pack(`${dir}/b`)), large);
  });

  within('hash a tree, and find what it mentions', async (dir) => {
    const mentioned = 'q790zdjk75hm2cn42nh77pqw4gbv1b88';
    const bytes = nar(directory(entry('a', symlink(`/nix/store/${mentioned}-x`))));
    await workers.unpack({ source: chunksOf(bytes), target: `${dir}/tree` });
    const result = await workers.hash({
      tree: `${dir}/tree`,
      ca: { method: 'nar', algorithm: 'sha256', selfHashPart: mentioned },
      scanFor: [mentioned, '0'.repeat(32)],
    });
    assert.deepEqual(result.found, [mentioned]);
    assert.deepEqual(result.narHash, hashBytes('sha256', bytes));
    assert.equal(result.caHashes?.length, 2);
  });

  within('take the hash that a content address claims on the way', async (dir) => {
    const bytes = nar(file('hello'));
    const flat = await workers.unpack({
      source: chunksOf(bytes),
      target: `${dir}/flat`,
      ca: { method: 'flat', algorithm: 'sha1' },
    });
    const sha1 = createHash('sha1').update('hello').digest('hex');
    assert.deepEqual(
      flat.caHashes?.map((hash) => formatHash(hash, 'base16')),
      [`sha1:${sha1}`],
    );
    const recursive = await workers.unpack({
      source: { tree: `${dir}/flat` },
      target: `${dir}/nar`,
      ca: { method: 'nar', algorithm: 'sha256' },
    });
    assert.deepEqual(recursive.caHashes, [recursive.narHash]);
  });

  within('refuse every hostile archive, and leave nothing of it', async (dir) => {
    writeFileSync(`${dir}/outside`, 'mine');
    for (const { name, bytes, problem, offset } of hostileNars) {
      await assert.rejects(
        workers.unpack({ source: chunksOf(bytes), target: `${dir}/target` }),
        (error) => {
          assert.ok(error instanceof FerryError, name);
          assert.equal(error.code, 'corrupt', name);
          assert.equal(error.offset, offset, name);
          assert.match(error.message, problem, name);
          return true;
        },
      );
      assert.deepEqual(readdirSync(dir), ['outside'], name);
    }
    assert.equal(readFileSync(`${dir}/outside`, 'utf8'), 'mine');
  });

  within('refuse an archive that is cut short, longer or of another size', async (dir) => {
    const target = `${dir}/target`;
    const more = Buffer.concat([richNar, new Uint8Array(8)]);
    const wrong: [Uint8Array, number | undefined, RegExp][] = [
      [richNar.subarray(0, -8), undefined, /unexpected end of input/],
      [richNar.subarray(0, 0), undefined, /unexpected end of input/],
      [more, undefined, /but more follows/],
      [more, richNar.length, /has more than \d+ bytes instead of/],
      [richNar, richNar.length + 8, /has \d+ bytes instead of/],
    ];
    for (const [bytes, narSize, message] of wrong) {
      const unpacked = workers.unpack({ source: chunksOf(bytes), target, narSize });
      await assert.rejects(unpacked, { code: 'corrupt', message });
      assert.equal(existsSync(target), false);
    }
    await workers.unpack({ source: chunksOf(richNar), target: `${dir}/tree` });
    await assert.rejects(
      workers.unpack({ source: { tree: `${dir}/tree` }, target, narSize: richNar.length - 8 }),
      { code: 'corrupt' },
    );
    assert.equal(existsSync(target), false);
  });

  within('leave alone what is at the target', async (dir) => {
    writeFileSync(`${dir}/target`, 'mine');
    for (const source of [chunksOf(richNar), { tree: dir }]) {
      await assert.rejects(workers.unpack({ source, target: `${dir}/target` }), {
        code: 'conflict',
        path: `${dir}/target`,
      });
    }
    assert.equal(readFileSync(`${dir}/target`, 'utf8'), 'mine');
  });

  within('pass on the error of the source, and tell the source of theirs', async (dir) => {
    async function* breaking(): AsyncGenerator<Uint8Array> {
      yield richNar.subarray(0, 500);
      throw new FerryError('unavailable', 'the link is gone');
    }
    await assert.rejects(workers.unpack({ source: breaking(), target: `${dir}/target` }), {
      code: 'unavailable',
      message: 'the link is gone',
    });
    const closed = Promise.withResolvers<void>();
    async function* endless(): AsyncGenerator<Uint8Array> {
      try {
        for (;;) yield new Uint8Array(1000);
      } finally {
        closed.resolve();
      }
    }
    await assert.rejects(workers.unpack({ source: endless(), target: `${dir}/target` }), {
      code: 'corrupt',
    });
    await closed.promise;
    assert.equal(existsSync(`${dir}/target`), false);
  });

  within('end when they are aborted, and leave nothing', async (dir) => {
    const reason = new Error('enough');
    async function* stalling(): AsyncGenerator<Uint8Array> {
      yield large.subarray(0, 1_000_000);
      await new Promise(() => {});
    }
    const controller = new AbortController();
    const { signal } = controller;
    await workers.unpack({ source: chunksOf(large), target: `${dir}/tree` });
    const jobs: Promise<TreeDigest>[] = [
      workers.unpack({ source: stalling(), target: `${dir}/a`, signal }),
      workers.unpack({ source: stalling(), target: `${dir}/b`, signal }),
    ];
    await sleep(50);
    // These two wait for a thread.
    jobs.push(
      workers.unpack({ source: { tree: `${dir}/tree` }, target: `${dir}/c`, signal }),
      workers.hash({ tree: `${dir}/tree`, signal }),
    );
    const outcomes = Promise.allSettled(jobs);
    await sleep(50);
    controller.abort(reason);
    for (const outcome of await outcomes) {
      assert.deepEqual(outcome, { status: 'rejected', reason });
    }
    assert.deepEqual(readdirSync(dir), ['tree']);
    await assert.rejects(workers.hash({ tree: dir, signal }), reason);
  });

  within('may be left in the middle of packing', async (dir) => {
    await workers.unpack({ source: chunksOf(large, 100_000), target: `${dir}/tree` });
    for (let i = 0; i < 5; i++) {
      for await (const chunk of workers.pack(`${dir}/tree`)) {
        assert.ok(chunk.length > 0);
        break;
      }
    }
    assert.deepEqual(await collect(workers.pack(`${dir}/tree`)), large);
    const controller = new AbortController();
    const { signal } = controller;
    await assert.rejects(async () => {
      for await (const _ of workers.pack(`${dir}/tree`, { signal })) controller.abort();
    }, controller.signal.reason as Error);
  });

  within('say what is wrong with a tree', async (dir) => {
    const missing = `${dir}/missing`;
    await assert.rejects(collect(workers.pack(missing)), { code: 'not-found', path: missing });
    await assert.rejects(workers.hash({ tree: missing }), { code: 'not-found' });
    await assert.rejects(workers.unpack({ source: { tree: missing }, target: `${dir}/t` }), {
      code: 'not-found',
    });
    await workers.remove(missing);
  });

  within('say how much removing a tree gave free, and stop at an abort', async (dir) => {
    const tree = `${dir}/tree`;
    mkdirSync(tree);
    writeFileSync(`${tree}/alone`, 'x'.repeat(100));
    writeFileSync(`${tree}/two`, 'y'.repeat(10));
    linkSync(`${tree}/two`, `${dir}/two`);
    writeFileSync(`${tree}/three`, 'z'.repeat(1000));
    linkSync(`${tree}/three`, `${dir}/three`);
    linkSync(`${tree}/three`, `${dir}/another`);
    const stop = new AbortController();
    stop.abort(new Error('enough'));
    await assert.rejects(workers.remove(tree, { signal: stop.signal }), /enough/);
    const freed: number[] = [];
    await workers.remove(tree, { onFreed: (bytes) => freed.push(bytes) });
    assert.deepEqual(freed, [110]);
    assert.ok(!existsSync(tree));
  });

  within('unpack what they pack, however few they are', async (dir) => {
    await using one = openTreeWorkers({ width: 1 });
    await one.unpack({ source: chunksOf(large, 100_000), target: `${dir}/0` });
    await Promise.all(
      [1, 2, 3].map((i) => one.unpack({ source: one.pack(`${dir}/0`), target: `${dir}/${i}` })),
    );
    assert.deepEqual(await collect(one.pack(`${dir}/3`)), large);
  });

  within('stop what runs when they are closed', async (dir) => {
    const closing = openTreeWorkers({ width: 1 });
    async function* stalling(): AsyncGenerator<Uint8Array> {
      yield large.subarray(0, 1_000_000);
      await new Promise(() => {});
    }
    const running = closing.unpack({ source: stalling(), target: `${dir}/a` });
    running.catch(() => {});
    await sleep(50);
    const outcomes = Promise.allSettled([running, closing.hash({ tree: dir })]);
    await closing[Symbol.asyncDispose]();
    for (const outcome of await outcomes) assert.equal(outcome.status, 'rejected');
    assert.deepEqual(readdirSync(dir), []);
    await assert.rejects(closing.hash({ tree: dir }), { code: 'internal' });
    await closing[Symbol.asyncDispose]();
  });

  within('pack with the hash of the NAR, and of what came out', async (dir) => {
    const tree = `${dir}/tree`;
    await workers.unpack({ source: chunksOf(large, 100_000), target: tree });
    for (const chunkBytes of [undefined, 1, 1024 * 1024]) {
      const digests: PackDigest[] = [];
      let told = 0;
      const chunks = await Array.fromAsync(
        workers.pack(tree, {
          chunkBytes,
          onDigest: (digest) => digests.push(digest),
          onBytes: (bytes) => {
            told += bytes;
          },
        }),
      );
      const hash = hashBytes('sha256', large);
      assert.deepEqual(digests, [
        { narHash: hash, narSize: large.length, fileHash: hash, fileSize: large.length },
      ]);
      assert.equal(told, large.length);
      assert.ok(Buffer.compare(Buffer.concat(chunks), large) === 0);
      assert.ok(chunks.every(({ length }) => length <= Math.max(chunkBytes ?? 262_144, 65_536)));
    }
  });

  for (const compression of ['none', 'zstd', 'gzip', 'xz', 'br'] as const) {
    const skip = compression === 'xz' ? skipWithoutLzma : false;
    within(
      `pack and compress with ${compression}`,
      async (dir) => {
        const tree = `${dir}/tree`;
        // More than two blocks of zstd, and of no whole number of them.
        const bytes = nar(
          directory(
            entry('large', file('0123456789'.repeat(900_001))),
            ...Array.from({ length: 9 }, (_, i) => entry(`small-${i}`, file('x'.repeat(i)))),
          ),
        );
        await workers.unpack({ source: chunksOf(bytes, 100_000), target: tree });
        const pack = async (): Promise<[Uint8Array, PackDigest | undefined]> => {
          let digest: PackDigest | undefined;
          let told = 0;
          const chunks: Uint8Array[] = [];
          const packed = workers.pack(tree, {
            compress: { compression, level: 1 },
            onDigest: (each) => {
              assert.equal(digest, undefined);
              digest = each;
            },
            onBytes: (count) => {
              told += count;
            },
          });
          for await (const chunk of packed) {
            assert.equal(chunk.length, chunk.buffer.byteLength);
            chunks.push(chunk);
          }
          assert.equal(told, bytes.length);
          return [new Uint8Array(Buffer.concat(chunks)), digest];
        };
        const [packed, digest] = await pack();
        assert.deepEqual(digest, {
          narHash: hashBytes('sha256', bytes),
          narSize: bytes.length,
          fileHash: hashBytes('sha256', packed),
          fileSize: packed.length,
        });
        const opened = await collect(decompress(compression, chunksOf(packed, 10_000)));
        assert.ok(Buffer.compare(opened, bytes) === 0);
        assert.deepEqual(await pack(), [packed, digest]);
        const others = workers.pack(tree, { compress: { compression, level: 1, parallel: true } });
        const alike = await collect(decompress(compression, others));
        assert.ok(Buffer.compare(alike, bytes) === 0);
      },
      skip,
    );
  }

  within(
    'refuse to pack with what can only be read, or at a level that there is not',
    async (dir) => {
      const pack = (compression: Compression, level?: number): Promise<Uint8Array> =>
        collect(workers.pack(dir, { compress: { compression, level } }));
      await assert.rejects(pack('bzip2'), { code: 'unsupported' });
      await assert.rejects(pack('zstd', 99), { code: 'usage' });
      assert.ok((await pack('zstd', 1)).length > 0);
    },
  );

  within('stop in the middle of packing, and tell no digest', async (dir) => {
    const tree = `${dir}/tree`;
    // Of noise, so that more comes out than may be under way.
    mkdirSync(tree);
    writeFileSync(`${tree}/noise`, randomBytes(6_000_000));
    const onDigest = (): void => assert.fail('there is a digest of a part');
    for (const compression of ['none', 'gzip', 'zstd', 'br'] as const) {
      const abort = new AbortController();
      const { signal } = abort;
      const compress = { compression, level: 1 };
      const reason = new Error('enough');
      const read = async (): Promise<void> => {
        for await (const _ of workers.pack(tree, { compress, onDigest, signal })) {
          abort.abort(reason);
        }
      };
      await assert.rejects(read, (error) => error === reason);
      for await (const _ of workers.pack(tree, { compress, onDigest })) break;
    }
    await assert.rejects(
      collect(workers.pack(`${dir}/none`, { compress: { compression: 'zstd' } })),
      { code: 'not-found' },
    );
  });

  within('hear of it when a thread dies', async (dir) => {
    await workers.unpack({ source: chunksOf(large, 100_000), target: `${dir}/tree` });
    const thread = new Thread();
    // Nobody takes its chunks, so that it waits.
    const { outcome } = thread.run({
      kind: 'pack',
      tree: `${dir}/tree`,
      chunkBytes: 64 * 1024,
      compression: 'none',
      level: undefined,
      isHashed: false,
    });
    await Promise.all([
      assert.rejects(outcome, { code: 'internal', message: /a worker thread ended in the middle/ }),
      sleep(200).then(() => thread.terminate()),
    ]);
    assert.equal(thread.isDead, true);
    const { outcome: next } = thread.run({
      kind: 'remove',
      tree: `${dir}/none`,
      isMeasured: false,
    });
    await assert.rejects(next, { code: 'internal' });
  });
});
