/**
 * Writes the NAR of what it is told of. The bytes come out in large pieces: whatever is small is collected in one
 * buffer that is used again and again, large contents go through without a copy.
 */
import type { ByteString } from '../../bytes/byte-string.ts';
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
  type Token,
} from './tokens.ts';
import {
  narDepthMax,
  narNameLengthMax,
  narTargetLengthMax,
  type NarFile,
  type NarVisitor,
} from './visitor.ts';

export interface NarEncoderOptions {
  /** Bytes that are collected before they are emitted. */
  readonly chunkSize?: number;
  /**
   * Gives the buffer to fill next. What is emitted is then the receiver's to keep, and contents are always copied.
   * Without it a chunk is valid during the call of `emit` only.
   */
  readonly nextBuffer?: () => Uint8Array;
}

const CHUNK_SIZE = 64 * 1024;
/** The longest target with length and zeros, or any run of tokens around a name: what must fit in a buffer at once. */
const PIECE_MAX = 8 + narTargetLengthMax + 1;

export class NarEncoder implements NarVisitor {
  readonly #emit: (chunk: Uint8Array) => void;
  readonly #nextBuffer: (() => Uint8Array) | undefined;
  /** Contents from this size on are not copied. */
  readonly #largeSize: number;
  #bytes: Uint8Array;
  /** The same memory, for what only a Buffer can do. It is never emitted: its `slice` would not copy. */
  #buffer: Buffer;
  #at = 0;
  #emitted = 0;

  /** The last entry of each open directory. */
  readonly #last: ByteString[] = [];
  #isOpenFile = false;
  #left = 0;
  #padding = 0;
  #isDone = false;

  constructor(emit: (chunk: Uint8Array) => void, options: NarEncoderOptions = {}) {
    const { chunkSize = CHUNK_SIZE, nextBuffer } = options;
    this.#emit = emit;
    this.#nextBuffer = nextBuffer;
    this.#largeSize = nextBuffer === undefined ? chunkSize / 8 : Infinity;
    this.#bytes = nextBuffer?.() ?? new Uint8Array(Math.max(chunkSize, PIECE_MAX));
    this.#buffer = asBuffer(this.#bytes);
  }

  /** Bytes of the archive so far. */
  get size(): number {
    return this.#emitted + this.#at;
  }

  directory(name: ByteString): void {
    this.#beginNode(name);
    this.#token(DIRECTORY);
    this.#last.push('' as ByteString);
  }

  leave(): void {
    ensure(this.#last.length > 0 && !this.#isOpenFile, 'left a directory that is not open');
    this.#last.pop();
    this.#endNode();
  }

  file(name: ByteString, file: NarFile): void {
    this.#beginNode(name);
    this.#token(file.executable ? EXECUTABLE : REGULAR);
    this.#u64(file.size);
    this.#isOpenFile = true;
    this.#left = file.size;
    this.#padding = paddingOf(file.size);
  }

  data(chunk: Uint8Array): void {
    ensure(this.#isOpenFile && chunk.length <= this.#left, 'more contents than announced');
    this.#left -= chunk.length;
    if (chunk.length < this.#largeSize) {
      this.#copy(chunk);
    } else {
      this.#flush();
      this.#emitted += chunk.length;
      this.#emit(chunk);
    }
  }

  endFile(): void {
    ensure(this.#isOpenFile && this.#left === 0, 'less contents than announced');
    this.#isOpenFile = false;
    this.#room(this.#padding);
    this.#bytes.fill(0, this.#at, this.#at + this.#padding);
    this.#at += this.#padding;
    this.#endNode();
  }

  symlink(name: ByteString, target: ByteString): void {
    ensure(target.length > 0 && target.length <= narTargetLengthMax, 'target of that length');
    this.#beginNode(name);
    this.#token(SYMLINK);
    this.#string(target);
    this.#endNode();
  }

  /** Emits what is left. To be called once the root is complete. */
  end(): void {
    ensure(this.#isDone, 'end of an archive whose root is open');
    this.#flush();
  }

  #beginNode(name: ByteString): void {
    ensure(!this.#isDone && !this.#isOpenFile, 'node outside a directory');
    const depth = this.#last.length;
    if (depth === 0) {
      ensure(name === '', 'name for the root');
      this.#token(OPEN);
      return;
    }
    ensure(depth <= narDepthMax, 'too many directories in each other');
    ensure(name.length > 0 && name.length <= narNameLengthMax, 'name of that length');
    ensure(name > (this.#last[depth - 1] ?? ''), 'entries out of order');
    this.#last[depth - 1] = name;
    this.#token(ENTRY);
    this.#string(name);
    this.#token(NODE);
  }

  #endNode(): void {
    const isRoot = this.#last.length === 0;
    this.#token(isRoot ? CLOSE : CLOSE_ENTRY);
    this.#isDone = isRoot;
  }

  #token(token: Token): void {
    this.#room(token.bytes.length);
    this.#bytes.set(token.bytes, this.#at);
    this.#at += token.bytes.length;
  }

  #u64(value: number): void {
    this.#room(8);
    this.#buffer.writeUInt32LE(value % 0x1_0000_0000, this.#at);
    this.#buffer.writeUInt32LE(Math.floor(value / 0x1_0000_0000), this.#at + 4);
    this.#at += 8;
  }

  #string(text: ByteString): void {
    this.#u64(text.length);
    const padding = paddingOf(text.length);
    this.#room(text.length + padding);
    this.#at += this.#buffer.write(text, this.#at, 'latin1');
    this.#bytes.fill(0, this.#at, this.#at + padding);
    this.#at += padding;
  }

  #copy(chunk: Uint8Array): void {
    for (let from = 0; from < chunk.length; ) {
      if (this.#at === this.#bytes.length) this.#flush();
      const part = chunk.subarray(from, from + this.#bytes.length - this.#at);
      this.#bytes.set(part, this.#at);
      this.#at += part.length;
      from += part.length;
    }
  }

  #room(size: number): void {
    if (this.#bytes.length - this.#at < size) this.#flush();
  }

  #flush(): void {
    if (this.#at === 0) return;
    const chunk = this.#bytes.subarray(0, this.#at);
    this.#emitted += this.#at;
    this.#at = 0;
    this.#emit(chunk);
    if (this.#nextBuffer !== undefined && !this.#isDone) {
      this.#bytes = this.#nextBuffer();
      this.#buffer = asBuffer(this.#bytes);
    }
  }
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** Whoever drives a visitor keeps its rules: what breaks them here is a bug of ours. */
function ensure(condition: boolean, problem: string): asserts condition {
  if (!condition) throw new FerryError('internal', `cannot write NAR: ${problem}`);
}
