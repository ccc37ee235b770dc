/** Collects what is to be sent in one growing buffer: numbers, byte strings, padding. */

const encoder = new TextEncoder();

export class ByteWriter {
  #buffer: Uint8Array<ArrayBuffer>;
  #view: DataView;
  #size = 0;

  constructor(capacity = 1024) {
    this.#buffer = new Uint8Array(capacity);
    this.#view = new DataView(this.#buffer.buffer);
  }

  /** Bytes written since the last `take`. */
  get size(): number {
    return this.#size;
  }

  /** An unsigned 64-bit little-endian number. */
  u64(value: number): void {
    if (!Number.isSafeInteger(value) || value < 0) {
      throw new RangeError(`${value} is not an unsigned number`);
    }
    this.#reserve(8);
    this.#view.setUint32(this.#size, value >>> 0, true);
    this.#view.setUint32(this.#size + 4, Math.floor(value / 0x1_0000_0000), true);
    this.#size += 8;
  }

  /** The bytes alone, without length or padding. */
  raw(bytes: Uint8Array): void {
    this.#reserve(bytes.length);
    this.#buffer.set(bytes, this.#size);
    this.#size += bytes.length;
  }

  /** A length, the bytes, and zeros up to a multiple of eight: the `str` of all of Nix's formats. */
  bytes(bytes: Uint8Array): void {
    this.u64(bytes.length);
    this.raw(bytes);
    this.padding(bytes.length);
  }

  /** A string in UTF-8, as `bytes`. */
  string(text: string): void {
    this.bytes(encoder.encode(text));
  }

  /** The zeros that follow `length` bytes of content. */
  padding(length: number): void {
    const count = paddingOf(length);
    this.#reserve(count);
    this.#buffer.fill(0, this.#size, this.#size + count);
    this.#size += count;
  }

  /** What was written; the writer starts empty again and keeps no hold on it. */
  take(): Uint8Array<ArrayBuffer> {
    const bytes = this.#buffer.slice(0, this.#size);
    this.#size = 0;
    return bytes;
  }

  #reserve(more: number): void {
    const needed = this.#size + more;
    if (needed <= this.#buffer.length) return;
    const grown = new Uint8Array(Math.max(needed, this.#buffer.length * 2));
    grown.set(this.#buffer.subarray(0, this.#size));
    this.#buffer = grown;
    this.#view = new DataView(grown.buffer);
  }
}

/** How many zeros follow `length` bytes of content. */
export function paddingOf(length: number): number {
  return (8 - (length % 8)) % 8;
}
