import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import * as zlib from 'node:zlib';
import * as fc from 'fast-check';
import { skipWithoutLzma } from '../support/lzma.ts';
import { compressions, isWritable, type Compression } from '../../src/format/compression.ts';
import { compress, type CompressOptions } from '../../src/system/compression/compress.ts';
import { decompress } from '../../src/system/compression/decompress.ts';

const methods = compressions.filter(isWritable);
const skipFor = (method: Compression): string | false =>
  method === 'xz' ? skipWithoutLzma : false;

async function* pieces(bytes: Uint8Array, sizes: readonly number[]): AsyncGenerator<Uint8Array> {
  for (let at = 0, next = 0; at < bytes.length; next += 1) {
    const size = sizes[next % sizes.length] ?? 1;
    yield bytes.slice(at, at + size);
    at += size;
  }
}

async function collect(chunks: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  return new Uint8Array(Buffer.concat(await Array.fromAsync(chunks)));
}

async function close(
  method: Compression,
  bytes: Uint8Array,
  options: CompressOptions & { readonly sizes?: readonly number[] } = {},
): Promise<Uint8Array> {
  return await collect(compress(method, pieces(bytes, options.sizes ?? [65_536]), options));
}

/** Neither all the same nor noise: a thousand hashes, again and again. */
function mixed(size: number): Uint8Array {
  const words = Array.from({ length: 1009 }, (_, at) =>
    createHash('sha256').update(`${at}`).digest(),
  );
  const once = Buffer.concat(words);
  const bytes = Buffer.alloc(size);
  for (let at = 0; at < size; at += once.length) once.copy(bytes, at);
  return new Uint8Array(bytes);
}

