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

/** @throws FerryError `unavailable`, `not-found` for a missing program, `protocol`. */
export async function openServeConnection(
  transport: Transport,
  options: ConnectionOptions,
): Promise<ServeConnection> {
  const { farEnd, signal, version = serveVersion } = options;
  const failed = `cannot connect to "${farEnd.name}"`;
  let timer: NodeJS.Timeout | undefined;
  let isLate = false;
  const limit = (): void => {
    timer ??= setTimeout(() => {
      isLate = true;
      void transport.abort();
    }, options.greetingMs ?? greetingMs);
  };
  const onAbort = (): void => void transport.abort();
  try {
    signal?.throwIfAborted();
    signal?.addEventListener('abort', onAbort);
    if (options.authenticates !== true) limit();
    const hello = new ByteWriter();
    hello.u64(clientMagic);
    hello.u64(version);
    // When it is gone already, what it said last is more telling than that.
    await Promise.resolve(transport.write(hello.take())).catch(() => {});
    const greeting = await findGreeting(transport.readable, serverMagic, { onStarted: limit });
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
    return new ServeConnection(transport, greeting.rest, context, farEnd);
  } catch (error) {
    await transport.abort();
    signal?.throwIfAborted();
    if (isLate) {
      const waited = Math.round((options.greetingMs ?? greetingMs) / 1000);
      throw new FerryError('unavailable', `${failed}: no greeting within ${waited} seconds`, {
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

  constructor(
    transport: Transport,
    readable: AsyncIterable<Uint8Array>,
    context: WireContext,
    farEnd: FarEnd,
  ) {
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

  /** A request with an answer of moderate size. An abort ends the waiting, not the connection. */
  async ask<Request, Response>(
    operation: ServeOperation<Request, Response>,
    request: Request,
    signal?: AbortSignal,
  ): Promise<Response> {
    signal?.throwIfAborted();
    const { answer } = this.exchange(
      (sink) => sink(this.encode(operation, request)),
      async (reader) => {
        try {
          return await operation.response.read(reader, this.context);
        } catch (error) {
          throw this.#explain(operation.name, error);
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
    this.#underWay++;
    const written = this.#writes.then(() => this.#write(write));
    const answer = this.#answers.then(() => this.#read(read));
    this.#writes = written.catch(() => {});
    this.#answers = answer.catch(() => {});
    void this.#answers.then(() => this.#underWay--);
    return { written, answer };
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

  async #write(write: (sink: Sink) => MaybePromise<void>): Promise<void> {
    try {
      await write((bytes, onSent) => this.#send(bytes, onSent));
    } catch (error) {
      this.fail(error);
    }
    if (this.#failure !== undefined) throw this.#failure.error;
  }

  #send(bytes: Uint8Array, onSent?: () => void): MaybePromise<void> {
    if (this.#failure !== undefined) throw this.#failure.error;
    try {
      const more = this.#transport.write(bytes, onSent);
      return more instanceof Promise ? more.catch(() => this.#throwEnding()) : more;
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
      yield* readable;
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
