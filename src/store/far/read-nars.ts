/**
 * Reading NARs: requests are written well ahead of their answers, so that many small paths cost bandwidth and not
 * round trips. The answers have no framing at all: each is cut at the size that its info names.
 */
import type { ByteReader } from '../../bytes/byte-reader.ts';
import { FerryError } from '../../error.ts';
import { NarDecoder } from '../../format/nar/decoder.ts';
import { ignoreNar } from '../../format/nar/visitor.ts';
import { printStorePath, type StoreDir, type StorePath } from '../../format/store-path.ts';
import type { NarStream } from '../store.ts';
import type { Connections } from './connections.ts';
import type { FarConnection } from './far-connection.ts';

export interface NarToRead {
  readonly path: StorePath;
  readonly narSize: number;
}

/** How a protocol asks for a NAR. */
export interface NarProtocol<C extends FarConnection> {
  readonly storeDir: StoreDir;
  /** The bytes of the request. */
  request(connection: C, path: StorePath): Uint8Array;
  /** Reads what comes before the NAR. @throws what the far end says instead of one. */
  begin?(connection: C, reader: ByteReader): Promise<void>;
  /**
   * What the far end may have said where a NAR should be.
   * @param seen what was read so far, hardly any of which was of a NAR.
   */
  refusal?(connection: C, seen: Uint8Array, reader: ByteReader): Promise<unknown>;
}

/** Requests ahead of the answer that is being read, for each connection. They are about 100 bytes each. */
const aheadMax = 512;
/** Rather than read so many bytes that nobody wants, a connection is dropped. */
const drainMax = 4 * 1024 * 1024;

/** The protocol may say things where a NAR should be within so many bytes. */
const headMax = 64;

export async function* readNars<C extends FarConnection>(
  protocol: NarProtocol<C>,
  connections: Connections<C>,
  nars: readonly NarToRead[],
  signal?: AbortSignal,
): AsyncGenerator<NarStream, void, undefined> {
  const asked: Answer<C>[] = [];
  let next = 0;
  let lanes: readonly C[] = [];
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
        const lane = lanes[next % lanes.length] as C;
        asked.push(new Answer(protocol, lane, nars[next++] as NarToRead, signal));
      }
      const answer = asked[0] as Answer<C>;
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
async function openLanes<C extends FarConnection>(
  connections: Connections<C>,
  wanted: number,
  signal: AbortSignal | undefined,
): Promise<C[]> {
  const count = Math.max(1, Math.min(connections.max, wanted));
  return await Promise.all(
    Array.from({ length: count }, (_, index) => connections.at(index, signal)),
  );
}

/**
 * One NAR on its way: an iterator that knows how much of it is left, whether or not anybody takes it. Its end is looked
 * for in the NAR itself too: of one that is shorter than its info says, the rest would never come.
 */
class Answer<C extends FarConnection> implements AsyncIterator<Uint8Array, undefined> {
  readonly path: StorePath;
  readonly narSize: number;
  /** Its turn has come. */
  readonly begun: Promise<ByteReader>;
  readonly #protocol: NarProtocol<C>;
  readonly #connection: C;
  readonly #signal: AbortSignal | undefined;
  readonly #done = Promise.withResolvers<void>();
  readonly #decoder = new NarDecoder(ignoreNar);
  #left: number;
  /** The beginning, while it is short. */
  #head: Uint8Array = Buffer.of();
  #isClosed = false;

  constructor(
    protocol: NarProtocol<C>,
    connection: C,
    nar: NarToRead,
    signal: AbortSignal | undefined,
  ) {
    this.#protocol = protocol;
    this.path = nar.path;
    this.narSize = nar.narSize;
    this.#left = nar.narSize;
    this.#connection = connection;
    this.#signal = signal;
    const turn = Promise.withResolvers<ByteReader>();
    const { answer } = connection.exchange(
      (sink) => sink(protocol.request(connection, nar.path)),
      async (reader) => {
        await protocol.begin?.(connection, reader);
        turn.resolve(reader);
        await this.#done.promise;
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
      try {
        this.#check(bytes);
      } catch (error) {
        // What is wrong here is out of step with all that follows: the connection is of no more use.
        const cause = await this.#refusalOr(error, bytes, reader);
        this.#connection.fail(this.#explain(cause));
        throw cause;
      }
      this.#left -= bytes.length;
      if (this.#left === 0) this.#done.resolve();
      return bytes;
    } catch (error) {
      const failure = this.#explain(error);
      this.#done.reject(failure);
      throw failure;
    }
  }

  #check(bytes: Uint8Array): void {
    this.#decoder.push(bytes);
    const { done, offset } = this.#decoder;
    if (done && offset < this.narSize) {
      const problem = `it has ${offset} bytes instead of ${this.narSize}`;
      throw new FerryError('corrupt', problem, { offset });
    }
    if (!done && bytes.length === this.#left) {
      throw new FerryError('corrupt', `it has more than ${this.narSize} bytes`, { offset });
    }
    if (this.#head.length < headMax)
      this.#head = Buffer.concat([this.#head, bytes.slice(0, headMax)]);
  }

  /** The far end's own words, where it has some, are more telling than where they don't look like a NAR. */
  async #refusalOr(error: unknown, bytes: Uint8Array, reader: ByteReader): Promise<unknown> {
    if (this.#head.length >= headMax) return error;
    const seen = Buffer.concat([this.#head, bytes]);
    return (await this.#protocol.refusal?.(this.#connection, seen, reader)) ?? error;
  }

  #explain(error: unknown): unknown {
    if (this.#signal?.aborted === true) return this.#signal.reason;
    if (!(error instanceof FerryError)) return error;
    const path = printStorePath(this.#protocol.storeDir, this.path);
    return new FerryError(error.code, `cannot read the NAR of "${path}": ${error.message}`, {
      cause: error,
      path,
      ...(error.hint === undefined ? {} : { hint: error.hint }),
    });
  }
}