describe('compressing', () => {
  for (const method of methods) {
    const skip = skipFor(method);

    test(`${method} is undone by decompressing, whatever it is`, { skip }, async () => {
      const sizes = fc.array(fc.integer({ min: 1, max: 5000 }), { minLength: 1, maxLength: 5 });
      const bytes = fc.oneof(
        fc.uint8Array({ maxLength: 20_000 }),
        fc.tuple(fc.integer({ max: 255, min: 0 }), fc.nat(50_000)).map(([byte, size]) => {
          return new Uint8Array(size).fill(byte);
        }),
      );
      await fc.assert(
        fc.asyncProperty(bytes, sizes, async (contents, cuts) => {
          const file = await close(method, contents, { sizes: cuts, level: 1 });
          assert.deepEqual(await close(method, contents, { level: 1 }), file);
          assert.deepEqual(await collect(decompress(method, pieces(file, cuts))), contents);
        }),
        { numRuns: 15 },
      );
    });

    test(`${method} of what takes several blocks`, { skip }, async () => {
      // Of zstd and gzip exactly two, a few bytes less, a few more: the last is never empty.
      const large = method === 'zstd' || method === 'gzip' ? 8 * 2 ** 20 : 2 ** 18;
      for (const size of [large, large + 9, large - 9]) {
        const contents = mixed(size);
        const options = { level: 1, sizes: [1_000_003] };
        const file = await close(method, contents, options);
        assert.deepEqual(await close(method, contents, { level: 1, sizes: [65_536, 77] }), file);
        assert.ok(method === 'none' || file.length < contents.length / 4);
        const opened = await collect(decompress(method, pieces(file, [100_000])));
        assert.ok(Buffer.compare(opened, contents) === 0);
      }
    });

    test(`${method}: chunks are of the size asked for, and the reader's`, { skip }, async () => {
      const noise = Uint8Array.from({ length: 300_000 }, (_, at) => (at * at * 31) >> (at % 13));
      const chunks = await Array.fromAsync(
        compress(method, pieces(noise, [65_536]), { level: 1, chunkBytes: 70_000 }),
      );
      for (const chunk of chunks) {
        assert.ok(chunk.length > 0 && chunk.length <= 70_000);
        assert.ok(chunk.buffer instanceof ArrayBuffer);
        assert.equal(chunk.buffer.byteLength, chunk.length);
      }
    });

    test(`${method}: an error of the source is passed on`, { skip }, async () => {
      const lost = new Error('lost');
      const source = async function* (): AsyncGenerator<Uint8Array> {
        yield new Uint8Array(100_000);
        throw lost;
      };
      await assert.rejects(collect(compress(method, source())), (error) => error === lost);
    });

    test(`${method}: an abort ends the wait for a source that hangs`, { skip }, async () => {
      const abort = new AbortController();
      const reason = new Error('enough');
      const source = async function* (): AsyncGenerator<Uint8Array> {
        yield new Uint8Array(100_000);
        await new Promise(() => {});
      };
      const outcome = collect(compress(method, source(), { signal: abort.signal }));
      const rejected = assert.rejects(outcome, (error) => error === reason);
      await sleep(5);
      abort.abort(reason);
      await rejected;
    });

    test(`${method} can be left in the middle, and takes no more than it needs`, {
      skip,
    }, async () => {
      const closed = Promise.withResolvers<void>();
      const source = async function* (): AsyncGenerator<Uint8Array> {
        const block = randomBytes(1024 * 1024);
        try {
          for (;;) yield new Uint8Array(block);
        } finally {
          closed.resolve();
        }
      };
      for await (const chunk of compress(method, source(), { level: 1 })) {
        assert.ok(chunk.length > 0);
        break;
      }
      await closed.promise;
    });
  }

  test('zstd and gzip give the same bytes, however many processors work on it', async () => {
    const contents = mixed(5 * 1024 * 1024);
    for (const method of ['zstd', 'gzip'] as const) {
      const alone = await close(method, contents, { parallel: false });
      assert.deepEqual(await close(method, contents, { parallel: true }), alone);
    }
  });

  test('zstd frames say how much comes out of them', async () => {
    const file = await close('zstd', mixed(1000));
    // A frame of a single segment whose size is in two bytes.
    assert.equal(file[4], 0x60);
    assert.equal((file[5] ?? 0) + 256 * (file[6] ?? 0) + 256, 1000);
  });

  test('gzip is one member that any reader takes', async () => {
    const contents = mixed(5 * 1024 * 1024);
    const file = await close('gzip', contents);
    assert.ok(Buffer.compare(zlib.gunzipSync(file), contents) === 0);
    // One that knows of no second member stops at the end of the first: there it must all be.
    const engine = zlib.createInflateRaw();
    let size = 0;
    engine.on('data', (chunk: Uint8Array) => {
      size += chunk.length;
    });
    await new Promise((resolve) => engine.on('end', resolve).end(file.subarray(10)));
    assert.equal(size, contents.length);
    assert.equal(engine.bytesWritten, file.length - 10 - 8);
  });
});

describe('levels', () => {
  test('more of it makes less', async () => {
    const contents = mixed(200_000);
    for (const method of ['zstd', 'gzip', 'br'] as const) {
      const [fast, slow] = [
        await close(method, contents, { level: 1 }),
        await close(method, contents, { level: 9 }),
      ];
      assert.ok(slow.length <= fast.length, method);
    }
  });

  test('-1 is the default of the method', async () => {
    const contents = mixed(200_000);
    const usual = { zstd: 3, gzip: 6 } as const;
    for (const method of ['zstd', 'gzip'] as const) {
      const file = await close(method, contents, { level: usual[method] });
      assert.deepEqual(await close(method, contents), file);
      assert.deepEqual(await close(method, contents, { level: -1 }), file);
    }
  });

  test('one that there is not is refused, before anything is read', async () => {
    const bad = [
      ['zstd', 23],
      ['zstd', 1.5],
      ['zstd', -100],
      ['xz', 10],
      ['xz', -2],
      ['gzip', 10],
      ['br', 12],
      ['br', Number.NaN],
    ] as const;
    for (const [method, level] of bad) {
      await assert.rejects(close(method, mixed(10), { level }), { code: 'usage' });
    }
  });

  test('bzip2 and lzip are only read', async () => {
    for (const method of ['bzip2', 'lzip'] as const) {
      await assert.rejects(close(method, mixed(10)), { code: 'unsupported' });
    }
  });
});
