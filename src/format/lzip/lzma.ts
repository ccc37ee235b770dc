/**
 * Decodes LZMA as lzip has it: always with three bits of context for literals, two of position, and a marker at the
 * end (RFC draft "Lzip Compressed Format", 7). A range coder over probabilities that adapt, literals, matches at a
 * distance, and repeats of the last four distances.
 */

/** Thrown where the input ends in the middle, or is damaged; nobody outside this folder sees them. */
export const CUT_SHORT: unique symbol = Symbol('cut short');
export const DAMAGED: unique symbol = Symbol('damaged');

/** Bytes that one step reads at most, and then some. */
const STEP_BYTES = 32;
/** Bytes that are emitted at a time, about. */
const OUTPUT_BYTES = 64 * 1024;

const STATES = 12;
const POSITIONS = 4;
const LITERAL_CODER = 0x300;
const LITERAL_CONTEXTS = 8;
const LENGTH_MIN = 2;
/** Of the coder of lengths: two choices, eight lengths for each position twice, and 256 more. */
const LENGTH_CODER = 2 + POSITIONS * 8 * 2 + 256;
const DISTANCE_STATES = 4;
/** Slots from this on have bits that aren't modelled. */
const SLOT_DIRECT = 14;

// All probabilities are in one array; these are the places of their groups.
const IS_MATCH = 0;
const IS_REPEAT = IS_MATCH + STATES * POSITIONS;
const IS_REPEAT_OLDER = IS_REPEAT + STATES;
const IS_REPEAT_OLDER_1 = IS_REPEAT_OLDER + STATES;
const IS_REPEAT_OLDER_2 = IS_REPEAT_OLDER_1 + STATES;
const IS_REPEAT_LONG = IS_REPEAT_OLDER_2 + STATES;
const SLOTS = IS_REPEAT_LONG + STATES * POSITIONS;
const DISTANCES = SLOTS + DISTANCE_STATES * 64;
const ALIGN = DISTANCES + 128;
const MATCH_LENGTH = ALIGN + 16;
const REPEAT_LENGTH = MATCH_LENGTH + LENGTH_CODER;
const LITERALS = REPEAT_LENGTH + LENGTH_CODER;
const PROBABILITIES = LITERALS + LITERAL_CONTEXTS * LITERAL_CODER;

/** What has come and isn't read, from `at` to `end`. */
export interface LzmaInput {
  readonly bytes: Uint8Array;
  at: number;
  readonly end: number;
  /** Whether no more bytes come. */
  readonly isEnded: boolean;
}

export class LzmaDecoder {
  /** Bytes that came out so far. */
  size = 0;
  readonly #emit: (bytes: Uint8Array) => void;
  readonly #input: LzmaInput;
  readonly #dictionary: Uint8Array;
  /** Where the next byte goes in the dictionary. */
  #at = 0;
  #emitted = 0;
  readonly #probabilities = new Uint16Array(PROBABILITIES).fill(1024);
  // Both are unsigned, kept as signed: comparisons flip the highest bit.
  #range = -1;
  #code = 0;
  #state = 0;
  // Distances less one: the last, and those before it.
  #distance = 0;
  #distance1 = 0;
  #distance2 = 0;
  #distance3 = 0;

  /**
   * Reads the five bytes that begin a stream: they must be there. What was in the dictionary before is never looked at.
   * `emit` gets views on it, valid during the call only.
   */
  constructor(input: LzmaInput, dictionary: Uint8Array, emit: (bytes: Uint8Array) => void) {
    this.#input = input;
    this.#emit = emit;
    this.#dictionary = dictionary;
    if (this.#byte() !== 0) throw DAMAGED;
    for (let left = 4; left > 0; left -= 1) this.#code = (this.#code << 8) | this.#byte();
  }

  /** Goes on until the end of the stream, or until input lacks. @returns whether it is the end */
  run(): boolean {
    const input = this.#input;
    while (input.isEnded || input.end - input.at >= STEP_BYTES) {
      const position = this.size & (POSITIONS - 1);
      if (this.#bit(IS_MATCH + this.#state * POSITIONS + position) === 0) {
        this.#literal();
      } else if (this.#match(position)) {
        this.#normalize();
        this.#flush();
        return true;
      }
      if (this.#at - this.#emitted >= OUTPUT_BYTES) this.#flush();
    }
    this.#flush();
    return false;
  }

  #literal(): void {
    const previous = this.size === 0 ? 0 : this.#back(0);
    const base = LITERALS + (previous >> 5) * LITERAL_CODER;
    let symbol = 1;
    if (this.#state >= 7) {
      // After a match the byte that would have gone on with it tells something.
      let expected = this.#back(this.#distance);
      while (symbol < 0x100) {
        const guess = (expected >> 7) & 1;
        expected <<= 1;
        const bit = this.#bit(base + ((1 + guess) << 8) + symbol);
        symbol = (symbol << 1) | bit;
        if (guess !== bit) break;
      }
    }
    while (symbol < 0x100) symbol = (symbol << 1) | this.#bit(base + symbol);
    this.#put(symbol & 0xff);
    this.#state = this.#state < 4 ? 0 : this.#state < 10 ? this.#state - 3 : this.#state - 6;
  }

  /** @returns whether it was the marker of the end */
  #match(position: number): boolean {
    const state = this.#state;
    if (this.#bit(IS_REPEAT + state) === 0) {
      const length = this.#length(MATCH_LENGTH, position);
      this.#distance3 = this.#distance2;
      this.#distance2 = this.#distance1;
      this.#distance1 = this.#distance;
      this.#distance = this.#newDistance(length);
      this.#state = state < 7 ? 7 : 10;
      if (this.#distance === 0xffff_ffff) {
        if (length !== LENGTH_MIN) throw DAMAGED;
        return true;
      }
      this.#copy(length);
      return false;
    }
    if (this.#bit(IS_REPEAT_OLDER + state) === 0) {
      if (this.#bit(IS_REPEAT_LONG + state * POSITIONS + position) === 0) {
        this.#state = state < 7 ? 9 : 11;
        this.#copy(1);
        return false;
      }
    } else {
      this.#distance = this.#olderDistance(state);
    }
    const length = this.#length(REPEAT_LENGTH, position);
    this.#state = state < 7 ? 8 : 11;
    this.#copy(length);
    return false;
  }

