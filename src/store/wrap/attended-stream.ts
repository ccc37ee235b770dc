/**
 * A NAR that somebody attends: it waits for its turn before its first chunk, and how it ended is told. By hand and not as
 * a generator around a generator, which would cost every chunk three promises more.
 */
import type { NarStream } from '../store.ts';

export interface Attendant {
  /** Waited for before anything is read. */
  readonly begin?: (() => Promise<void>) | undefined;
  /** Once, after `begin` was done: the NAR is read to its end, or its reader has had enough. */
  readonly onEnd: (outcome: 'whole' | 'left') => void;
  /** In its place when reading failed. */
  readonly onFailed: (error: unknown) => void;
}

/** Of a tree or a file on this machine that isn't read as a stream nothing is told. */
export function attendedStream(nar: NarStream, attendant: Attendant): NarStream {
  const { path, tree, isIndependent, compressed } = nar;
  return {
    path,
    ...(tree === undefined ? {} : { tree }),
    isIndependent,
    ...(compressed === undefined
      ? {}
      : { compressed: { ...compressed, bytes: () => attended(compressed.bytes(), attendant) } }),
    ...attended(nar, attendant),
  };
}

function attended(
  bytes: AsyncIterable<Uint8Array>,
  attendant: Attendant,
): AsyncIterable<Uint8Array> {
  return { [Symbol.asyncIterator]: () => new AttendedIterator(bytes, attendant) };
}

class AttendedIterator implements AsyncIterator<Uint8Array, undefined, undefined> {
  readonly #bytes: AsyncIterable<Uint8Array>;
  readonly #attendant: Attendant;
  #iterator: AsyncIterator<Uint8Array> | undefined;
  #isOver = false;

  constructor(bytes: AsyncIterable<Uint8Array>, attendant: Attendant) {
    this.#bytes = bytes;
    this.#attendant = attendant;
  }

  async next(): Promise<IteratorResult<Uint8Array, undefined>> {
    if (this.#isOver) return { done: true, value: undefined };
    if (this.#iterator === undefined) {
      await this.#attendant.begin?.();
      // It was closed while it waited for its turn.
      if (this.#isOver) {
        this.#attendant.onEnd('left');
        return { done: true, value: undefined };
      }
      this.#iterator = this.#bytes[Symbol.asyncIterator]();
    }
    try {
      const result = await this.#iterator.next();
      if (result.done !== true) return result;
    } catch (error) {
      this.#end(() => this.#attendant.onFailed(error));
      throw error;
    }
    this.#end(() => this.#attendant.onEnd('whole'));
    return { done: true, value: undefined };
  }

  async return(): Promise<IteratorResult<Uint8Array, undefined>> {
    const iterator = this.#iterator;
    try {
      if (!this.#isOver) {
        // One that was never begun is closed all the same: its source may wait for that.
        await (iterator ?? this.#bytes[Symbol.asyncIterator]()).return?.();
      }
    } finally {
      if (iterator === undefined) this.#isOver = true;
      else this.#end(() => this.#attendant.onEnd('left'));
    }
    return { done: true, value: undefined };
  }

  #end(tell: () => void): void {
    if (this.#isOver) return;
    this.#isOver = true;
    tell();
  }
}
