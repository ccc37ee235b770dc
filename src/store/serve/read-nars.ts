/**
 * Reading NARs: requests are written well ahead of their answers, so that many small paths cost bandwidth and not
 * round trips. The answers have no framing at all: each is cut at the size that its info names.
 */
import type { ByteReader } from '../../bytes/byte-reader.ts';
import { FerryError } from '../../error.ts';
import { NarDecoder } from '../../format/nar/decoder.ts';
import { ignoreNar } from '../../format/nar/visitor.ts';
import { printStorePath, type StorePath } from '../../format/store-path.ts';
import { dumpStorePath } from '../../wire/serve/protocol.ts';
import type { NarStream } from '../store.ts';
import type { ServeConnection } from './connection.ts';
import type { ServeConnections } from './connections.ts';

export interface NarToRead {
  readonly path: StorePath;
  readonly narSize: number;
}

/** Requests ahead of the answer that is being read, for each connection. They are about 100 bytes each. */
const aheadMax = 512;
/** Rather than read so many bytes that nobody wants, a connection is dropped. */
const drainMax = 4 * 1024 * 1024;

export async function* readNars(
  connections: ServeConnections,
  nars: readonly NarToRead[],
  signal?: AbortSignal,
): AsyncGenerator<NarStream, void, undefined> {
  const asked: Answer[] = [];
  let next = 0;
  let lanes: readonly ServeConnection[] = [];
  const onAbort = (): void => {
    for (const lane of lanes) lane.fail(new FerryError('unavailable', 'reading was aborted'));
  };
  signal?.addEventListener('abort', onAbort);
  try {
    while (next < nars.length || asked.length > 0) {
      if (lanes.length === 0 || lanes.some((lane) => !lane.isAlive)) {
        lanes = await openLanes(connections, nars.length - next, signal);
      }
      while (next < nars.length && asked.length < aheadMax * lanes.length) {
        const lane = lanes[next % lanes.length] as ServeConnection;
        asked.push(new Answer(lane, nars[next++] as NarToRead, signal));
      }
      const answer = asked[0] as Answer;
      await answer.begun;
      yield { path: answer.path, [Symbol.asyncIterator]: () => answer };
      const isWhole = await answer.finish(drainMax);
      asked.shift();
      if (!isWhole) {
        // The connection is gone, so what was asked for on it must be asked for again.
        next -= asked.length;
        for (const lost of asked.splice(0)) await lost.finish(0);
      }
    }
  } finally {
    let left = drainMax;
    for (const answer of asked) {
      await answer.finish(Math.max(0, left));
      left -= answer.narSize;
    }
    signal?.removeEventListener('abort', onAbort);
  }
}

/** All connections there may be, alive; no more than there are paths to read. */
async function openLanes(
  connections: ServeConnections,
  wanted: number,
  signal: AbortSignal | undefined,
): Promise<ServeConnection[]> {
  const count = Math.max(1, Math.min(connections.max, wanted));
  return await Promise.all(
    Array.from({ length: count }, (_, index) => connections.at(index, signal)),
  );
}

/**
 * One NAR on its way: an iterator that knows how much of it is left, whether or not anybody takes it. Its end is looked
 * for in the NAR itself too: of one that is shorter than its info says, the rest would never come.
 */
class Answer implements AsyncIterator<Uint8Array, undefined> {
  readonly path: StorePath;
  readonly narSize: number;
  /** Its turn has come. */
  readonly begun: Promise<ByteReader>;
  readonly #connection: ServeConnection;
  readonly #signal: AbortSignal | undefined;
  readonly #done = Promise.withResolvers<void>();
  readonly #decoder = new NarDecoder(ignoreNar);
  #left: number;
  #isClosed = false;

  constructor(connection: ServeConnection, nar: NarToRead, signal: AbortSignal | undefined) {
    this.path = nar.path;
    this.narSize = nar.narSize;
    this.#left = nar.narSize;
    this.#connection = connection;
    this.#signal = signal;
    const turn = Promise.withResolvers<ByteReader>();
    const { answer } = connection.exchange(
      (sink) => sink(connection.encode(dumpStorePath, nar.path)),
      (reader) => {
        turn.resolve(reader);
        return this.#done.promise;
      },
    );
    // Where its turn never comes, it fails as the connection did.
    answer.catch((error: unknown) => turn.reject(this.#explain(error)));
    this.begun = turn.promise;
    this.begun.catch(() => {});
    this.#done.promise.catch(() => {});
  }

  async next(): Promise<IteratorResult<Uint8Array, undefined>> {
    if (this.#isClosed || this.#left === 0) return { done: true, value: undefined };
    return { done: false, value: await this.#read() };
  }

  async return(): Promise<IteratorResult<Uint8Array, undefined>> {
    this.#isClosed = true;
    return { done: true, value: undefined };
  }

  /**
   * Reads past what nobody wants, or drops the connection where that is more than `max` bytes.
   * @returns whether the connection can still be used.
   */
  async finish(max: number): Promise<boolean> {
    this.#isClosed = true;
    try {
      if (this.#left > max) {
        throw new FerryError('unavailable', `the NAR of "${this.path}" was not read to its end`);
      }
      while (this.#left > 0) await this.#read();
      return true;
    } catch (error) {
      this.#connection.fail(error);
      this.#done.reject(error);
      return false;
    }
  }

  async #read(): Promise<Uint8Array> {
    const reader = await this.begun;
    try {
      const bytes = await reader.some(this.#left);
      this.#check(bytes);
      this.#left -= bytes.length;
      if (this.#left === 0) this.#done.resolve();
      return bytes;
    } catch (error) {
      const failure = this.#explain(error);
      this.#done.reject(failure);
      throw failure;
    }
  }

  /** What is wrong here is out of step with all that follows: the connection is of no more use. */
  #check(bytes: Uint8Array): void {
    try {
      this.#decoder.push(bytes);
      const { done, offset } = this.#decoder;
      if (done && offset < this.narSize) {
        throw new FerryError('corrupt', `it has ${offset} bytes instead of ${this.narSize}`, {
          offset,
        });
      }
      if (!done && bytes.length === this.#left) {
        throw new FerryError('corrupt', `it has more than ${this.narSize} bytes`, { offset });
      }
    } catch (error) {
      this.#connection.fail(this.#explain(error));
      throw error;
    }
  }

  #explain(error: unknown): unknown {
    if (this.#signal?.aborted === true) return this.#signal.reason;
    if (!(error instanceof FerryError)) return error;
    const path = printStorePath(this.#connection.context.storeDir, this.path);
    return new FerryError(error.code, `cannot read the NAR of "${path}": ${error.message}`, {
      cause: error,
      path,
      ...(error.hint === undefined ? {} : { hint: error.hint }),
    });
  }
}
