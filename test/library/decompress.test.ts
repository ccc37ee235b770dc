import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import * as zlib from 'node:zlib';
import { skipWithoutLzma } from '../support/lzma.ts';
import {
  bzip2Runs,
  bzip2Zeros,
  compressedFiles,
  runs,
  text,
  xzBlocks,
  xzLargeDictionary,
  type CompressedBy,
} from '../vectors/compression/files.ts';
import { isFerryError } from '../../src/error.ts';
import type { Compression } from '../../src/format/compression.ts';
import { compress } from '../../src/system/compression/compress.ts';
import { decompress, type DecompressOptions } from '../../src/system/compression/decompress.ts';

const methods = Object.keys(compressedFiles) as CompressedBy[];
const skipFor = (method: Compression): string | false =>
  method === 'xz' ? skipWithoutLzma : false;

/** In pieces of so many bytes, each in memory of its own. */
async function* cut(bytes: Uint8Array, size = bytes.length): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.slice(at, at + size);
}

/** Again and again, for ever. */
async function* endless(bytes: Uint8Array, counter: { pulls: number }): AsyncGenerator<Uint8Array> {
  for (;;) {
    counter.pulls += 1;
    yield bytes.slice();
  }
}

async function collect(chunks: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  return new Uint8Array(Buffer.concat(await Array.fromAsync(chunks)));
}

function join(...parts: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat(parts));
}

async function open(
  method: Compression,
  bytes: Uint8Array,
  options: DecompressOptions & { readonly size?: number } = {},
): Promise<Uint8Array> {
  return await collect(decompress(method, cut(bytes, options.size), options));
}

describe('decompressing', () => {
  for (const method of methods) {
    const file = compressedFiles[method];
    const skip = skipFor(method);
    const corrupt = { code: 'corrupt', message: new RegExp(`^cannot decompress ${method}: `) };

    test(`${method} gives what was compressed, in whatever pieces it comes`, { skip }, async () => {
      for (const size of [1, 2, 3, 7, 64, file.text.length]) {
        assert.deepEqual(await open(method, file.text, { size }), text);
      }
      assert.deepEqual(await open(method, file.empty), new Uint8Array(0));
    });

    test(`${method} that is cut short is refused, wherever`, { skip }, async () => {
      for (let end = 0; end < file.text.length; end += 1) {
        await assert.rejects(open(method, file.text.subarray(0, end)), corrupt, `${end}`);
      }
      await assert.rejects(open(method, file.text.subarray(0, -1), { size: 1 }), corrupt);
    });

    test(`${method} that is followed by something else is refused`, { skip }, async () => {
      for (const garbage of ['\0', '\0\0\0', 'x', 'more than a few bytes', '\x1f', 'BZ', '(\xb5']) {
        const bytes = join(file.text, Buffer.from(garbage, 'latin1'));
        for (const size of [1, 5, file.text.length, bytes.length]) {
          await assert.rejects(open(method, bytes, { size }), corrupt, `${garbage} by ${size}`);
        }
      }
    });

    if (method !== 'br') {
      test(`${method} files one after the other are one file`, { skip }, async () => {
        const three = join(file.text, file.empty, file.text);
        for (const size of [1, file.text.length, three.length]) {
          assert.deepEqual(await open(method, three, { size }), join(text, text));
        }
        for (const end of [1, 3, 5, 9, 20, file.text.length - 1]) {
          const bytes = join(file.text, file.text.subarray(0, end));
          await assert.rejects(open(method, bytes), corrupt, `${end}`);
        }
      });
    }

    test(`${method} with any byte wrong is refused, or is the same all the same`, {
      skip,
    }, async () => {
      for (let at = 0; at < file.text.length; at += 1) {
        const bytes = file.text.slice();
        bytes[at] = (bytes[at] ?? 0) ^ 0x41;
        let contents: Uint8Array | undefined;
        try {
          contents = await open(method, bytes, { bytesMax: 1_000_000 });
        } catch (error) {
          assert.ok(isFerryError(error, 'corrupt'), String(error));
        }
        // Brotli has no checksum: what comes out is for the hash of the NAR to judge.
        if (contents !== undefined && method !== 'br') assert.deepEqual(contents, text);
      }
    });

    test(`${method}: the chunks are the reader's to give away`, { skip }, async () => {
      const parts: Uint8Array[] = [];
      for await (const chunk of decompress(method, cut(file.text, 40))) {
        assert.ok(chunk.buffer instanceof ArrayBuffer);
        assert.equal(chunk.buffer.byteLength, chunk.length);
        parts.push(new Uint8Array(chunk.buffer.transfer()));
      }
      assert.deepEqual(join(...parts), text);
    });

    test(`${method} leaves the chunks of its source as they are`, { skip }, async () => {
      const bytes = file.text.slice();
      await collect(
        decompress(
          method,
          (async function* () {
            yield bytes;
          })(),
        ),
      );
      assert.deepEqual(bytes, file.text);
    });

    test(`${method}: an error of the source is passed on`, { skip }, async () => {
      const lost = new Error('lost');
      const source = async function* (): AsyncGenerator<Uint8Array> {
        yield file.text.slice(0, 20);
        throw lost;
      };
      await assert.rejects(collect(decompress(method, source())), (error) => error === lost);
    });

    test(`${method}: an abort ends the wait for a source that hangs`, { skip }, async () => {
      const abort = new AbortController();
      const reason = new Error('enough');
      const source = async function* (): AsyncGenerator<Uint8Array> {
        yield file.text.slice(0, 20);
        await new Promise(() => {});
      };
      const outcome = collect(decompress(method, source(), { signal: abort.signal }));
      const rejected = assert.rejects(outcome, (error) => error === reason);
      await sleep(5);
      abort.abort(reason);
      await rejected;
      await assert.rejects(
        collect(decompress(method, cut(file.text), { signal: abort.signal })),
        (error) => error === reason,
      );
    });
  }

  test('none gives what there is', async () => {
    assert.deepEqual(await open('none', text, { size: 10 }), text);
    assert.deepEqual(await open('none', new Uint8Array(0)), new Uint8Array(0));
    await assert.rejects(open('none', text, { bytesMax: 100, size: 10 }), { code: 'corrupt' });
  });
});

