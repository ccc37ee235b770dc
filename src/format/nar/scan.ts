/**
 * Finds which hash parts a stream of bytes mentions: how references are discovered. Digits of Nix32 rarely come 32 in
 * a row, so that looking at the last byte of a window first lets most windows be skipped whole.
 */
import { isNix32 } from '../../bytes/nix32.ts';
import { FerryError } from '../../error.ts';
import { hashPartLength } from '../store-path.ts';

const LAST = hashPartLength - 1;
const IS_DIGIT: Uint8Array = Uint8Array.from({ length: 256 }, (_, code) =>
  isNix32(String.fromCharCode(code)) ? 1 : 0,
);

export class HashPartScanner {
  /** Those that were found. */
  readonly found: Set<string> = new Set();
  readonly #wanted: Set<string>;
  /** Whether a hash part may begin with these two bytes: most runs of digits end here, without making a string. */
  readonly #beginnings = new Uint8Array(1 << 16);
  readonly #seam = new Uint8Array(2 * LAST);
  #seamSize = 0;

  /** @throws FerryError `usage` for what is no hash part. */
  constructor(hashParts: Iterable<string>) {
    this.#wanted = new Set(hashParts);
    for (const part of this.#wanted) {
      if (part.length !== hashPartLength || !isNix32(part)) {
        throw new FerryError('usage', `"${part}" is not a hash part`);
      }
      this.#beginnings[part.charCodeAt(0) | (part.charCodeAt(1) << 8)] = 1;
    }
  }

  update(chunk: Uint8Array): void {
    if (this.#wanted.size === 0 || chunk.length === 0) return;
    if (this.#seamSize > 0) {
      const head = chunk.subarray(0, LAST);
      this.#seam.set(head, this.#seamSize);
      this.#search(this.#seam.subarray(0, this.#seamSize + head.length));
    }
    this.#search(chunk);
    this.#keepTail(chunk);
  }

  /** Keeps the last 31 bytes of the stream: a hash part may have begun in them. */
  #keepTail(chunk: Uint8Array): void {
    if (chunk.length >= LAST) {
      this.#seam.set(chunk.subarray(chunk.length - LAST));
      this.#seamSize = LAST;
      return;
    }
    // `update` has put all of the chunk behind the seam, or there was none.
    if (this.#seamSize === 0) this.#seam.set(chunk);
    const size = this.#seamSize + chunk.length;
    const surplus = Math.max(0, size - LAST);
    this.#seam.copyWithin(0, surplus, size);
    this.#seamSize = size - surplus;
  }

  #search(bytes: Uint8Array): void {
    const end = bytes.length - LAST;
    let at = 0;
    // Digits that are known to follow `at`: after a step of one only the new last byte must be looked at.
    let known = 0;
    while (at < end) {
      let i = LAST;
      while (i >= known && IS_DIGIT[bytes[at + i] as number] === 1) i -= 1;
      if (i >= known) {
        at += i + 1;
        known = LAST - i;
        continue;
      }
      if (this.#beginnings[(bytes[at] as number) | ((bytes[at + 1] as number) << 8)] === 1) {
        this.#look(bytes, at);
        if (this.#wanted.size === 0) return;
      }
      at += 1;
      known = LAST;
    }
  }

  #look(bytes: Uint8Array, at: number): void {
    const part = Buffer.from(bytes.buffer, bytes.byteOffset + at, hashPartLength).toString(
      'latin1',
    );
    if (this.#wanted.delete(part)) this.found.add(part);
  }
}
