/** Every compression against the programs that define it, and against real Nix, both ways. */
import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { createReadStream, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe } from 'node:test';
import {
  compressions,
  compressionSuffix,
  isWritable,
  type Compression,
} from '../../src/format/compression.ts';
import { formatHash, hashBytes } from '../../src/format/hash.ts';
import { compress, type CompressOptions } from '../../src/system/compression/compress.ts';
import { decompress } from '../../src/system/compression/decompress.ts';
import { openTreeWorkers } from '../../src/system/threads/tree-workers.ts';
import { makeNixHome, type NixHome } from '../support/nix-home.ts';
import { nixVersions, peerTest } from '../support/peers.ts';
import { runForBytes } from '../support/run.ts';
import { makeTempDirectory } from '../support/temp.ts';

const programs: Readonly<Record<Exclude<Compression, 'none'>, string>> = {
  gzip: 'gzip',
  bzip2: 'bzip2',
  xz: 'xz',
  zstd: 'zstd',
  br: 'brotli',
  lzip: 'lzip',
};
const methods = compressions.filter((each) => each !== 'none');
/** Brotli's own default takes a second for a megabyte. */
const quick: CompressOptions = { level: 4 };
const optionsFor = (method: Compression): CompressOptions => (method === 'br' ? quick : {});

/** Noise, text, and zeros; more than two blocks of whatever is done in blocks. */
const contents = new Uint8Array(
  Buffer.concat([
    randomBytes(300_000),
    Buffer.from(Array.from({ length: 20_000 }, (_, at) => `${at * 7919} is a number\n`).join('')),
    Buffer.alloc(8 * 1024 * 1024),
    randomBytes(100_000),
  ]),
);

async function* cut(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += 100_003) yield bytes.slice(at, at + 100_003);
}

async function* only(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}

async function collect(chunks: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  return new Uint8Array(Buffer.concat(await Array.fromAsync(chunks)));
}

async function through(program: string, args: string[], input: Uint8Array): Promise<Uint8Array> {
  const { status, stdout, stderr } = await runForBytes(program, args, { input });
  assert.equal(status, 0, stderr);
  return stdout;
}

function sameBytes(found: Uint8Array, wanted: Uint8Array): void {
  assert.equal(found.length, wanted.length);
  assert.ok(Buffer.compare(found, wanted) === 0, 'same size, other bytes');
}

describe('compression and the programs', () => {
  for (const method of methods) {
    const program = programs[method];

    peerTest(`what ${program} writes is read`, { programs: [program] }, async () => {
      const levels = method === 'br' ? ['-q', '4'] : ['-1'];
      const written = await through(program, ['-c', ...levels], contents);
      sameBytes(await collect(decompress(method, cut(written))), contents);
      const small = await through(program, ['-c', '-9'], new TextEncoder().encode('small'));
      if (method !== 'br') {
        const both = new Uint8Array(Buffer.concat([small, written, small]));
        const opened = await collect(decompress(method, cut(both)));
        assert.equal(opened.length, contents.length + 10);
      }
    });

    if (isWritable(method)) {
      peerTest(`${program} reads what is written`, { programs: [program] }, async () => {
        for (const bytes of [contents, contents.subarray(0, 1), new Uint8Array(0)]) {
          const written = await collect(compress(method, cut(bytes), optionsFor(method)));
          sameBytes(await through(program, ['-d', '-c'], written), bytes);
        }
      });
    }
  }

  peerTest(
    'xz in parallel is several streams that are one file',
    { programs: ['xz'] },
    async () => {
      const large = new Uint8Array(Buffer.concat([contents, contents, contents]));
      const options = { parallel: true, level: 0 };
      const written = await collect(compress('xz', cut(large), options));
      sameBytes(await through('xz', ['-d', '-c'], written), large);
      sameBytes(await collect(decompress('xz', cut(written))), large);
      sameBytes(await collect(compress('xz', only(large), options)), written);
    },
  );

  peerTest('bzip2 of every level, and of long repeats', { programs: ['bzip2'] }, async () => {
    // Its sorting falls back to another for these.
    const repeats = new TextEncoder().encode('ab'.repeat(600_000));
    for (const level of ['-1', '-5', '-9']) {
      for (const bytes of [repeats, contents.subarray(0, 900_001)]) {
        const written = await through('bzip2', ['-c', level], bytes);
        sameBytes(await collect(decompress('bzip2', cut(written))), bytes);
      }
    }
  });

  peerTest('lzip of small dictionaries', { programs: ['lzip'] }, async () => {
    const bytes = contents.subarray(0, 1_000_000);
    for (const size of ['4KiB', '5KiB', '100KiB']) {
      const written = await through('lzip', ['-c', '-s', size, '-m', '273'], bytes);
      sameBytes(await collect(decompress('lzip', cut(written))), bytes);
    }
  });
});