describe('what takes too much room', () => {
  const zeros = new Uint8Array(2 * 1024 * 1024);
  const bombs: Readonly<Record<CompressedBy, () => Promise<Uint8Array> | Uint8Array>> = {
    gzip: () => zlib.gzipSync(zeros),
    zstd: () => zlib.zstdCompressSync(zeros),
    bzip2: () => join(...Array.from({ length: 500 }, () => bzip2Zeros)),
    xz: () => collect(compress('xz', cut(zeros))),
    br: () =>
      zlib.brotliCompressSync(new Uint8Array(8 * 1024 * 1024), {
        params: { [zlib.constants.BROTLI_PARAM_QUALITY]: 1 },
      }),
    // Seven hundred bytes from one: it does not get better.
    lzip: () => join(...Array.from({ length: 500 }, () => compressedFiles.lzip.text)),
  };

  for (const method of methods) {
    test(`${method} stops where it is more than wanted`, { skip: skipFor(method) }, async () => {
      const bytes = await bombs[method]();
      const counter = { pulls: 0 };
      const source = method === 'br' ? cut(bytes) : endless(bytes, counter);
      let size = 0;
      const read = async (): Promise<void> => {
        for await (const chunk of decompress(method, source, { bytesMax: 300_000 })) {
          size += chunk.length;
        }
      };
      await assert.rejects(read, {
        code: 'corrupt',
        message: `cannot decompress ${method}: more than 300000 bytes come out of it`,
      });
      assert.ok(size <= 300_000);
      // What is on its way is bounded, whatever comes out of it.
      assert.ok(counter.pulls * bytes.length < 4 * 1024 * 1024, `${counter.pulls} pulls`);
    });

    test(`${method} can be left in the middle`, { skip: skipFor(method) }, async () => {
      const bytes = await bombs[method]();
      const closed = Promise.withResolvers<void>();
      const source = async function* (): AsyncGenerator<Uint8Array> {
        try {
          yield* method === 'br' ? cut(bytes, 100) : endless(bytes, { pulls: 0 });
        } finally {
          closed.resolve();
        }
      };
      for await (const chunk of decompress(method, source())) {
        assert.ok(chunk.length > 0);
        break;
      }
      await closed.promise;
    });
  }

  test('exactly as much as wanted is fine', async () => {
    const options = { bytesMax: text.length };
    assert.deepEqual(await open('zstd', compressedFiles.zstd.text, options), text);
    await assert.rejects(open('zstd', compressedFiles.zstd.text, { bytesMax: text.length - 1 }), {
      code: 'corrupt',
    });
  });
});

