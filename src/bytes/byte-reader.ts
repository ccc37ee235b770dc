/**
 * Reads exact amounts out of a stream of chunks. Whatever is buffered is answered at once; a promise comes only where
 * the source must be asked for more. Once it has failed it stays failed, with the same error.
 */
import { FerryError } from '../error.ts';
import type { MaybePromise } from './maybe-promise.ts';

const EMPTY = new Uint8Array(0);

export class ByteReader {
  /** Bytes handed out so far: where in the stream the next read begins. */
  offset = 0;
  #source: AsyncIterator<Uint8Array>;
  #chunk: Uint8Array = EMPTY;
  #at = 0;
  #failure: unknown;
  #ended = false;

  constructor(source: AsyncIterable<Uint8Array>) {
    this.#source = source[Symbol.asyncIterator]();
  }

  /** Bytes that can be read without waiting. */
  get buffered(): number {
    return this.#chunk.length - this.#at;
  }

  /**
   * Exactly `size` bytes. The result may be a view that stays valid only until the next call.
   * The caller has already checked `size` against a limit: it is allocated.
   * @throws FerryError `corrupt` when the stream ends before.
   */
  read(size: number): MaybePromise<Uint8Array> {
    if (this.#failure !== undefined) throw this.#failure;
    if (this.buffered >= size) {
      const bytes = this.#chunk.subarray(this.#at, this.#at + size);
      this.#at += size;
      this.offset += size;
      return bytes;
    }
    return this.#gather(size);
  }

  /**
   * An unsigned 64-bit little-endian number.
   * @throws FerryError `corrupt` when it is past 2^53 - 1: nothing in Nix's formats is that long.
   */
  u64(): MaybePromise<number> {
    if (this.#failure !== undefined) throw this.#failure;
    if (this.buffered >= 8) {
      const value = this.#decodeU64(this.#chunk, this.#at, this.offset);
      this.#at += 8;
      this.offset += 8;
      return value;
    }
    const { offset } = this;
    return this.#gather(8).then((bytes) => this.#decodeU64(bytes, 0, offset));
  }

  /** Some bytes, `max` at the most; empty at the end of the stream. The view is the caller's to keep. */
  async some(max: number): Promise<Uint8Array> {
    if (this.#failure !== undefined) throw this.#failure;
    if (this.buffered === 0 && !(await this.#refill())) return EMPTY;
    const bytes = this.#chunk.subarray(this.#at, this.#at + max);
    this.#advance(bytes.length);
    return bytes;
  }

  /** What comes next, as much as is there at once; empty at the end of the stream. It is taken by `skip`. */
  async peek(): Promise<Uint8Array> {
    if (this.#failure !== undefined) throw this.#failure;
    if (this.buffered === 0) await this.#refill();
    return this.#chunk.subarray(this.#at);
  }

  /** Takes bytes that were peeked at. */
  skip(size: number): void {
    if (size > this.buffered) throw new RangeError(`${size} bytes are not there`);
    this.#advance(size);
  }

  /** The next `size` bytes as chunks, as they come. Must be used up before anything else is read. */
  async *stream(size: number): AsyncGenerator<Uint8Array, void, undefined> {
    for (let left = size; left > 0; ) {
      const bytes = await this.some(left);
      if (bytes.length === 0) throw this.fail(this.#truncated(left));
      left -= bytes.length;
      yield bytes;
    }
  }

  /** Whether the stream is at its end. */
  async atEnd(): Promise<boolean> {
    if (this.#failure !== undefined) throw this.#failure;
    return this.buffered === 0 && !(await this.#refill());
  }

  /** Makes every further read throw this error, and returns it. */
  fail(error: unknown): unknown {
    this.#failure ??= error;
    return this.#failure;
  }

  /** Tells the source that no more is wanted. */
  async close(): Promise<void> {
    this.fail(new FerryError('internal', 'read from a stream that was closed'));
    await this.#source.return?.();
  }

  /** What is used up is let go of: it belongs to whom it was handed. */
  #advance(size: number): void {
    this.#at += size;
    this.offset += size;
    if (this.buffered > 0) return;
    this.#chunk = EMPTY;
    this.#at = 0;
  }

  async #refill(): Promise<boolean> {
    while (!this.#ended) {
      let next: IteratorResult<Uint8Array>;
      try {
        next = await this.#source.next();
      } catch (error) {
        throw this.fail(error);
      }
      if (next.done === true) {
        this.#ended = true;
      } else if (next.value.length > 0) {
        this.#chunk = next.value;
        this.#at = 0;
        return true;
      }
    }
    this.#chunk = EMPTY;
    this.#at = 0;
    return false;
  }

  async #gather(size: number): Promise<Uint8Array> {
    const bytes = new Uint8Array(size);
    for (let have = 0; have < size; ) {
      if (this.buffered === 0 && !(await this.#refill())) {
        throw this.fail(this.#truncated(size - have));
      }
      const part = this.#chunk.subarray(this.#at, this.#at + size - have);
      bytes.set(part, have);
      have += part.length;
      this.#at += part.length;
      this.offset += part.length;
    }
    return bytes;
  }

  /** `offset` is where in the stream the number begins. */
  #decodeU64(bytes: Uint8Array, at: number, offset: number): number {
    const value = readU64(bytes, at);
    if (value < 0) {
      throw this.fail(
        new FerryError('corrupt', `number at byte ${offset} is past 2^53`, {
          offset,
        }),
      );
    }
    return value;
  }

  #truncated(missing: number): FerryError {
    return new FerryError(
      'corrupt',
      `unexpected end of input at byte ${this.offset}, ${missing} more ${missing === 1 ? 'byte was' : 'bytes were'} due`,
      { offset: this.offset },
    );
  }
}

/** The unsigned 64-bit little-endian number at `at`, or -1 where it is past 2^53 - 1. */
export function readU64(bytes: Uint8Array, at: number): number {
  const low =
    ((bytes[at] as number) |
      ((bytes[at + 1] as number) << 8) |
      ((bytes[at + 2] as number) << 16) |
      ((bytes[at + 3] as number) << 24)) >>>
    0;
  const high =
    ((bytes[at + 4] as number) |
      ((bytes[at + 5] as number) << 8) |
      ((bytes[at + 6] as number) << 16) |
      ((bytes[at + 7] as number) << 24)) >>>
    0;
  return high > 0x1fffff ? -1 : high * 0x1_0000_0000 + low;
}
