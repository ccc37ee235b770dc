/**
 * Decodes lzip as it comes, piece by piece: members one after the other, each with its own dictionary, checksum and
 * sizes (lzip manual, "File format"). Version 1, the only one that is in use.
 */
import type * as nodeZlib from 'node:zlib';
import { FerryError } from '../../error.ts';
import { CUT_SHORT, DAMAGED, LzmaDecoder, type LzmaInput } from './lzma.ts';

const MAGIC = [0x4c, 0x5a, 0x49, 0x50, 1] as const;
const HEADER_SIZE = 6;
const TRAILER_SIZE = 20;
/** Bytes that begin the stream in a member. */
const START_SIZE = 5;
/** Larger dictionaries than any level of `lzip` makes are refused: they are memory that the sender asks for. */
const DICTIONARY_MAX = 128 * 1024 * 1024;
const DICTIONARY_LOG_MIN = 12;

export class LzipDecoder {
  readonly #input = new Input();
  readonly #emit: (bytes: Uint8Array) => void;
  readonly #steps: Iterator<void, void>;
  #memory = new Uint8Array(0);
  #failure: { readonly error: unknown } | undefined;

  /** `emit` gets a view that is valid during the call only. */
  constructor(emit: (bytes: Uint8Array) => void) {
    this.#emit = emit;
    this.#steps = this.#members();
  }

  /** @throws FerryError `corrupt`, again and again once it did; what `emit` throws */
  push(chunk: Uint8Array): void {
    if (this.#failure !== undefined) throw this.#failure.error;
    this.#input.append(chunk);
    this.#run();
  }

  /** To be called where the input ends. @throws FerryError `corrupt` */
  finish(): void {
    if (this.#failure !== undefined) throw this.#failure.error;
    this.#input.isEnded = true;
    this.#run();
  }

  #run(): void {
    try {
      this.#steps.next();
    } catch (error) {
      const reported = this.#translated(error);
      this.#failure = { error: reported };
      throw reported;
    }
  }

  /** Each `yield` is a wait for more input. */
  *#members(): Generator<void, void, undefined> {
    const input = this.#input;
    for (let members = 0; ; members += 1) {
      while (!input.has(1)) yield;
      if (members > 0 && input.at === input.end) return;
      while (!input.has(HEADER_SIZE + START_SIZE)) yield;
      const start = input.offset;
      const header = input.take(HEADER_SIZE);
      if (MAGIC.some((byte, at) => header[at] !== byte)) {
        throw this.#corrupt(
          members === 0 ? 'it does not begin as lzip' : 'something else follows its end',
        );
      }
      let crc = 0;
      const decoder = new LzmaDecoder(input, this.#dictionary(header[5] ?? 0), (bytes) => {
        crc = crc32(bytes, crc);
        this.#emit(bytes);
      });
      while (!decoder.run()) yield;
      while (!input.has(TRAILER_SIZE)) yield;
      const trailer = input.take(TRAILER_SIZE);
      const fields = new DataView(trailer.buffer, trailer.byteOffset, TRAILER_SIZE);
      if (fields.getUint32(0, true) !== crc) throw this.#corrupt('its checksum is wrong');
      const isSized =
        fields.getBigUint64(4, true) === BigInt(decoder.size) &&
        fields.getBigUint64(12, true) === BigInt(input.offset - start);
      if (!isSized) throw this.#corrupt('its size is wrong');
    }
  }

  /** Its size is a power of two, less some sixteenths of it. The memory is used again: members may be tiny, and many. */
  #dictionary(coded: number): Uint8Array {
    const power = 2 ** (coded & 31);
    const size = power - (power / 16) * (coded >> 5);
    if (size < 2 ** DICTIONARY_LOG_MIN) throw this.#corrupt('its dictionary is too small');
    if (size > DICTIONARY_MAX) {
      throw this.#corrupt(
        `it takes more than ${DICTIONARY_MAX / 1024 / 1024} MiB of memory to decompress`,
      );
    }
    if (this.#memory.length < size) this.#memory = new Uint8Array(size);
    return this.#memory.subarray(0, size);
  }

  #translated(error: unknown): unknown {
    if (error === CUT_SHORT) return this.#corrupt('it is cut short');
    if (error === DAMAGED) return this.#corrupt('it is damaged');
    return error;
  }

  #corrupt(reason: string): FerryError {
    const { offset } = this.#input;
    const message = `cannot decompress lzip: ${reason} at byte ${offset}`;
    return new FerryError('corrupt', message, { offset });
  }
}

class Input implements LzmaInput {
  bytes = new Uint8Array(64 * 1024);
  at = 0;
  end = 0;
  isEnded = false;
  #dropped = 0;

  /** Where the next byte is since the beginning. */
  get offset(): number {
    return this.#dropped + this.at;
  }

  append(chunk: Uint8Array): void {
    const rest = this.end - this.at;
    const target =
      rest + chunk.length > this.bytes.length
        ? new Uint8Array((rest + chunk.length) * 2)
        : this.bytes;
    target.set(this.bytes.subarray(this.at, this.end));
    target.set(chunk, rest);
    this.#dropped += this.at;
    this.bytes = target;
    this.at = 0;
    this.end = rest + chunk.length;
  }

  /** Whether so many bytes are there, or all that will ever come. */
  has(count: number): boolean {
    return this.isEnded || this.end - this.at >= count;
  }

  /** A copy of the next bytes. */
  take(count: number): Uint8Array {
    if (this.end - this.at < count) throw CUT_SHORT;
    this.at += count;
    return this.bytes.slice(this.at - count, this.at);
  }
}

/** Of node:zlib, loaded when it is needed: threads that never see lzip do without. */
function crc32(bytes: Uint8Array, crc: number): number {
  const zlib: typeof nodeZlib = process.getBuiltinModule('node:zlib');
  return zlib.crc32(bytes, crc);
}