/** A path of Nix's own making that holds the contents, and its NAR. */
async function addContents(home: NixHome): Promise<{ path: string; nar: Uint8Array }> {
  const source = join(home.path, 'contents');
  writeFileSync(source, contents);
  const path = await home.runOk('nix-store', ['--add', source]);
  const { stdout: nar } = await home.runForBytes('nix-store', ['--dump', home.realPath(path)]);
  return { path, nar };
}

/** A cache with that path alone. */
function writeCache(
  directory: string,
  path: string,
  nar: Uint8Array,
  method: Compression,
  file: Uint8Array,
): void {
  mkdirSync(join(directory, 'nar'), { recursive: true });
  const url = `nar/contents.nar${compressionSuffix(method)}`;
  writeFileSync(join(directory, url), file);
  writeFileSync(join(directory, 'nix-cache-info'), 'StoreDir: /nix/store\n');
  const fields = {
    StorePath: path,
    URL: url,
    Compression: method,
    FileHash: formatHash(hashBytes('sha256', file)),
    FileSize: `${file.length}`,
    NarHash: formatHash(hashBytes('sha256', nar)),
    NarSize: `${nar.length}`,
    References: '',
  };
  const lines = Object.entries(fields).map(([name, value]) => `${name}: ${value}\n`);
  writeFileSync(join(directory, `${path.slice(11, 43)}.narinfo`), lines.join(''));
}

describe('compression and real Nix', () => {
  for (const version of nixVersions) {
    peerTest(`Nix ${version} reads what is written`, { nix: [version] }, async (nix) => {
      await using source = makeNixHome(nix(version));
      await using workers = openTreeWorkers({ width: 1 });
      const { path, nar } = await addContents(source);
      const ways: [Compression, Promise<Uint8Array>][] = [];
      for (const method of compressions.filter(isWritable)) {
        const options = optionsFor(method);
        ways.push([method, collect(compress(method, cut(nar), options))]);
        const packed = workers.pack(source.realPath(path), {
          compress: { compression: method, level: options.level },
        });
        ways.push([method, collect(packed)]);
      }
      ways.push(['xz', collect(compress('xz', cut(nar), { parallel: true, level: 0 }))]);
      for (const [method, written] of ways) {
        await using destination = makeNixHome(nix(version));
        const cache = join(destination.path, 'cache');
        writeCache(cache, path, nar, method, await written);
        await destination.runOk('nix', [
          'copy',
          '--no-check-sigs',
          '--from',
          `file://${cache}`,
          path,
        ]);
        const { stdout } = await destination.runForBytes('nix-store', [
          '--dump',
          destination.realPath(path),
        ]);
        sameBytes(stdout, nar);
      }
    });

    peerTest(`what Nix ${version} writes is read`, { nix: [version] }, async (nix) => {
      await using home = makeNixHome(nix(version));
      const { path, nar } = await addContents(home);
      const wanted = createHash('sha256').update(nar).digest('hex');
      for (const method of compressions) {
        for (const more of method === 'xz' || method === 'zstd'
          ? ['', '&parallel-compression=true']
          : ['']) {
          using cache = makeTempDirectory();
          const uri = `file://${cache.path}?compression=${method}${more}`;
          await home.runOk('nix', ['copy', '--to', uri, path]);
          const [file = ''] = readdirSync(cache.join('nar'));
          assert.ok(file.endsWith(`.nar${compressionSuffix(method)}`), file);
          const bytes = createReadStream(cache.join('nar', file), { highWaterMark: 256 * 1024 });
          const hash = createHash('sha256');
          for await (const chunk of decompress(method, bytes)) hash.update(chunk);
          assert.equal(hash.digest('hex'), wanted, uri);
          const [narinfo = ''] = readdirSync(cache.path).filter((name) =>
            name.endsWith('.narinfo'),
          );
          assert.match(
            readFileSync(cache.join(narinfo), 'utf8'),
            new RegExp(`^Compression: ${method}$`, 'm'),
          );
        }
      }
    });
  }
});
