/**
 * Replaces hash parts in a stream of bytes by others, wherever they stand: what refers to one path then refers to another.
 * Nothing changes its length. All are replaced at once: what one becomes is not replaced again.
 */
import { isNix32 } from '../../bytes/nix32.ts';
import { FerryError } from '../../error.ts';
import { hashPartLength } from '../store-path.ts';

const LAST = hashPartLength - 1;

export class HashPartRewriter {
  readonly #replacements: ReadonlyMap<string, Buffer>;
  /** The first characters of those to be replaced, as one number: most runs of digits begin otherwise. */
  readonly #beginnings: ReadonlySet<number>;
  /** The end of what came, not replaced yet: a hash part may have begun in it. */
  #held: Buffer = Buffer.alloc(0);

  /** @throws FerryError `usage` for what is no hash part. */
  constructor(replacements: ReadonlyMap<string, string>) {
    for (const part of [...replacements.keys(), ...replacements.values()]) {
      if (part.length !== hashPartLength || !isNix32(part)) {
        throw new FerryError('usage', `"${part}" is not a hash part`);
      }
    }
    this.#replacements = new Map(
      [...replacements].map(([from, to]) => [from, Buffer.from(to, 'latin1')]),
    );
    this.#beginnings = new Set(
      [...replacements.keys()].map((from) => Buffer.from(from, 'latin1').readUInt32LE(0)),
    );
  }

  /** What is ready of the bytes so far, in memory of its own; the chunk stays as it is. */
  update(chunk: Uint8Array): Uint8Array {
    const whole = new Uint8Array(this.#held.length + chunk.length);
    whole.set(this.#held);
    whole.set(chunk, this.#held.length);
    const bytes = Buffer.from(whole.buffer);
    const end = this.#replace(bytes);
    this.#held = Buffer.from(whole.subarray(end));
    return whole.subarray(0, end);
  }

  /** The rest, once there is no more. */
  finish(): Uint8Array {
    const rest = this.#held;
    this.#held = Buffer.alloc(0);
    return rest;
  }

  /** @returns where the part begins that can't be decided yet */
  #replace(bytes: Buffer): number {
    const end = bytes.length - LAST;
    let at = 0;
    // Digits that are known to follow `at`: after a step of one only the new last byte must be looked at.
    let known = 0;
    while (at < end) {
      let i = LAST;
      while (i >= known && isDigit(bytes[at + i] as number)) i--;
      if (i >= known) {
        at += i + 1;
        known = LAST - i;
        continue;
      }
      const replacement = this.#beginnings.has(bytes.readUInt32LE(at))
        ? this.#replacements.get(bytes.toString('latin1', at, at + hashPartLength))
        : undefined;
      if (replacement === undefined) {
        at++;
        known = LAST;
      } else {
        replacement.copy(bytes, at);
        at += hashPartLength;
        known = 0;
      }
    }
    return Math.max(at, end, 0);
  }
}

/** A digit of Nix32: all but e, o, t and u. */
function isDigit(byte: number): boolean {
  return DIGITS[byte] === 1;
}

const DIGITS: Uint8Array = new Uint8Array(256);
for (const digit of '0123456789abcdfghijklmnpqrsvwxyz') DIGITS[digit.charCodeAt(0)] = 1;
