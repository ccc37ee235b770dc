/**
 * The asking side of the worker protocol over one transport. A server that says no to a request goes on with the next:
 * its refusal is part of the answer, not the end of the connection.
 */
import type { ByteReader } from '../../bytes/byte-reader.ts';
import { ByteWriter } from '../../bytes/byte-writer.ts';
import type { MaybePromise } from '../../bytes/maybe-promise.ts';
import { FerryError } from '../../error.ts';
import type { StoreDir } from '../../format/store-path.ts';
import { unlessAborted } from '../../system/pause.ts';
import { formatProtocolVersion, type WireContext } from '../../wire/codec.ts';
import type { Transport } from '../../wire/transport.ts';
import {
  clientGreetingEnd,
  featureNames,
  serverGreeting,
  type ServerGreeting,
} from '../../wire/worker/handshake.ts';
import { workerMessage, type WorkerMessage } from '../../wire/worker/messages.ts';
import {
  isSpoken,
  type WorkerOperation,
  type WorkerOperationRow,
} from '../../wire/worker/operation.ts';
import { syncWithGc } from '../../wire/worker/upkeep.ts';
import { workerVersion, workerVersionMin } from '../../wire/worker/version.ts';
import { FarConnection, type Sink } from '../far/far-connection.ts';
import type { FarEnd } from '../far/far-end-error.ts';
import { linesOf } from './lines.ts';
import { refusalError } from './refusal.ts';

/** What came of a request that the server has worked on. */
export type Reply<T> =
  | { readonly value: T; readonly refusal?: undefined }
  | { readonly value?: undefined; readonly refusal: FerryError };

export interface AskOptions {
  readonly signal?: AbortSignal | undefined;
  /** For a refusal: what could not be done, to what. */
  readonly what?: string | undefined;
  /** Whether there is no telling how long the far end works at it without a word. An abort then ends the connection. */
  readonly isPatient?: boolean | undefined;
}

export interface WorkerConnectionParts {
  readonly farEnd: FarEnd;
  readonly storeDir: StoreDir;
  readonly silenceMs?: number | undefined;
  /** What the server tells. */
  readonly onLine?: ((line: string) => void) | undefined;
}

/** Requests are written in pieces of about this size. */
const batchBytes = 32 * 1024;

export class WorkerConnection extends FarConnection {
  #context: WireContext;
  #greeting: ServerGreeting = {};
  readonly #onLine: ((line: string) => void) | undefined;
  /** It said no, and may have closed the connection after that: nobody knows before it is used again. */
  #isDoubtful = false;

  /** Good for nothing before its handshake: `openWorkerConnection` gives one that has it behind it. */
  constructor(
    transport: Transport,
    readable: AsyncIterable<Uint8Array>,
    { farEnd, storeDir, silenceMs, onLine }: WorkerConnectionParts,
  ) {
    super(transport, readable, farEnd, silenceMs);
    this.#context = { version: workerVersion, features: new Set(), storeDir };
    this.#onLine = onLine;
  }

  get context(): WireContext {
    return this.#context;
  }

  /** What the server said of itself. */
  get greeting(): ServerGreeting {
    return this.#greeting;
  }

  /**
   * All that comes after the hello, which was written before.
   * @throws FerryError `protocol` where the versions don't meet, or what the server says no with.
   */
  async handshake(version: number, features: readonly string[]): Promise<void> {
    const failed = `cannot connect to "${this.farEnd.name}"`;
    const { storeDir } = this.#context;
    const hello = this.exchange(
      () => {},
      async (reader) => {
        await reader.u64();
        return await reader.u64();
      },
    );
    const theirs = await hello.answer;
    if (theirs >> 8 !== workerVersion >> 8 || theirs < workerVersionMin) {
      const problem = `it speaks version ${formatProtocolVersion(theirs)} of the worker protocol, wanted ${formatProtocolVersion(workerVersionMin)} or a later 1.x`;
      throw new FerryError('protocol', `${failed}: ${problem}`, { store: this.farEnd.uri });
    }
    const agreed = { version: Math.min(version, theirs), features: new Set<string>(), storeDir };
    const rest = this.exchange(
      (sink) => {
        const writer = new ByteWriter();
        featureNames.write(writer, features, agreed);
        clientGreetingEnd.write(writer, {}, agreed);
        return sink(writer.take());
      },
      async (reader) => {
        const theirFeatures = await featureNames.read(reader, agreed);
        this.#greeting = await serverGreeting.read(reader, agreed);
        const common = features.filter((feature) => theirFeatures.includes(feature));
        this.#context = { ...agreed, features: new Set(common) };
        return await this.readMessages(reader, failed);
      },
    );
    const refusal = await rest.answer;
    if (refusal !== undefined) throw refusal;
  }

  supports(row: WorkerOperationRow): boolean {
    return isSpoken(row, this.context);
  }

  /** @throws FerryError `unsupported` where the far end is too old. */
  require(row: WorkerOperationRow, what: string): void {
    if (this.supports(row)) return;
    const version = formatProtocolVersion(this.context.version);
    const problem = `${what}: "${this.farEnd.uri}" speaks version ${version} of the worker protocol, which has no such operation`;
    throw new FerryError('unsupported', problem, { store: this.farEnd.uri });
  }

