/**
 * NARs out of several substituters in the order asked for. Each is asked once for all of its own, so that it can read
 * ahead; one that fails gives streams that fail, so that this costs its paths and not those of the others.
 */
import { FerryError } from '../../error.ts';
import type { StorePath } from '../../format/store-path.ts';
import type { CallOptions, NarStream } from '../store.ts';
import { attendedStream } from './attended-stream.ts';
import type { Semaphore } from './semaphore.ts';
import type { Substituter } from './substituter.ts';

export interface ReadOptions extends CallOptions {
  /** For so many streams at the same time: the setting `max-substitution-jobs`. */
  readonly slots: Semaphore;
}

/** @param choices each path with whom it is taken from. */
export async function* readFromSeveral(
  choices: readonly (readonly [StorePath, Substituter])[],
  options: ReadOptions,
): AsyncGenerator<NarStream, undefined, undefined> {
  const readers = new Map<Substituter, Reader>();
  for (const [path, from] of choices) {
    const reader = readers.get(from) ?? new Reader(from, options);
    readers.set(from, reader);
    reader.paths.push(path);
  }
  try {
    for (const [path, from] of choices) {
      const nar = await readers.get(from)?.read(path);
      if (nar !== undefined) yield nar;
    }
  } finally {
    for (const reader of readers.values()) await reader.close();
  }
}

class Reader {
  /** All that it will be asked for, in this order. */
  readonly paths: StorePath[] = [];
  readonly #from: Substituter;
  readonly #options: ReadOptions;
  #iterator: AsyncIterator<NarStream> | undefined;
  /** Since it has failed: which path it failed for, only that path alone can tell. */
  #isOneByOne = false;

  constructor(from: Substituter, options: ReadOptions) {
    this.#from = from;
    this.#options = options;
  }

  /** Never rejects but for aborts: a path that can't be had is a stream that fails. */
  async read(path: StorePath): Promise<NarStream> {
    try {
      if (!this.#isOneByOne) return await this.#next(this.paths, path);
    } catch {
      this.#options.signal?.throwIfAborted();
      this.#isOneByOne = true;
    }
    try {
      await this.close();
      return await this.#next([path], path);
    } catch (error) {
      this.#options.signal?.throwIfAborted();
      this.#iterator = undefined;
      this.#from.ban(path, error);
      return failingStream(path, error);
    }
  }

  async close(): Promise<void> {
    const iterator = this.#iterator;
    this.#iterator = undefined;
    try {
      await iterator?.return?.();
    } catch {
      // What it has given is read; that it doesn't end well is its own affair.
    }
  }

  async #next(paths: readonly StorePath[], wanted: StorePath): Promise<NarStream> {
    this.#iterator ??= this.#from.readNars(paths, this.#options.signal)[Symbol.asyncIterator]();
    const { done, value } = await this.#iterator.next();
    if (done !== true && value.path === wanted) return watched(value, this.#from, this.#options);
    throw new FerryError('protocol', `"${this.#from.uri}" doesn't give the NAR of "${wanted}"`);
  }
}

/** Remembers against whom it is when a stream breaks off, and holds it to its turn. */
function watched(nar: NarStream, from: Substituter, { slots, signal }: ReadOptions): NarStream {
  // Trees cost no connection, and of streams that must be read in order there is only one at a time.
  const takesTurn = nar.tree === undefined && nar.isIndependent === true;
  const release = (): void => {
    if (takesTurn) slots.release();
  };
  return attendedStream(nar, {
    begin: takesTurn ? () => slots.acquire(signal) : undefined,
    onEnd(outcome) {
      release();
      if (outcome === 'whole') from.deliveredWell();
    },
    onFailed(error) {
      release();
      if (signal?.aborted !== true) from.ban(nar.path, error);
    },
  });
}

function failingStream(path: StorePath, error: unknown): NarStream {
  return {
    path,
    isIndependent: true,
    // oxlint-disable-next-line require-yield -- it has nothing but its error
    async *[Symbol.asyncIterator]() {
      throw error;
    },
  };
}
