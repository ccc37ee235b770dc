/** Reads the ATerms that derivations are written in: quoted strings, lists, tuples, no blanks. */
import { toByteString, type ByteString } from '../bytes/byte-string.ts';
import { FerryError, messageOf } from '../error.ts';

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
const CLOSE = 0x5d;

export class AtermReader {
  readonly #text: Buffer;
  #at = 0;

  constructor(text: Uint8Array) {
    this.#text = Buffer.from(text.buffer, text.byteOffset, text.byteLength);
  }

  startsWith(token: string): boolean {
    return this.#text.toString('latin1', this.#at, this.#at + token.length) === token;
  }

  expect(token: string): void {
    if (!this.startsWith(token)) throw this.error(`"${token}" is due`);
    this.#at += token.length;
  }

  /** A string in quotes, unescaped. */
  string(): ByteString {
    this.expect('"');
    const text = this.#text;
    const start = this.#at;
    let end = start;
    let isEscaped = false;
    while (end < text.length && text[end] !== QUOTE) {
      if (text[end] === BACKSLASH) {
        isEscaped = true;
        end++;
      }
      end++;
    }
    if (end >= text.length) throw this.error('a string has no end');
    this.#at = end + 1;
    const raw = toByteString(text.subarray(start, end));
    return isEscaped ? unescape(raw) : raw;
  }

  /** A comma and a string. */
  next(): ByteString {
    this.expect(',');
    return this.string();
  }

  list<T>(item: () => T): T[] {
    this.expect('[');
    const items: T[] = [];
    if (this.#text[this.#at] === CLOSE) {
      this.#at++;
      return items;
    }
    for (;;) {
      items.push(item());
      const separator = this.#text[this.#at];
      if (separator !== COMMA && separator !== CLOSE) throw this.error('"," or "]" is due');
      this.#at++;
      if (separator === CLOSE) return items;
    }
  }

  /** A list of pairs, no key twice. `what` names one of them, with its article. */
  map<K extends string, V>(what: string, pair: () => readonly [K, V]): Map<K, V> {
    const map = new Map<K, V>();
    const start = this.#at;
    for (const [key, value] of this.list(pair)) {
      if (map.has(key)) {
        this.#at = start;
        throw this.error(`${what} is there twice`);
      }
      map.set(key, value);
    }
    return map;
  }

  /** Nothing may follow. */
  end(): void {
    if (this.#at !== this.#text.length) throw this.error('it goes on after its end');
  }

  /** Runs a parser of what a string said; its errors get the place. */
  within<T>(parse: () => T): T {
    try {
      return parse();
    } catch (error) {
      if (error instanceof FerryError && error.offset === undefined && error.code === 'corrupt') {
        throw this.error(messageOf(error), error);
      }
      throw error;
    }
  }

  error(problem: string, cause?: unknown): FerryError {
    return new FerryError(
      'corrupt',
      `cannot read derivation: ${problem} at byte ${this.#at}`,
      cause === undefined ? { offset: this.#at } : { offset: this.#at, cause },
    );
  }
}

function unescape(raw: ByteString): ByteString {
  return raw.replace(/\\([^])/g, (_, character: string) =>
    character === 'n' ? '\n' : character === 'r' ? '\r' : character === 't' ? '\t' : character,
  ) as ByteString;
}
