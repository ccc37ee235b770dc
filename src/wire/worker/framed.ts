/**
 * Uploads since version 1.23: pieces with their length in front, ended by a length of 0. Where the pieces are cut means
 * nothing. An end can so be told from a break, and an upload that was refused be left without losing step.
 */
import type { ByteReader } from '../../bytes/byte-reader.ts';
import { ByteWriter } from '../../bytes/byte-writer.ts';
import { FerryError } from '../../error.ts';

/** The end of an upload. */
export const framesEnd: Uint8Array = frameHead(0);

/** Servers of Nix hold a whole piece in memory, so larger ones are cut to this. */
const frameMax = 1024 * 1024;
/** Above this a piece travels apart from its head: copying would cost more. */
const joinMax = 64 * 1024;
/** No length of four bytes or more is one: Nix refuses it too. */
const lengthMax = 2 ** 32 - 1;

/** Eight bytes that say how long the piece is which follows. */
function frameHead(length: number): Uint8Array {
  const writer = new ByteWriter(8);
  writer.u64(length);
  return writer.take();
}

/** A chunk in frames: to be written one after the other. The last that comes is, or ends with, the end of the chunk. */
export function frames(chunk: Uint8Array): Uint8Array[] {
  if (chunk.length === 0) return [];
  if (chunk.length <= joinMax) return [Buffer.concat([frameHead(chunk.length), chunk])];
  const pieces: Uint8Array[] = [];
  for (let at = 0; at < chunk.length; at += frameMax) {
    const piece = chunk.subarray(at, at + frameMax);
    pieces.push(frameHead(piece.length), piece);
  }
  return pieces;
}

/** What is in the frames, up to their end. To be used up: what follows can't be read before. */
export async function* readFrames(reader: ByteReader): AsyncGenerator<Uint8Array, void, undefined> {
  for (;;) {
    const length = await reader.u64();
    if (length === 0) return;
    if (length > lengthMax) {
      const problem = `a frame of ${length} bytes is too long`;
      throw reader.fail(new FerryError('corrupt', problem, { offset: reader.offset - 8 }));
    }
    yield* reader.stream(length);
  }
}