  /** One of the distances before the last, which becomes the last. */
  #olderDistance(state: number): number {
    let distance = this.#distance1;
    if (this.#bit(IS_REPEAT_OLDER_1 + state) === 1) {
      distance = this.#distance2;
      if (this.#bit(IS_REPEAT_OLDER_2 + state) === 1) {
        distance = this.#distance3;
        this.#distance3 = this.#distance2;
      }
      this.#distance2 = this.#distance1;
    }
    this.#distance1 = this.#distance;
    return distance;
  }

  #length(coder: number, position: number): number {
    if (this.#bit(coder) === 0) return LENGTH_MIN + this.#tree(coder + 2 + position * 8, 3);
    if (this.#bit(coder + 1) === 0) {
      return LENGTH_MIN + 8 + this.#tree(coder + 2 + (POSITIONS + position) * 8, 3);
    }
    return LENGTH_MIN + 16 + this.#tree(coder + 2 + POSITIONS * 16, 8);
  }

  #newDistance(length: number): number {
    const state = Math.min(length - LENGTH_MIN, DISTANCE_STATES - 1);
    const slot = this.#tree(SLOTS + state * 64, 6);
    if (slot < 4) return slot;
    const bits = (slot >> 1) - 1;
    const start = (2 | (slot & 1)) * 2 ** bits;
    if (slot < SLOT_DIRECT) return start + this.#reversedTree(DISTANCES + start - slot, bits);
    const direct = this.#direct(bits - 4);
    return start + direct * 16 + this.#reversedTree(ALIGN, 4);
  }

  #copy(length: number): void {
    if (this.#distance >= this.size || this.#distance >= this.#dictionary.length) throw DAMAGED;
    for (let left = length; left > 0; left -= 1) this.#put(this.#back(this.#distance));
  }

  /** The byte so far back; the last one is 0 back. */
  #back(distance: number): number {
    const at = this.#at - distance - 1;
    return this.#dictionary[at < 0 ? at + this.#dictionary.length : at] ?? 0;
  }

  #put(byte: number): void {
    this.#dictionary[this.#at] = byte;
    this.#at += 1;
    this.size += 1;
    if (this.#at < this.#dictionary.length) return;
    this.#flush();
    this.#at = 0;
    this.#emitted = 0;
  }

  #flush(): void {
    if (this.#at > this.#emitted) this.#emit(this.#dictionary.subarray(this.#emitted, this.#at));
    this.#emitted = this.#at;
  }

  #tree(base: number, bits: number): number {
    let symbol = 1;
    for (let left = bits; left > 0; left -= 1) symbol = (symbol << 1) | this.#bit(base + symbol);
    return symbol - (1 << bits);
  }

  #reversedTree(base: number, bits: number): number {
    let symbol = 1;
    let value = 0;
    for (let bit = 0; bit < bits; bit += 1) {
      const one = this.#bit(base + symbol);
      symbol = (symbol << 1) | one;
      value |= one << bit;
    }
    return value;
  }

  /** Bits that are as likely 0 as 1; up to 26. */
  #direct(bits: number): number {
    let value = 0;
    for (let left = bits; left > 0; left -= 1) {
      this.#normalize();
      this.#range >>>= 1;
      const rest = (this.#code - this.#range) | 0;
      value = (value << 1) | (rest < 0 ? 0 : 1);
      if (rest >= 0) this.#code = rest;
    }
    return value;
  }

  #bit(index: number): number {
    this.#normalize();
    const probability = this.#probabilities[index] ?? 0;
    const bound = Math.imul(this.#range >>> 11, probability);
    if ((this.#code ^ 0x8000_0000) < (bound ^ 0x8000_0000)) {
      this.#range = bound;
      this.#probabilities[index] = probability + ((2048 - probability) >> 5);
      return 0;
    }
    this.#range = (this.#range - bound) | 0;
    this.#code = (this.#code - bound) | 0;
    this.#probabilities[index] = probability - (probability >> 5);
    return 1;
  }

  #normalize(): void {
    if ((this.#range & 0xff00_0000) !== 0) return;
    this.#range <<= 8;
    this.#code = (this.#code << 8) | this.#byte();
  }

  #byte(): number {
    const input = this.#input;
    if (input.at >= input.end) throw CUT_SHORT;
    const byte = input.bytes[input.at] ?? 0;
    input.at += 1;
    return byte;
  }
}
