/**
 * Export streams, `nix-store --export` and `--import`: for each path a `1`, its NAR and what is known of it; a `0` at the
 * end. References come before what refers to them. (Nix manual, "nix-store --export".)
 */
import { readU64, type ByteReader } from '../bytes/byte-reader.ts';
import { ByteWriter } from '../bytes/byte-writer.ts';
import { FerryError } from '../error.ts';
import { formatHash, hashesEqual, StreamingHash, type Hash } from '../format/hash.ts';
import { readNar } from '../format/nar/read-nar.ts';
import type { PathInfo } from '../format/path-info.ts';
import { printStorePath, type StoreDir } from '../format/store-path.ts';
import type { WireContext } from './codec.ts';
import { exportTrailer, type ExportTrailer } from './export-trailer.ts';

/** One path of an export stream. What it is called comes after its contents. */
export interface ExportedPath {
  /** To be iterated once at the most. */
  readonly nar: AsyncIterable<Uint8Array>;
  /** What follows the NAR; whatever wasn't taken of that is checked and passed over. */
  readonly readTrailer: () => Promise<ExportTrailer>;
}

/**
 * The paths of a stream. Afterwards the reader is just behind it. A path whose trailer wasn't read is passed over.
 * @throws FerryError `corrupt` with the offset; the reader is of no more use then
 */
export async function* readExport(
  reader: ByteReader,
  storeDir: StoreDir,
): AsyncGenerator<ExportedPath, void, undefined> {
  const context = contextOf(storeDir);
  for (;;) {
    if (reader.offset === 0 && (await reader.atEnd())) {
      throw reader.fail(
        new FerryError('corrupt', 'unexpected end of input: there is nothing in it'),
      );
    }
    const mark = readU64(await reader.read(8), 0);
    if (mark === 0) return;
    if (mark !== 1) {
      const offset = reader.offset - 8;
      const found = mark < 0 ? 'a number past 2^53' : mark;
      const message = `input doesn't look like something created by 'nix-store --export': ${found} at byte ${offset} instead of 0 or 1`;
      throw reader.fail(new FerryError('corrupt', message, { offset }));
    }
    const nar = readNar(reader);
    let trailer: Promise<ExportTrailer> | undefined;
    const readTrailer = async (): Promise<ExportTrailer> => {
      while ((await nar.next()).done !== true);
      return await exportTrailer.read(reader, context);
    };
    const exported: ExportedPath = {
      // Leaving its loop early must not end the generator: the rest is still to be passed over.
      nar: { [Symbol.asyncIterator]: () => ({ next: () => nar.next() }) },
      readTrailer: () => (trailer ??= readTrailer()),
    };
    yield exported;
    await exported.readTrailer();
  }
}

export interface PathToExport {
  readonly info: PathInfo;
  readonly nar: AsyncIterable<Uint8Array>;
  /** The hash of the NAR, once it is used up, where somebody else takes it; else it is taken here. */
  readonly narHash?: (() => Hash) | undefined;
}

export interface ExportStreamOptions {
  /** In place of the end comes the mark of one more path, which is not there. Default false. */
  readonly breaksOff?: boolean | undefined;
}

/**
 * The stream of just these paths, in this order.
 * @throws FerryError `corrupt` where a NAR hasn't the hash that its info says: the stream then breaks off before the end
 * of that path, so that nobody takes it for whole.
 */
export async function* writeExport(
  storeDir: StoreDir,
  paths: AsyncIterable<PathToExport> | Iterable<PathToExport>,
  { breaksOff = false }: ExportStreamOptions = {},
): AsyncGenerator<Uint8Array, void, undefined> {
  const context = contextOf(storeDir);
  for await (const { info, nar, narHash } of paths) {
    yield mark(1);
    const hash = new StreamingHash();
    for await (const chunk of nar) {
      if (narHash === undefined) hash.update(chunk);
      yield chunk;
    }
    const got = narHash?.() ?? hash.finish();
    if (!hashesEqual(got, info.narHash) && !isUnknown(info.narHash)) {
      const path = printStorePath(storeDir, info.path);
      const message = `hash of path "${path}" has changed from "${formatHash(info.narHash)}" to "${formatHash(got)}"`;
      throw new FerryError('corrupt', message, { path });
    }
    const writer = new ByteWriter();
    exportTrailer.write(writer, info, context);
    yield writer.take();
  }
  yield mark(breaksOff ? 1 : 0);
}

/** Databases of long ago have zeros where nobody had hashed a path. */
function isUnknown({ digest }: Hash): boolean {
  return digest.every((byte) => byte === 0);
}

/** The stream has no version: its trailer has looked the same since Nix 0.12. */
function contextOf(storeDir: StoreDir): WireContext {
  return { version: 0, features: new Set(), storeDir };
}

function mark(value: number): Uint8Array {
  const writer = new ByteWriter(8);
  writer.u64(value);
  return writer.take();
}
