/**
 * Reads a NAR that comes in pieces and tells a visitor what is in it. It takes exactly the archives that Nix 2.34
 * takes, so that whatever passed here passes everywhere, and each tree has one archive alone. Nothing is allocated
 * from a length that was read: contents go through as views, names and targets have limits. (formats: `tokens.ts`)
 */
import { displayByteString, toByteString, type ByteString } from '../../bytes/byte-string.ts';
import { readU64 } from '../../bytes/byte-reader.ts';
import { paddingOf } from '../../bytes/byte-writer.ts';
import { FerryError } from '../../error.ts';
import {
  CLOSE,
  CLOSE_ENTRY,
  DIRECTORY,
  ENTRY,
  EXECUTABLE,
  NODE,
  OPEN,
  REGULAR,
  SYMLINK,
  wordOffset,
  type Token,
} from './tokens.ts';
import { narDepthMax, narNameLengthMax, narTargetLengthMax, type NarVisitor } from './visitor.ts';

const BEGINNING: readonly Token[] = [OPEN];
const AFTER_NAME: readonly Token[] = [NODE];
const BODY: readonly Token[] = [REGULAR, EXECUTABLE, SYMLINK, DIRECTORY];
const IN_ROOT: readonly Token[] = [ENTRY, CLOSE];
const IN_DIRECTORY: readonly Token[] = [ENTRY, CLOSE_ENTRY];
const AFTER_ROOT: readonly Token[] = [CLOSE];
const AFTER_NODE: readonly Token[] = [CLOSE_ENTRY];

/** What comes next. */
type Step = 'token' | 'length' | 'string' | 'contents' | 'padding';
/** Which of the variable parts it is. */
type Part = 'name' | 'target' | 'contents';

export class NarDecoder {
  /** Bytes taken so far. */
  offset = 0;
  /** Whether the archive is complete. */
  done = false;
  readonly #visitor: NarVisitor;
  #failure: unknown;

  #step: Step = 'token';
  #choice: readonly Token[] = BEGINNING;
  #token: Token = OPEN;
  #matched = 0;

  #part: Part = 'name';
  #executable = false;
  /** Bytes that the step needs at once. */
  #wanted = 0;
  /** Length of the part at hand. */
  #length = 0;
  /** Bytes of contents still to come. */
  #left = 0;

  /** Pieces of what was cut by the end of a chunk: at most the longest target with its zeros. */
  readonly #gathered = new Uint8Array(narTargetLengthMax + 8);
  #have = 0;
  /** Where `#gather` left what it was asked for. */
  #bytes: Uint8Array = this.#gathered;
  #from = 0;

  /** The names of the open directories, '' for the root. */
  readonly #open: ByteString[] = [];
  /** The last entry of each of them. */
  readonly #last: ByteString[] = [];
  /** The entry at hand, '' for the root or between two entries. */
  #name = '' as ByteString;

  constructor(visitor: NarVisitor) {
    this.#visitor = visitor;
  }

