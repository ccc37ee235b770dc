/** Where in a tree hash parts are mentioned: the first mention of each in every file and link, with what stands around it. */
import { displayByteString, type ByteString } from '../../bytes/byte-string.ts';
import { hashPartLength } from '../store-path.ts';
import type { NarVisitor } from './visitor.ts';

export interface Mention {
  readonly hashPart: string;
  /** Below the root, `bin/hello`; `/` is the root itself. */
  readonly file: string;
  /** What stands before and after it, as bytes; of a link all of its target. */
  readonly before: ByteString;
  readonly after: ByteString;
  readonly isLink: boolean;
  /** Byte of the file at which the hash part begins; of its target where it is a link. */
  readonly offset: number;
}

/** Bytes of what stands around a mention in a file, as many as there are. */
export const mentionMargin: number = 32;
/** From here to the end a mention may not be whole yet, or what follows it. */
const UNDECIDED = hashPartLength + mentionMargin;

export class MentionFinder implements NarVisitor {
  /** In the order of the tree. */
  readonly found: Mention[] = [];
  readonly #wanted: readonly string[];
  readonly #max: number;
  readonly #open: ByteString[] = [];
  /** Not mentioned yet in the file that is open. */
  readonly #missing = new Set<string>();
  #file = '';
  #held: Buffer = Buffer.alloc(0);
  /** Bytes of the file that came so far, those that are held among them. */
  #read = 0;

  /** @param max as many are kept: a closure may mention something in a million files. */
  constructor(hashParts: Iterable<string>, max = 10_000) {
    this.#wanted = [...hashParts];
    this.#max = max;
  }

  directory(name: ByteString): void {
    this.#open.push(name);
  }

  leave(): void {
    this.#open.pop();
  }

  file(name: ByteString): void {
    this.#file = this.#nameOf(name);
    this.#held = Buffer.alloc(0);
    this.#read = 0;
    for (const part of this.#wanted) this.#missing.add(part);
  }

  data(chunk: Uint8Array): void {
    const bytes = Buffer.concat([this.#held, chunk]);
    this.#read += chunk.length;
    this.#search(bytes, bytes.length - UNDECIDED);
    this.#held = bytes.subarray(Math.max(0, bytes.length - UNDECIDED - mentionMargin));
  }

  endFile(): void {
    this.#search(this.#held, this.#held.length);
    this.#missing.clear();
  }

  symlink(name: ByteString, target: ByteString): void {
    for (const hashPart of this.#wanted) {
      const at = target.indexOf(hashPart);
      if (at < 0) continue;
      this.#add({
        hashPart,
        file: this.#nameOf(name),
        before: target.slice(0, at) as ByteString,
        after: target.slice(at + hashPart.length) as ByteString,
        isLink: true,
        offset: at,
      });
    }
  }

  /** Mentions that begin up to `last`. */
  #search(bytes: Buffer, last: number): void {
    for (const hashPart of this.#missing) {
      const at = bytes.indexOf(hashPart, 0, 'latin1');
      if (at < 0 || at > last) continue;
      this.#missing.delete(hashPart);
      const end = at + hashPart.length;
      this.#add({
        hashPart,
        file: this.#file,
        before: bytes.toString('latin1', Math.max(0, at - mentionMargin), at) as ByteString,
        after: bytes.toString('latin1', end, end + mentionMargin) as ByteString,
        isLink: false,
        offset: this.#read - bytes.length + at,
      });
    }
  }

  #add(mention: Mention): void {
    if (this.found.length < this.#max) this.found.push(mention);
  }

  #nameOf(name: ByteString): string {
    // The root's own name is '' and not part of any path.
    const path = [...this.#open.slice(1), name].join('/') as ByteString;
    return path === '' ? '/' : displayByteString(path);
  }
}
