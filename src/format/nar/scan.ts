/**
 * Finds which hash parts a stream of bytes mentions: how references are discovered. Digits of Nix32 rarely come 32 in
 * a row, so that looking at the last byte of a window first lets most windows be skipped whole.
 */
import { isNix32 } from '../../bytes/nix32.ts';
import { FerryError } from '../../error.ts';
import { hashPartLength } from '../store-path.ts';

const LAST = hashPartLength - 1;
const DIGITS = '0123456789abcdfghijklmnpqrsvwxyz';
/** The value of each byte as a digit, 255 for what is none. */
const VALUES: Uint8Array = new Uint8Array(256).fill(255);
for (let value = 0; value < DIGITS.length; value++) VALUES[DIGITS.charCodeAt(value)] = value;

export class HashPartScanner {
  /** Those that were found. */
  readonly found: Set<string> = new Set();
  readonly #wanted: Set<string>;
  /**
   * One bit for each four digits: whether a hash part that is wanted begins so. Without it a text that has long runs
   * of digits, such as base 16, would make a string at each byte.
   */
  readonly #beginnings = new Uint8Array(2 ** 20 / 8);
  readonly #seam = new Uint8Array(2 * LAST);
  #seamSize = 0;

  /** @throws FerryError `usage` for what is no hash part. */
  constructor(hashParts: Iterable<string>) {
    this.#wanted = new Set(hashParts);
    for (const part of this.#wanted) {
      if (part.length !== hashPartLength || !isNix32(part)) {
        throw new FerryError('usage', `"${part}" is not a hash part`);
      }
      const beginning = beginningOf(Buffer.from(part), 0);
      this.#beginnings[beginning >> 3] =
        bitsAt(this.#beginnings, beginning) | (1 << (beginning & 7));
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
      while (i >= known && VALUES[bytes[at + i] as number] !== 255) i -= 1;
      if (i >= known) {
        at += i + 1;
        known = LAST - i;
        continue;
      }
      const beginning = beginningOf(bytes, at);
      if ((bitsAt(this.#beginnings, beginning) & (1 << (beginning & 7))) !== 0) {
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

/** Four digits as one number. */
function beginningOf(bytes: Uint8Array, at: number): number {
  let beginning = 0;
  for (let i = 0; i < 4; i++) {
    beginning = (beginning << 5) | (VALUES[bytes[at + i] as number] as number);
  }
  return beginning;
}

function bitsAt(bits: Uint8Array, index: number): number {
  return bits[index >> 3] as number;
}
