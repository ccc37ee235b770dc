/**
 * The asking side of the serve protocol over one transport. Requests may be written long before their answers are
 * read, by several callers at once; answers come in the order of the requests. After a failure every call, begun or
 * to come, rejects with the error of that failure.
 */
import { ByteReader } from '../../bytes/byte-reader.ts';
import { ByteWriter } from '../../bytes/byte-writer.ts';
import type { MaybePromise } from '../../bytes/maybe-promise.ts';
import { FerryError, isFerryError } from '../../error.ts';
import type { StoreDir } from '../../format/store-path.ts';
import { formatProtocolVersion, type WireContext } from '../../wire/codec.ts';
import { findGreeting, type Greeting } from '../../wire/greeting.ts';
import {
  clientMagic,
  serverMagic,
  serveVersion,
  serveVersionMin,
  type ServeOperation,
} from '../../wire/serve/protocol.ts';
import type { Ending, Transport } from '../../wire/transport.ts';
import { unlessAborted } from '../../system/pause.ts';
import { farEndError, isRefusal, type FarEnd } from './far-end-error.ts';

export interface ConnectionOptions {
  readonly farEnd: FarEnd;
  readonly storeDir: StoreDir;
  /** The version to announce. */
  readonly version?: number | undefined;
  /** Whether time passes at first that is the user's, typing a password, until ssh says `started`. */
  readonly authenticates?: boolean | undefined;
  /** Milliseconds that the far end has for its greeting. */
  readonly greetingMs?: number | undefined;
  /** Milliseconds that the user has to be let in, where the far end `authenticates`. */
  readonly authenticationMs?: number | undefined;
  /** Milliseconds for which a far end that owes an answer may neither send nor take a byte. */
  readonly silenceMs?: number | undefined;
  /** What people should know although it works. */
  readonly onWarning?: ((message: string, hint: string) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Writes bytes with back-pressure. */
export type Sink = Transport['write'];

/** A request under way. Neither promise needs to be listened to. */
export interface Exchange<T> {
  /** The request has been handed over. */
  readonly written: Promise<void>;
  readonly answer: Promise<T>;
}

/** Generous: a machine that must wake its disks, or start a slow shell. */
const greetingMs = 120_000;
/** Servers give two minutes; there may be several, behind one another. */
const authenticationMs = 600_000;
/**
 * A far end may be busy for long without a word: it verifies what it was sent, or collects garbage to make room. One that was stopped looks just the same, and ssh goes on answering for it.
 */
const silenceMs = 3_600_000;

/** @throws FerryError `unavailable`, `not-found` for a missing program, `protocol`. */
export async function openServeConnection(
  transport: Transport,
  options: ConnectionOptions,
): Promise<ServeConnection> {
  const { farEnd, signal, version = serveVersion } = options;
  const failed = `cannot connect to "${farEnd.name}"`;
  let timer: NodeJS.Timeout | undefined;
  let isLate = false;
  let waited = 0;
  const limit = (ms: number): void => {
    clearTimeout(timer);
    waited = ms;
    timer = setTimeout(() => {
      isLate = true;
      void transport.abort();
    }, ms);
  };
  const onStarted = (): void => limit(options.greetingMs ?? greetingMs);
  const onAbort = (): void => void transport.abort();
  try {
    signal?.throwIfAborted();
    signal?.addEventListener('abort', onAbort);
    // Through a connection that ssh shares with others nobody says `started`.
    if (options.authenticates === true) limit(options.authenticationMs ?? authenticationMs);
    else onStarted();
    const hello = new ByteWriter();
    hello.u64(clientMagic);
    hello.u64(version);
    // When it is gone already, what it said last is more telling than that.
    await Promise.resolve(transport.write(hello.take())).catch(() => {});
    const greeting = await findGreeting(transport.readable, serverMagic, { onStarted });
    if (!greeting.isFound) throw await noGreeting(failed, greeting, transport, options);
    const reader = new ByteReader(greeting.rest);
    await reader.u64();
    const theirs = await reader.u64();
    if (theirs >> 8 !== serveVersion >> 8 || theirs < serveVersionMin) {
      throw new FerryError(
        'protocol',
        `${failed}: it speaks version ${formatProtocolVersion(theirs)} of the serve protocol, wanted ${formatProtocolVersion(serveVersionMin)} or a later 2.x`,
        { store: farEnd.uri },
      );
    }
    if (greeting.noise !== '') {
      options.onWarning?.(
        `"${farEnd.name}" printed text before the protocol began: "${greeting.noise}"`,
        noiseHint,
      );
    }
    signal?.throwIfAborted();
    const context = {
      version: Math.min(version, theirs),
      features: new Set<string>(),
      storeDir: options.storeDir,
    };
    const silence = options.silenceMs ?? silenceMs;
    return new ServeConnection(transport, greeting.rest, context, farEnd, silence);
  } catch (error) {
    await transport.abort();
    signal?.throwIfAborted();
    if (isLate) {
      const seconds = Math.round(waited / 1000);
      throw new FerryError('unavailable', `${failed}: no greeting within ${seconds} seconds`, {
        store: farEnd.uri,
        cause: error,
      });
    }
    throw error;
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener('abort', onAbort);
  }
}

const noiseHint =
  'its shell prints this on every login: let .bashrc (or .profile, .cshrc, config.fish) print in interactive shells only';

async function noGreeting(
  failed: string,
  greeting: Greeting,
  transport: Transport,
  { farEnd }: ConnectionOptions,
): Promise<FerryError> {
  const ending = await transport.ending();
  const error = farEndError(failed, farEnd, ending);
  if (greeting.noise === '') return error;
  const isOver = ending.status !== undefined;
  return new FerryError(
    isOver ? error.code : 'protocol',
    `${isOver ? error.message : failed}: it answered with text instead of the protocol: "${greeting.noise}"`,
    { store: farEnd.uri, hint: error.hint ?? noiseHint },
  );
}

export class ServeConnection {
  readonly context: WireContext;
  readonly #transport: Transport;
  readonly #farEnd: FarEnd;
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
    context: WireContext,
    farEnd: FarEnd,
    silence: number,
  ) {
    this.#silenceMs = silence;
    this.context = context;
    this.#transport = transport;
    this.#farEnd = farEnd;
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
   * A request with an answer of moderate size. An abort ends the waiting, not the connection.
   * @param isPatient whether there is no telling how long the far end works at it without a word.
   */
  async ask<Request, Response>(
    operation: ServeOperation<Request, Response>,
    request: Request,
    signal?: AbortSignal,
    isPatient = false,
  ): Promise<Response> {
    signal?.throwIfAborted();
    const { answer } = this.exchange(
      (sink) => sink(this.encode(operation, request)),
      async (reader) => {
        this.#isPatient = isPatient;
        try {
          return await operation.response.read(reader, this.context);
        } catch (error) {
          throw this.#explain(operation.name, error);
        } finally {
          this.#isPatient = false;
        }
      },
    );
    return await unlessAborted(answer, signal);
  }

  /** The bytes of a request: its number and its fields. */
  encode<Request>(
    operation: Pick<ServeOperation<Request, unknown>, 'number' | 'request'>,
    request: Request,
  ): Uint8Array {
    const writer = new ByteWriter(256);
    writer.u64(operation.number);
    operation.request.write(writer, request, this.context);
    return writer.take();
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
    const closed = new FerryError('internal', `the connection to "${this.#farEnd.uri}" is closed`);
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
      const { uri } = this.#farEnd;
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
      return farEndError(`"${this.#farEnd.uri}" ${what}`, this.#farEnd, ending);
    });
    return this.#ending;
  }

  #explain(name: string, error: unknown): unknown {
    if (!isFerryError(error) || this.#failure !== undefined || error.offset === undefined) {
      return error;
    }
    return new FerryError(
      error.code,
      `cannot read the answer of "${this.#farEnd.uri}" to ${name}: ${error.message}`,
      { cause: error, offset: error.offset, store: this.#farEnd.uri },
    );
  }
}