  /**
   * Takes the next bytes, and returns how many of them are the archive's: all, unless it ended inside.
   * @throws FerryError `corrupt` with the offset; what the visitor threw. Thrown again by every later call.
   */
  push(chunk: Uint8Array): number {
    if (this.#failure !== undefined) throw this.#failure;
    try {
      return this.#run(chunk);
    } catch (error) {
      this.#failure = error;
      throw error;
    }
  }

  /** @throws FerryError `corrupt` when the archive isn't complete. */
  finish(): void {
    if (this.#failure !== undefined) throw this.#failure;
    if (this.done) return;
    this.#failure = this.#corrupt('unexpected end of input');
    throw this.#failure;
  }

  #run(chunk: Uint8Array): number {
    const base = this.offset;
    let at = 0;
    while (!this.done && at < chunk.length) {
      if (this.#step === 'token') {
        at = this.#match(chunk, at, base);
        continue;
      }
      if (this.#step === 'contents') {
        at = this.#passContents(chunk, at, base);
        continue;
      }
      at = this.#gather(chunk, at, this.#wanted);
      this.offset = base + at;
      if (this.#have > 0) break;
      switch (this.#step) {
        case 'length':
          this.#takeLength(readU64(this.#bytes, this.#from));
          break;
        case 'string':
          this.#takeString();
          break;
        case 'padding':
          this.#checkPadding(0);
          this.#endFile();
          break;
      }
    }
    return at;
  }

  /** Compares with the tokens that may come, byte by byte, so that it doesn't matter where chunks end. */
  #match(chunk: Uint8Array, from: number, base: number): number {
    let at = from;
    let matched = this.#matched;
    let { bytes } = this.#token;
    while (at < chunk.length && matched < bytes.length) {
      if (chunk[at] !== bytes[matched]) {
        this.offset = base + at;
        this.#token = this.#otherToken(matched, chunk[at] as number);
        bytes = this.#token.bytes;
      }
      at += 1;
      matched += 1;
    }
    this.offset = base + at;
    if (matched < bytes.length) {
      this.#matched = matched;
    } else {
      this.#take(this.#token);
    }
    return at;
  }

  #otherToken(matched: number, byte: number): Token {
    const sameSoFar = this.#choice.filter((other) =>
      other.bytes.subarray(0, matched).every((b, i) => b === this.#token.bytes[i]),
    );
    const other = sameSoFar.find((candidate) => candidate.bytes[matched] === byte);
    if (other !== undefined) return other;
    throw this.#foreignWord(sameSoFar, matched);
  }

