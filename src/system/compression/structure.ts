/**
 * Walks through the structure of a compressed file while its bytes pass by, without decompressing: where frames and
 * blocks begin and end is written in it. The libraries that decompress are lenient about what follows the end, or what
 * is missing there; this isn't, and it knows before them how much memory they would take.
 */
import type { FerryError } from '../../error.ts';
import type { Compression } from '../../format/compression.ts';
import { cannotDecompress, isCutShort } from './corrupt.ts';

/** What a structure wants next: to see some bytes, which may be where the file ends instead, or to pass over some. */
export type Want = { readonly take: number; readonly mayEnd?: boolean } | { readonly skip: number };

/** Gets the bytes that it takes, valid until its next step. */
export type Structure = Part<never>;
/** A part of a structure, with what it found out. */
export type Part<T> = Generator<Want, T, Uint8Array>;
/** Makes the error to throw; where it is, is known. */
export type Fail = (reason: string) => FerryError;

const NOTHING = new Uint8Array(0);

export class StructureWalker {
  /** Bytes seen so far. */
  offset = 0;
  readonly #compression: Compression;
  readonly #structure: Structure;
  #want: Want | undefined;
  #left = 0;
  /** The bytes to be taken, as far as they have come. */
  #taken: Uint8Array = NOTHING;
  #failure: { readonly error: unknown } | undefined;

  constructor(compression: Compression, structure: (fail: Fail) => Structure) {
    this.#compression = compression;
    this.#structure = structure((reason) =>
      cannotDecompress(compression, reason, { offset: this.offset }),
    );
  }

  /** @throws FerryError `corrupt`, again and again once it did */
  push(chunk: Uint8Array): void {
    if (this.#failure !== undefined) throw this.#failure.error;
    try {
      this.#want ??= this.#next(NOTHING);
      for (let at = 0; at < chunk.length; ) at += this.#feed(chunk, at);
    } catch (error) {
      this.#failure = { error };
      throw error;
    }
  }

  /** To be called where the file ends. @throws FerryError `corrupt` where it must not */
  finish(): void {
    if (this.#failure !== undefined) throw this.#failure.error;
    const want = (this.#want ??= this.#next(NOTHING));
    const mayEnd = 'take' in want && want.mayEnd === true && this.#left === want.take;
    if (!mayEnd) throw isCutShort(this.#compression, this.offset);
  }

  /** How many bytes of the chunk it took; at least one. */
  #feed(chunk: Uint8Array, at: number): number {
    const want = this.#want ?? this.#next(NOTHING);
    const count = Math.min(this.#left, chunk.length - at);
    this.#left -= count;
    this.offset += count;
    if ('take' in want) {
      if (count === want.take) {
        this.#want = this.#next(chunk.subarray(at, at + count));
        return count;
      }
      this.#taken.set(chunk.subarray(at, at + count), want.take - this.#left - count);
    }
    if (this.#left === 0) this.#want = this.#next(this.#taken);
    return count;
  }

  /** The next thing wanted; nothing that wants no bytes. */
  #next(taken: Uint8Array): Want {
    let bytes = taken;
    for (;;) {
      const want = this.#structure.next(bytes).value;
      this.#left = 'take' in want ? want.take : want.skip;
      if (this.#left > 0) {
        this.#taken = 'take' in want ? new Uint8Array(want.take) : NOTHING;
        return want;
      }
      bytes = NOTHING;
    }
  }
}
