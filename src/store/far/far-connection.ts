/**
 * One connection to a far end that answers requests in their order. They may be written long before their answers are
 * read, by several callers at once. After a failure every call, begun or to come, rejects with the error of that
 * failure. Which protocol is spoken is for those who extend this.
 */
import { ByteReader } from '../../bytes/byte-reader.ts';
import type { MaybePromise } from '../../bytes/maybe-promise.ts';
import { FerryError, isFerryError } from '../../error.ts';
import type { Ending, Transport } from '../../wire/transport.ts';
import { farEndError, isRefusal, type FarEnd } from './far-end-error.ts';

/** Writes bytes with back-pressure. */
export type Sink = Transport['write'];

/** A request under way. Neither promise needs to be listened to. */
export interface Exchange<T> {
  /** The request has been handed over. */
  readonly written: Promise<void>;
  readonly answer: Promise<T>;
}

/**
 * A far end may be busy for long without a word: it verifies what it was sent, or collects garbage to make room. One that was stopped looks just the same, and ssh goes on answering for it.
 */
const defaultSilenceMs = 3_600_000;

export class FarConnection {
  readonly farEnd: FarEnd;
  readonly #transport: Transport;
  readonly #reader: ByteReader;
  #writes: Promise<unknown> = Promise.resolve();
  #answers: Promise<unknown> = Promise.resolve();
  #underWay = 0;
  #failure: { readonly error: unknown } | undefined;
  #ending: Promise<FerryError> | undefined;
  #isRefused = false;
  readonly #silenceMs: number;
  /** When a byte last went either way, or it was not for the far end to do something. */
  #lastMove = 0;
  #isReading = false;
  #isWriting = false;
  /** The far end takes nothing at the moment. */
  #isHeldUp = false;
  #isPatient = false;
  #watch: NodeJS.Timeout | undefined;

  constructor(
    transport: Transport,
    readable: AsyncIterable<Uint8Array>,
    farEnd: FarEnd,
    silenceMs: number = defaultSilenceMs,
  ) {
    this.#silenceMs = silenceMs;
    this.#transport = transport;
    this.farEnd = farEnd;
    this.#reader = new ByteReader(this.#incoming(readable));
  }

  get isAlive(): boolean {
    return this.#failure === undefined;
  }

  /** Whether the failure was the far end's answer to a request, rather than a cut. */
  get isRefused(): boolean {
    return this.#isRefused;
  }

