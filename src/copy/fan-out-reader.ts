/**
 * One of those who share a reading: the paths that it wants of it, in their order, and what was read of them ahead of
 * it. To the store that it is for it looks like a source.
 */
import { releaseChunk } from '../bytes/release.ts';
import type { PathInfo } from '../format/path-info.ts';
import type { StorePath } from '../format/store-path.ts';
import type { NarStream } from '../store/store.ts';

/** A chunk in memory that counts until all who were given it have taken it. */
export interface SharedChunk {
  /** To be called once for each of them. */
  taken(): void;
}

type Piece =
  | { readonly kind: 'bytes'; readonly chunk: Uint8Array; readonly shared: SharedChunk }
  /** The path is at its end. */
  | { readonly kind: 'end' }
  /** The path can't be read. */
  | { readonly kind: 'failed'; readonly error: unknown };

/** Place in the order: which path, and bytes of its NAR. */
interface Place {
  index: number;
  bytes: number;
}

export class FanOutReader {
  readonly #paths: readonly StorePath[];
  readonly #onChange: () => void;
  readonly #queue: Piece[] = [];
  /** Up to where it was given what was read. */
  #given: Place = { index: 0, bytes: 0 };
  /** Up to where it was taken. */
  #taken: Place = { index: 0, bytes: 0 };
  #backlog = 0;
  #isWaiting = false;
  #ending: { readonly error?: unknown } | undefined;
  #news = Promise.withResolvers<void>();

  /**
   * @param infos what is wanted, in the order in which it is read
   * @param onChange called when it took something, waits for something, or wants nothing more
   */
  constructor(infos: Iterable<PathInfo>, onChange: (reader: FanOutReader) => void) {
    this.#paths = Array.from(infos, ({ path }) => path);
    this.#onChange = () => onChange(this);
  }

  /** Bytes that were read for it and that it hasn't taken. */
  get backlog(): number {
    return this.#backlog;
  }

  /** It waits, and there is nothing for it. */
  get isStarving(): boolean {
    return this.#isWaiting && this.#queue.length === 0 && this.#ending === undefined;
  }

  /** The path that it must be given next; undefined where it has been given all. */
  get next(): StorePath | undefined {
    return this.#ending === undefined ? this.#paths[this.#given.index] : undefined;
  }

  /** What it wasn't given yet. */
  get wanted(): readonly StorePath[] {
    return this.#ending === undefined ? this.#paths.slice(this.#given.index) : [];
  }

  /** How much of a chunk of `length` bytes, which begins so many bytes into the NAR of the next path, is new to it. */
  lacking(offset: number, length: number): number {
    return Math.max(0, Math.min(length, offset + length - this.#given.bytes));
  }

  /** The next bytes of the next path. */
  give(chunk: Uint8Array, shared: SharedChunk): void {
    this.#given.bytes += chunk.length;
    this.#backlog += chunk.length;
    this.#push({ kind: 'bytes', chunk, shared });
  }

  /** The next path is at its end, or can't be read further. */
  giveEnd(failure?: { readonly error: unknown }): void {
    this.#given = { index: this.#given.index + 1, bytes: 0 };
    this.#push(failure === undefined ? { kind: 'end' } : { kind: 'failed', ...failure });
  }

  /** Nothing more will come, once what was read is taken. */
  giveUp(error: unknown): void {
    this.#ending ??= { error };
    this.#wake();
  }

  /** Forgets what was read ahead: it must be given that again. */
  drop(): void {
    this.#clear();
    this.#given = { ...this.#taken };
  }

  /** It must take nothing more: with an error whoever reads it learns why. */
  leave(failure: { readonly error?: unknown } = {}): void {
    this.#clear();
    this.#ending = failure;
    this.#wake();
    this.#onChange();
  }

  /** The NARs, as `readNars` of a store gives them. */
  async *read(): AsyncGenerator<NarStream, void, undefined> {
    for (const [index, path] of this.#paths.entries()) {
      if (!(await this.#arrived())) return;
      yield { path, [Symbol.asyncIterator]: () => this.#chunks(index) };
      this.#pass(index);
    }
  }

  async *#chunks(index: number): AsyncGenerator<Uint8Array, void, undefined> {
    try {
      while (this.#taken.index === index) {
        const piece = await this.#take();
        if (piece === undefined) return;
        if (piece.kind === 'failed') throw piece.error;
        if (piece.kind === 'bytes') yield piece.chunk;
      }
    } finally {
      this.#pass(index);
    }
  }

  async #take(): Promise<Piece | undefined> {
    let piece: Piece | undefined;
    // What had arrived may have been dropped since.
    while (piece === undefined) {
      if (!(await this.#arrived())) return undefined;
      piece = this.#queue.shift();
    }
    if (piece.kind === 'bytes') {
      this.#taken.bytes += piece.chunk.length;
      this.#backlog -= piece.chunk.length;
      piece.shared.taken();
    } else {
      this.#taken = { index: this.#taken.index + 1, bytes: 0 };
    }
    this.#onChange();
    return piece;
  }

  /** Whether there is a piece; false once it has left. @throws why nothing more comes */
  async #arrived(): Promise<boolean> {
    while (this.#queue.length === 0) {
      if (this.#ending !== undefined) {
        if ('error' in this.#ending) throw this.#ending.error;
        return false;
      }
      this.#isWaiting = true;
      this.#onChange();
      await this.#news.promise;
    }
    this.#isWaiting = false;
    return true;
  }

  /** Whatever is left of a path isn't wanted. */
  #pass(index: number): void {
    if (this.#taken.index > index) return;
    while (this.#taken.index === index && this.#queue.length > 0) this.#discard();
    if (this.#taken.index === index) {
      this.#taken = { index: index + 1, bytes: 0 };
      this.#given = { index: index + 1, bytes: 0 };
    }
    this.#onChange();
  }

  /** Drops the first piece as if it had been taken. */
  #discard(): void {
    const piece = this.#queue.shift();
    if (piece?.kind === 'bytes') this.#release(piece);
    else this.#taken = { index: this.#taken.index + 1, bytes: 0 };
  }

  #clear(): void {
    for (const piece of this.#queue.splice(0)) if (piece.kind === 'bytes') this.#release(piece);
  }

  #release({ chunk, shared }: Extract<Piece, { kind: 'bytes' }>): void {
    this.#backlog -= chunk.length;
    shared.taken();
    releaseChunk(chunk);
  }

  #push(piece: Piece): void {
    this.#queue.push(piece);
    this.#wake();
  }

  #wake(): void {
    this.#news.resolve();
    this.#news = Promise.withResolvers();
  }
}
