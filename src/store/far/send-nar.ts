/** Contents on their way out: cut to nothing but the size that was announced, or the far end would lose step. */
import { releaseChunk } from '../../bytes/release.ts';
import { FerryError } from '../../error.ts';
import type { PathInfo } from '../../format/path-info.ts';
import { printStorePath, type StoreDir } from '../../format/store-path.ts';
import type { NarStream } from '../store.ts';
import type { Sink } from './far-connection.ts';

/** Heads up to this size travel in one piece with the first chunk. */
const joinMax = 64 * 1024;

/**
 * Writes `head` and the NAR, which must have exactly the size of its info: that is noticed before a byte too many is
 * sent.
 * @throws FerryError `corrupt`, or whatever the source throws.
 */
export async function sendNar(
  sink: Sink,
  head: Uint8Array,
  storeDir: StoreDir,
  info: PathInfo,
  nar: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  onChunk: (bytes: number) => void,
): Promise<void> {
  // What is kept, to be sent again perhaps, comes as a list.
  const isOurs = Symbol.asyncIterator in nar;
  let unsent: Uint8Array | undefined = head;
  for await (const chunk of checkedChunks(storeDir, info, nar)) {
    let bytes: Uint8Array = chunk;
    if (unsent !== undefined) {
      if (chunk.length <= joinMax) bytes = Buffer.concat([unsent, chunk]);
      else await sink(unsent);
      unsent = undefined;
    }
    const { length } = chunk;
    const more = sink(bytes, isOurs ? () => releaseChunk(chunk) : undefined);
    if (more instanceof Promise) await more;
    onChunk(length);
  }
}

/** A small NAR, all of it, so that it can be sent again. */
export async function keepNar(
  storeDir: StoreDir,
  info: PathInfo,
  nar: NarStream,
): Promise<Uint8Array[]> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of checkedChunks(storeDir, info, nar)) {
    // A small view may hold on to a large buffer.
    chunks.push(chunk.length * 2 < chunk.buffer.byteLength ? chunk.slice() : chunk);
  }
  return chunks;
}

/** Takes what the contract wants taken of a NAR that nobody will read. */
export async function skipNar(nar: NarStream): Promise<void> {
  for await (const _ of nar) break;
}

/**
 * The chunks of a NAR as long as they agree with the size that was announced. The last one comes when it is known to be
 * that: a NAR that goes on, or whose source fails at its end, never gets whole to the far end.
 * @throws FerryError `corrupt`, or whatever the source throws.
 */
export async function* checkedChunks(
  storeDir: StoreDir,
  info: PathInfo,
  nar: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
): AsyncGenerator<Uint8Array> {
  const wrongSize = (what: string): FerryError => {
    const path = printStorePath(storeDir, info.path);
    return new FerryError('corrupt', `the NAR of "${path}" ${what} ${info.narSize} bytes`, {
      path,
    });
  };
  let left = info.narSize;
  if (left === 0) throw wrongSize('has an unknown size, announced as');
  let last: Uint8Array | undefined;
  for await (const chunk of nar) {
    if (chunk.length > left) throw wrongSize('is longer than its');
    left -= chunk.length;
    if (left === 0) last ??= chunk;
    else if (chunk.length > 0) yield chunk;
  }
  if (left > 0) throw wrongSize(`ends ${left} bytes short of its`);
  if (last !== undefined) yield last;
}