  /**
   * Writes a request when its turn comes and reads its answer when that of the one before has been read. The two
   * don't wait for each other: a far end that answers while it is written to is listened to.
   */
  exchange<T>(
    write: (sink: Sink) => MaybePromise<void>,
    read: (reader: ByteReader) => MaybePromise<T>,
  ): Exchange<T> {
    if (this.#underWay++ === 0) this.#startWatch();
    const written = this.#writes.then(() => this.#write(write));
    const answer = this.#answers.then(() => this.#read(read));
    this.#writes = written.catch(() => {});
    this.#answers = answer.catch(() => {});
    void this.#answers.then(() => this.#answered());
    return { written, answer };
  }

  #answered(): void {
    this.#underWay--;
    if (this.#underWay === 0) clearInterval(this.#watch);
  }

  /** Reads without a limit on how long the far end may work without a word. */
  async patiently<T>(read: () => MaybePromise<T>): Promise<T> {
    this.#isPatient = true;
    try {
      return await read();
    } finally {
      this.#isPatient = false;
    }
  }

  /** Waits for the far end in the middle of writing to it: its silence counts meanwhile. */
  async whileHeldUp<T>(promise: Promise<T>): Promise<T> {
    this.#isHeldUp = true;
    try {
      return await promise;
    } finally {
      this.#isHeldUp = false;
    }
  }

  /** Gives the connection up, with this error for everyone who uses it. */
  fail(error: unknown): void {
    if (this.#failure !== undefined) return;
    this.#failure = { error };
    this.#reader.fail(error);
    void this.#transport.abort();
  }

  /** Ends it: in order where nothing is under way, at once where something is. */
  async close(): Promise<void> {
    const isIdle = this.#underWay === 0 && this.#failure === undefined;
    const closed = new FerryError('internal', `the connection to "${this.farEnd.uri}" is closed`);
    this.#failure ??= { error: closed };
    this.#reader.fail(closed);
    await (isIdle ? this.#transport.close() : this.#transport.abort());
  }

  /** Looks now and then while answers are owed; keeps no process alive: what is waited for does. */
  #startWatch(): void {
    clearInterval(this.#watch);
    this.#lastMove = performance.now();
    this.#watch = setInterval(() => {
      // Nobody is to blame but us while we don't read, or have begun to write and don't go on.
      const isItsTurn = this.#isReading && (!this.#isWriting || this.#isHeldUp);
      if (!isItsTurn || this.#isPatient) this.#lastMove = performance.now();
      if (performance.now() - this.#lastMove < this.#silenceMs) return;
      const minutes = Math.round(this.#silenceMs / 60_000);
      const { uri } = this.farEnd;
      const problem = `"${uri}" has been silent for ${minutes} minutes and still owes an answer`;
      const hint = 'see whether the program there is stopped or stuck';
      this.fail(new FerryError('unavailable', problem, { store: uri, hint }));
    }, this.#silenceMs / 10);
    this.#watch.unref();
  }

  async #write(write: (sink: Sink) => MaybePromise<void>): Promise<void> {
    this.#isWriting = true;
    try {
      await write((bytes, onSent) => this.#send(bytes, onSent));
    } catch (error) {
      this.fail(error);
    }
    this.#isWriting = false;
    if (this.#failure !== undefined) throw this.#failure.error;
  }

  #send(bytes: Uint8Array, onSent?: () => void): MaybePromise<void> {
    if (this.#failure !== undefined) throw this.#failure.error;
    try {
      const more = this.#transport.write(bytes, () => {
        this.#lastMove = performance.now();
        onSent?.();
      });
      if (!(more instanceof Promise)) return more;
      this.#isHeldUp = true;
      const goOn = (): void => {
        this.#isHeldUp = false;
      };
      return more.then(goOn, () => this.#throwEnding());
    } catch {
      return this.#throwEnding();
    }
  }

  /** It takes no more: why, it said on its stderr. */
  async #throwEnding(): Promise<never> {
    const error = await this.#endingError();
    this.fail(error);
    throw this.#failure?.error ?? error;
  }

  async #read<T>(read: (reader: ByteReader) => MaybePromise<T>): Promise<T> {
    try {
      if (this.#failure !== undefined) throw this.#failure.error;
      return await read(this.#reader);
    } catch (error) {
      this.fail(error);
      throw this.#failure === undefined ? error : this.#failure.error;
    }
  }

  /** What the far end sends, ended by an error: it never ends while we are interested. */
  async *#incoming(readable: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    try {
      this.#isReading = true;
      for await (const chunk of readable) {
        this.#lastMove = performance.now();
        this.#isReading = false;
        yield chunk;
        this.#isReading = true;
      }
    } catch {
      // Its own words are looked for below.
    }
    throw this.#failure?.error ?? (await this.#endingError());
  }

  #endingError(): Promise<FerryError> {
    this.#ending ??= this.#transport.ending().then((ending: Ending) => {
      this.#isRefused = isRefusal(ending);
      const what = this.#isRefused ? 'gave up' : 'went away';
      return farEndError(`"${this.farEnd.uri}" ${what}`, this.farEnd, ending);
    });
    return this.#ending;
  }

  /** What is wrong with the bytes of an answer, and with which. */
  explain(name: string, error: unknown): unknown {
    if (!isFerryError(error) || this.#failure !== undefined || error.offset === undefined) {
      return error;
    }
    return new FerryError(
      error.code,
      `cannot read the answer of "${this.farEnd.uri}" to ${name}: ${error.message}`,
      { cause: error, offset: error.offset, store: this.farEnd.uri },
    );
  }
}
