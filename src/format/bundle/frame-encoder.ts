/** Writes the frames of a bundle: a compressed NAR cut into pieces, each behind its length, and a seal. */
import { ByteWriter } from '../../bytes/byte-writer.ts';
import { FerryError } from '../../error.ts';
import { pieceBytes, sealOf, type FrameEntry } from './layout.ts';

/** One frame. What is given out is to be written in that order; chunks go through as they come, without being copied. */
export class FrameEncoder {
  readonly #id: Uint8Array;
  readonly #number: number;
  #pending: Uint8Array[] = [];
  #pendingBytes = 0;
  #size = 0;

  /** @param number of the frame, from 0 */
  constructor(id: Uint8Array, number: number) {
    this.#id = id;
    this.#number = number;
  }

  push(chunk: Uint8Array): Uint8Array[] {
    const out: Uint8Array[] = [];
    this.#size += chunk.length;
    let rest = chunk;
    while (this.#pendingBytes + rest.length >= pieceBytes) {
      const part = rest.subarray(0, pieceBytes - this.#pendingBytes);
      rest = rest.subarray(part.length);
      if (part.length > 0) this.#take(part);
      out.push(...this.#piece());
    }
    if (rest.length > 0) this.#take(rest);
    return out;
  }

  /** The rest. @param entry of all that was pushed */
  end({ fileSize, fileHash }: FrameEntry): Uint8Array[] {
    if (fileSize !== this.#size) {
      throw new FerryError('internal', `a frame of ${this.#size} bytes is told as ${fileSize}`);
    }
    return [...this.#piece(), sealOf(this.#id, this.#number, fileHash)];
  }

  #take(part: Uint8Array): void {
    this.#pending.push(part);
    this.#pendingBytes += part.length;
  }

  #piece(): Uint8Array[] {
    const writer = new ByteWriter(8);
    writer.u64(this.#pendingBytes);
    const piece = [writer.take(), ...this.#pending];
    this.#pending = [];
    this.#pendingBytes = 0;
    return piece;
  }
}