  #foreignWord(candidates: readonly Token[], matched: number): FerryError {
    const { words } = this.#token;
    const index = words.findLastIndex((_, i) => wordOffset(words, i) <= matched);
    const due = new Set(candidates.map((candidate) => `"${candidate.words[index]}"`));
    if (this.#choice === BEGINNING && index === 0) {
      return this.#corrupt('it does not begin as one', -matched);
    }
    return this.#corrupt(`${[...due].join(' or ')} is missing`, wordOffset(words, index) - matched);
  }

  #expect(choice: readonly Token[]): void {
    this.#step = 'token';
    this.#choice = choice;
    this.#token = choice[0] as Token;
    this.#matched = 0;
  }

  #expectLength(part: Part): void {
    this.#step = 'length';
    this.#wanted = 8;
    this.#part = part;
  }

  #take(token: Token): void {
    switch (token) {
      case OPEN:
      case NODE:
        this.#expect(BODY);
        break;
      case REGULAR:
      case EXECUTABLE:
        this.#executable = token === EXECUTABLE;
        this.#expectLength('contents');
        break;
      case SYMLINK:
        this.#expectLength('target');
        break;
      case DIRECTORY:
        this.#visitor.directory(this.#name);
        this.#open.push(this.#name);
        this.#last.push('' as ByteString);
        this.#expectEntry();
        break;
      case ENTRY:
        if (this.#open.length > narDepthMax) {
          throw this.#corrupt(`nested deeper than ${narDepthMax} directories`, -token.bytes.length);
        }
        this.#expectLength('name');
        break;
      default:
        this.#close();
    }
  }

  /** After CLOSE or CLOSE_ENTRY: of a directory where an entry could have come, of a file or symlink otherwise. */
  #close(): void {
    if (this.#choice === IN_ROOT || this.#choice === IN_DIRECTORY) {
      this.#visitor.leave();
      this.#open.pop();
      this.#last.pop();
    }
    if (this.#open.length === 0) this.done = true;
    else this.#expectEntry();
  }

  #expectEntry(): void {
    this.#name = '' as ByteString;
    this.#expect(this.#open.length > 1 ? IN_DIRECTORY : IN_ROOT);
  }

  #expectClose(): void {
    this.#expect(this.#open.length > 0 ? AFTER_NODE : AFTER_ROOT);
  }

  #takeLength(length: number): void {
    if (length < 0) throw this.#corrupt(`length of ${this.#part} is past 2^53`, -8);
    this.#length = length;
    if (this.#part === 'contents') {
      this.#left = length;
      this.#visitor.file(this.#name, {
        executable: this.#executable,
        size: length,
        offset: this.offset,
      });
      this.#step = 'contents';
      if (length === 0) this.#endFile();
      return;
    }
    const max = this.#part === 'name' ? narNameLengthMax : narTargetLengthMax;
    if (length === 0) throw this.#corrupt(`${this.#part} is empty`, -8);
    if (length > max) {
      throw this.#corrupt(`${this.#part} has ${length} bytes, more than ${max}`, -8);
    }
    this.#step = 'string';
    this.#wanted = length + paddingOf(length);
  }

  #takeString(): void {
    const bytes = this.#bytes.subarray(this.#from, this.#from + this.#length);
    this.#checkPadding(this.#length);
    if (bytes.includes(0)) throw this.#corrupt(`${this.#part} has a NUL in it`, -this.#wanted);
    const text = toByteString(bytes);
    if (this.#part === 'target') {
      this.#visitor.symlink(this.#name, text);
      this.#expectClose();
      return;
    }
    const problem = nameProblem(text, this.#last.at(-1));
    if (problem !== undefined) throw this.#corrupt(problem, -this.#wanted);
    this.#last[this.#last.length - 1] = text;
    this.#name = text;
    this.#expect(AFTER_NAME);
  }

  #passContents(chunk: Uint8Array, at: number, base: number): number {
    const end = Math.min(chunk.length, at + this.#left);
    const isWhole = at === 0 && end === chunk.length;
    this.#visitor.data(isWhole ? chunk : chunk.subarray(at, end));
    this.offset = base + end;
    this.#left -= end - at;
    if (this.#left === 0) {
      this.#wanted = paddingOf(this.#length);
      if (this.#wanted === 0) this.#endFile();
      else this.#step = 'padding';
    }
    return end;
  }

  #endFile(): void {
    this.#visitor.endFile();
    this.#expectClose();
  }

  #checkPadding(from: number): void {
    for (let i = from; i < this.#wanted; i++) {
      if (this.#bytes[this.#from + i] !== 0) {
        throw this.#corrupt(`padding of ${this.#part} is not zero`, i - this.#wanted);
      }
    }
  }

  /** Makes `size` bytes ready at `#bytes[#from]`. Until they are all there `#have` is above zero. */
  #gather(chunk: Uint8Array, at: number, size: number): number {
    if (this.#have === 0 && chunk.length - at >= size) {
      this.#bytes = chunk;
      this.#from = at;
      return at + size;
    }
    const part = chunk.subarray(at, at + size - this.#have);
    this.#gathered.set(part, this.#have);
    this.#have += part.length;
    if (this.#have === size) {
      this.#bytes = this.#gathered;
      this.#from = 0;
      this.#have = 0;
    }
    return at + part.length;
  }

  #corrupt(problem: string, back = 0): FerryError {
    const offset = this.offset + back;
    const entry = [...this.#open, this.#name].filter((name) => name !== '').join('/') as ByteString;
    const where = entry === '' ? '' : ` in "${displayByteString(entry)}"`;
    return new FerryError('corrupt', `cannot read NAR at byte ${offset}${where}: ${problem}`, {
      offset,
    });
  }
}

/** Names are what an attacker would write outside the tree with: each rule shuts out a way. */
function nameProblem(name: ByteString, previous: ByteString | undefined): string | undefined {
  const shown = `entry name "${displayByteString(name)}"`;
  if (name === '.' || name === '..') return `${shown} is not one of an entry`;
  if (name.includes('/')) return `${shown} has a slash in it`;
  if (previous !== undefined && name <= previous) {
    const again =
      name === previous ? 'comes twice' : `comes after "${displayByteString(previous)}"`;
    return `${shown} ${again}`;
  }
  return undefined;
}
