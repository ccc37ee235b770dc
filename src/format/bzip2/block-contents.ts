/**
 * The contents of a block: its bytes as the Burrows–Wheeler transform sorted them, put back into their order, and the
 * runs that were shortened before that made long again.
 */

/** Bytes that are emitted at a time. */
const OUTPUT_BYTES = 64 * 1024;
/** So many equal bytes are followed by how many more there are. */
const RUN_LENGTH = 4;

export class BlockContents {
  /** Most bytes of a block, before the runs are made long. */
  capacity = 0;
  /** Bytes of the block so far. */
  size = 0;
  /** The byte at each place in the lowest bits; above them, at last, the place of the one that follows. */
  #sorted = new Uint32Array(0);
  readonly #counts = new Uint32Array(256);
  readonly #output = new Uint8Array(OUTPUT_BYTES);

  start(capacity: number): void {
    this.capacity = capacity;
    this.size = 0;
    if (this.#sorted.length < capacity) this.#sorted = new Uint32Array(capacity);
    this.#counts.fill(0);
  }

  /** @returns whether there was room */
  add(byte: number): boolean {
    if (this.size >= this.capacity) return false;
    this.#sorted[this.size] = byte;
    this.size += 1;
    this.#counts[byte] = (this.#counts[byte] ?? 0) + 1;
    return true;
  }

  /** @returns whether there was room */
  addRun(byte: number, length: number): boolean {
    if (length > this.capacity - this.size) return false;
    this.#sorted.fill(byte, this.size, this.size + length);
    this.size += length;
    this.#counts[byte] = (this.#counts[byte] ?? 0) + length;
    return true;
  }

  /**
   * @param origin the place of the block itself among its sorted rotations, less than `size`
   * @returns the checksum of what was emitted
   */
  write(origin: number, emit: (bytes: Uint8Array) => void): number {
    this.#link();
    const sorted = this.#sorted;
    const output = this.#output;
    let place = (sorted[origin] ?? 0) >>> 8;
    let crc = -1;
    let filled = 0;
    let last = -1;
    let equal = 0;
    for (let left = this.size; left > 0; left -= 1) {
      const entry = sorted[place] ?? 0;
      place = entry >>> 8;
      const byte = entry & 0xff;
      if (equal === RUN_LENGTH) {
        equal = 0;
        for (let more = byte; more > 0; more -= 1) {
          crc = (crc << 8) ^ (TABLE[(crc >>> 24) ^ last] ?? 0);
          output[filled] = last;
          filled += 1;
          if (filled === OUTPUT_BYTES) {
            emit(output);
            filled = 0;
          }
        }
        last = -1;
        continue;
      }
      equal = byte === last ? equal + 1 : 1;
      last = byte;
      crc = (crc << 8) ^ (TABLE[(crc >>> 24) ^ byte] ?? 0);
      output[filled] = byte;
      filled += 1;
      if (filled === OUTPUT_BYTES) {
        emit(output);
        filled = 0;
      }
    }
    if (filled > 0) emit(output.subarray(0, filled));
    return ~crc;
  }

  /** Notes at each place where the following byte is: where the same byte comes as often in the sorted order. */
  #link(): void {
    const sorted = this.#sorted;
    const next = new Uint32Array(256);
    let sum = 0;
    for (let byte = 0; byte < 256; byte += 1) {
      next[byte] = sum;
      sum += this.#counts[byte] ?? 0;
    }
    for (let at = 0; at < this.size; at += 1) {
      const byte = (sorted[at] ?? 0) & 0xff;
      const place = next[byte] ?? 0;
      next[byte] = place + 1;
      sorted[place] = ((sorted[place] ?? 0) & 0xff) | (at << 8);
    }
  }
}

/** CRC-32 with the highest bit first, which is bzip2's alone. */
const TABLE = Int32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte << 24;
  for (let bit = 0; bit < 8; bit += 1) crc = crc < 0 ? (crc << 1) ^ 0x04c11db7 : crc << 1;
  return crc;
});