  /** A request with an answer of moderate size. @throws what the server says no with. */
  async ask<Request, Response>(
    operation: WorkerOperation<Request, Response>,
    request: Request,
    options: AskOptions = {},
  ): Promise<Response> {
    const [reply] = await this.askAll(operation, [request], options);
    if (reply === undefined) throw new FerryError('internal', 'no reply to a request');
    if (reply.refusal !== undefined) throw reply.refusal;
    return reply.value;
  }

  /**
   * The same of many, all written before the first answer is awaited. Each reply is its own: a refusal ends nothing.
   * An abort ends the waiting, not the connection, but for what is `isPatient`.
   * @param onReply is called as they come; what it throws ends the connection.
   */
  async askAll<Request, Response>(
    operation: WorkerOperation<Request, Response>,
    requests: readonly Request[],
    { signal, what, isPatient = false }: AskOptions = {},
    onReply?: (reply: Reply<Response>, index: number) => void,
  ): Promise<Reply<Response>[]> {
    signal?.throwIfAborted();
    const doing = what ?? `cannot have ${operation.name} of "${this.farEnd.uri}"`;
    this.require(operation, doing);
    if (requests.length === 0) return [];
    const replies: Reply<Response>[] = [];
    const readOne = (reader: ByteReader): MaybePromise<Reply<Response>> =>
      this.readReply(reader, operation, doing);
    const { answer } = this.exchange(
      (sink) => this.#writeAll(sink, operation, requests),
      async (reader) => {
        while (replies.length < requests.length) {
          const reply = await (isPatient ? this.patiently(() => readOne(reader)) : readOne(reader));
          replies.push(reply);
          onReply?.(reply, replies.length - 1);
        }
      },
    );
    const onAbort = (): void => this.giveUp();
    if (isPatient) signal?.addEventListener('abort', onAbort);
    try {
      await unlessAborted(answer, signal);
    } finally {
      signal?.removeEventListener('abort', onAbort);
    }
    return replies;
  }

  /** The bytes of a request: its number and its fields. */
  encode<Request>(
    operation: Pick<WorkerOperation<Request, unknown>, 'number' | 'request'>,
    request: Request,
  ): Uint8Array {
    const writer = new ByteWriter(256);
    this.#encodeTo(writer, operation, request);
    return writer.take();
  }

  /**
   * What the server tells, up to where its answer begins.
   * @returns what it says no with, if it does.
   */
  async readMessages(
    reader: ByteReader,
    doing: string | undefined,
    onPull?: (size: number) => void,
  ): Promise<FerryError | undefined> {
    for (;;) {
      const read = workerMessage.read(reader, this.context);
      const message = read instanceof Promise ? await read : read;
      switch (message.kind) {
        case 'done':
          this.#isDoubtful = false;
          return undefined;
        case 'error':
          this.#isDoubtful = true;
          return refusalError(doing, this.farEnd, message);
        case 'read':
          if (onPull === undefined || message.size === 0) throw this.#unexpected(message);
          onPull(message.size);
          break;
        case 'write':
          throw this.#unexpected(message);
        case 'log':
        case 'start':
        case 'stop':
        case 'result':
          this.#tell(message);
      }
    }
  }

  async readReply<Response>(
    reader: ByteReader,
    operation: Pick<WorkerOperation<never, Response>, 'name' | 'response'>,
    doing: string,
    onPull?: (size: number) => void,
  ): Promise<Reply<Response>> {
    try {
      const refusal = await this.readMessages(reader, doing, onPull);
      if (refusal !== undefined) return { refusal };
      return { value: await operation.response.read(reader, this.context) };
    } catch (error) {
      throw this.explain(operation.name, error);
    }
  }

  /** Ends it for the sake of one caller's abort, which is no answer to the others. */
  giveUp(): void {
    const { uri } = this.farEnd;
    const problem = `the connection to "${uri}" was given up in the middle of something else`;
    this.fail(new FerryError('unavailable', problem, { store: uri }));
  }

  /** After a refusal: whether the server is still there. Some it closes the connection after. */
  async confirm(signal?: AbortSignal): Promise<void> {
    if (!this.#isDoubtful || !this.isAlive) return;
    try {
      await this.ask(syncWithGc, undefined, { signal });
    } catch {
      signal?.throwIfAborted();
      this.fail(new FerryError('unavailable', `"${this.farEnd.uri}" closed the connection`));
    }
  }

  #encodeTo<Request>(
    writer: ByteWriter,
    operation: Pick<WorkerOperation<Request, unknown>, 'number' | 'request'>,
    request: Request,
  ): void {
    writer.u64(operation.number);
    operation.request.write(writer, request, this.context);
  }

  async #writeAll<Request>(
    sink: Sink,
    operation: Pick<WorkerOperation<Request, unknown>, 'number' | 'request'>,
    requests: readonly Request[],
  ): Promise<void> {
    const writer = new ByteWriter();
    for (const request of requests) {
      this.#encodeTo(writer, operation, request);
      if (writer.size >= batchBytes) await sink(writer.take());
    }
    if (writer.size > 0) await sink(writer.take());
  }

  #tell(message: WorkerMessage): void {
    if (this.#onLine === undefined) return;
    for (const line of linesOf(message)) this.#onLine(line);
  }

  #unexpected({ kind }: WorkerMessage): FerryError {
    return new FerryError('protocol', `"${this.farEnd.uri}" sent a message "${kind}" unasked`, {
      store: this.farEnd.uri,
    });
  }
}
