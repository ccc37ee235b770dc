/** Bits out of bytes that come in pieces, the highest bit of a byte first. */

/** Thrown where the input ends in the middle; nobody outside this folder sees it. */
export const CUT_SHORT: unique symbol = Symbol('cut short');

export class BitInput {
  /** What has come and isn't read, from `at` to `end`. Whoever reads on its own tells how far with `seek`. */
  bytes: Uint8Array = new Uint8Array(64 * 1024);
  at = 0;
  end = 0;
  /** Bits of bytes before `at` that are not read: the lowest `count` ones; what is above them means nothing. */
  bits = 0;
  count = 0;
  /** Whether no more bytes come. */
  isEnded = false;
  /** Bytes that were dropped from the front. */
  #dropped = 0;

  /** Where the next bit is, in bytes since the beginning. */
  get offset(): number {
    return this.#dropped + this.at - Math.ceil(this.count / 8);
  }

  append(chunk: Uint8Array): void {
    const rest = this.end - this.at;
    if (this.end + chunk.length > this.bytes.length) {
      const target =
        rest + chunk.length > this.bytes.length
          ? new Uint8Array((rest + chunk.length) * 2)
          : this.bytes;
      target.set(this.bytes.subarray(this.at, this.end));
      this.bytes = target;
      this.#dropped += this.at;
      this.at = 0;
      this.end = rest;
    }
    this.bytes.set(chunk, this.end);
    this.end += chunk.length;
  }

  /** Whether so many bytes are there beyond those in `bits`, or all that will ever come. */
  has(bytes: number): boolean {
    return this.isEnded || this.end - this.at >= bytes;
  }

  /** @param count up to 24 */
  read(count: number): number {
    while (this.count < count) {
      const byte = this.at < this.end ? this.bytes[this.at] : undefined;
      if (byte === undefined) throw CUT_SHORT;
      this.at += 1;
      this.bits = (this.bits << 8) | byte;
      this.count += 8;
    }
    this.count -= count;
    return (this.bits >>> this.count) & ((1 << count) - 1);
  }

  /** Goes to a place that was read to from `at`, `bits` and `count`. It may turn out to be past the end. */
  seek(at: number, bits: number, count: number): void {
    this.at = at;
    this.bits = bits;
    this.count = count;
    if (at <= this.end) return;
    this.at = this.end;
    throw CUT_SHORT;
  }

  /** To the next whole byte. */
  align(): void {
    this.count -= this.count % 8;
  }

  /** Whether nothing is left, where no more comes. Only where it is aligned. */
  get isEmpty(): boolean {
    return this.count === 0 && this.at === this.end;
  }
}