describe('peculiarities', () => {
  test('bzip2 with runs of every length', async () => {
    assert.deepEqual(await open('bzip2', bzip2Runs), runs);
  });

  test('zstd with frames to be skipped, and without a checksum', async () => {
    const skipped = Uint8Array.of(0x5a, 0x2a, 0x4d, 0x18, 3, 0, 0, 0, 1, 2, 3);
    const frame = zlib.zstdCompressSync(text);
    const bytes = join(skipped, frame, skipped, compressedFiles.zstd.text, skipped);
    for (const size of [1, 10, bytes.length]) {
      assert.deepEqual(await open('zstd', bytes, { size }), join(text, text));
    }
    await assert.rejects(open('zstd', skipped), { code: 'corrupt', message: /cut short/ });
    await assert.rejects(open('zstd', bytes.subarray(0, -1)), { code: 'corrupt' });
  });

  test('what nothing comes out of ends, whether anybody limits it or not', async () => {
    const skipped = Buffer.alloc(8 + (1 << 20));
    skipped.writeUInt32LE(0x184d2a50, 0);
    skipped.writeUInt32LE(1 << 20, 4);
    const counter = { pulls: 0 };
    const wrong = { code: 'corrupt', message: /nothing comes out of \d+ bytes of it/ };
    await assert.rejects(collect(decompress('zstd', endless(skipped, counter))), wrong);
    assert.equal(counter.pulls, 64);
  });

  test('zstd that would take too much memory, or a dictionary', async () => {
    const header = (descriptor: number, ...rest: number[]): Uint8Array =>
      Uint8Array.of(0x28, 0xb5, 0x2f, 0xfd, descriptor, ...rest, 1, 0, 0);
    await assert.rejects(open('zstd', header(0, 0xf8)), { code: 'corrupt', message: /128 MiB/ });
    await assert.rejects(open('zstd', header(0xe0, 0, 0, 0, 0, 1, 0, 0, 0)), {
      code: 'corrupt',
      message: /128 MiB/,
    });
    await assert.rejects(open('zstd', header(1, 0, 7)), { code: 'corrupt', message: /dictionary/ });
    await assert.rejects(open('zstd', header(8, 0)), { code: 'corrupt', message: /reserved/ });
    assert.deepEqual(await open('zstd', header(0, 0)), new Uint8Array(0));
  });

  test('xz in blocks, with each of its checks', { skip: skipWithoutLzma }, async () => {
    for (const [check, bytes] of Object.entries(xzBlocks)) {
      assert.deepEqual(await open('xz', bytes), text, check);
      assert.deepEqual(await open('xz', bytes, { size: 1 }), text, check);
    }
  });

  test('xz with zeros between and behind, in words of four', {
    skip: skipWithoutLzma,
  }, async () => {
    const { text: one } = compressedFiles.xz;
    const zeros = new Uint8Array(4);
    assert.deepEqual(await open('xz', join(one, zeros, one, zeros, zeros)), join(text, text));
    await assert.rejects(open('xz', join(one, zeros, zeros.subarray(1))), { code: 'corrupt' });
    await assert.rejects(open('xz', join(zeros, one)), { code: 'corrupt' });
  });

  test('xz that would take too much memory', { skip: skipWithoutLzma }, async () => {
    await assert.rejects(open('xz', xzLargeDictionary), { code: 'corrupt', message: /128 MiB/ });
  });

  test('xz of many streams without contents', { skip: skipWithoutLzma }, async () => {
    const { empty, text: file } = compressedFiles.xz;
    const few = join(empty, file, empty, file);
    assert.deepEqual(await open('xz', few), join(text, text));
    // So many would end the whole process, if the library saw them.
    const many = join(file, ...Array.from({ length: 1000 }, () => empty));
    for (const size of [100, many.length]) {
      await assert.rejects(open('xz', many, { size }), {
        code: 'corrupt',
        message: /too many streams without contents/,
      });
    }
  });

  test('xz of many blocks with next to nothing in them', { skip: skipWithoutLzma }, async () => {
    const bytes = join(...Array.from({ length: 200 }, () => compressedFiles.xz.text));
    await assert.rejects(open('xz', bytes), { code: 'corrupt', message: /blocks are too small/ });
  });

  test('lzip that would take too much memory', async () => {
    const bytes = compressedFiles.lzip.text.slice();
    bytes[5] = 29;
    await assert.rejects(open('lzip', bytes), { code: 'corrupt', message: /128 MiB/ });
  });

  test('errors say where', async () => {
    const { text: file } = compressedFiles.zstd;
    await assert.rejects(open('zstd', join(file, text)), {
      code: 'corrupt',
      offset: file.length + 4,
      message: `cannot decompress zstd: something else follows its end at byte ${file.length + 4}`,
    });
  });
});
