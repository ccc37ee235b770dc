/**
 * NARs out of several substituters in the order asked for. Each is asked once for all of its own, so that it can read
 * ahead; one that fails gives streams that fail, so that this costs its paths and not those of the others.
 */
import { FerryError, messageOf } from '../../error.ts';
import type { StorePath } from '../../format/store-path.ts';
import type { NarStream } from '../store.ts';
import type { Substituter } from './substituter.ts';

/** @param choices each path with whom it is taken from. */
export async function* readFromSeveral(
  choices: readonly (readonly [StorePath, Substituter])[],
  signal?: AbortSignal,
): AsyncGenerator<NarStream, undefined, undefined> {
  const readers = new Map<Substituter, Reader>();
  for (const [path, from] of choices) {
    const reader = readers.get(from) ?? new Reader(from, signal);
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
  readonly #signal: AbortSignal | undefined;
  #iterator: AsyncIterator<NarStream> | undefined;
  /** Since it has failed: which path it failed for, only that path alone can tell. */
  #isOneByOne = false;

  constructor(from: Substituter, signal: AbortSignal | undefined) {
    this.#from = from;
    this.#signal = signal;
  }

  /** Never rejects but for aborts: a path that can't be had is a stream that fails. */
  async read(path: StorePath): Promise<NarStream> {
    try {
      if (!this.#isOneByOne) return await this.#next(this.paths, path);
    } catch {
      this.#signal?.throwIfAborted();
      this.#isOneByOne = true;
    }
    try {
      await this.close();
      return await this.#next([path], path);
    } catch (error) {
      this.#signal?.throwIfAborted();
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
    this.#iterator ??= this.#from.readNars(paths, this.#signal)[Symbol.asyncIterator]();
    const { done, value } = await this.#iterator.next();
    if (done !== true && value.path === wanted) return watched(value, this.#from, this.#signal);
    throw new FerryError('protocol', `"${this.#from.uri}" doesn't give the NAR of "${wanted}"`);
  }
}

/** Remembers against whom it is when a stream breaks off. */
function watched(nar: NarStream, from: Substituter, signal: AbortSignal | undefined): NarStream {
  const { path, tree, isIndependent } = nar;
  return {
    path,
    tree,
    isIndependent,
    async *[Symbol.asyncIterator]() {
      try {
        yield* nar;
      } catch (error) {
        if (signal?.aborted !== true) from.ban(path, error);
        throw error;
      }
      from.deliveredWell();
    },
  };
}

function failingStream(path: StorePath, error: unknown): NarStream {
  return {
    path,
    isIndependent: true,
    // oxlint-disable-next-line require-yield -- it has nothing but its error
    async *[Symbol.asyncIterator]() {
      throw error ?? new FerryError('internal', `no NAR of "${path}": ${messageOf(error)}`);
    },
  };
}
