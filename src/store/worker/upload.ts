/**
 * Sending contents with a request. The server is listened to meanwhile, and may refuse before it has all of them: then
 * they are not written to their end, and the connection can be used again.
 */
import { ByteWriter } from '../../bytes/byte-writer.ts';
import type { MaybePromise } from '../../bytes/maybe-promise.ts';
import { frames, framesEnd } from '../../wire/worker/framed.ts';
import type { WorkerOperation } from '../../wire/worker/operation.ts';
import type { Exchange, Sink } from '../far/far-connection.ts';
import type { Reply, WorkerConnection } from './worker-connection.ts';

/** Writes contents; done when more may be written. */
export type ChunkSink = (chunk: Uint8Array, onSent?: () => void) => MaybePromise<void>;

export interface Upload<Request, Response> {
  readonly operation: WorkerOperation<Request, Response>;
  readonly request: Request;
  /** For a refusal: what could not be done, to what. */
  readonly what: string;
  /** Writes the contents; throws nothing but what the sink throws. */
  readonly body: (write: ChunkSink, isRefused: () => boolean) => Promise<void>;
}

/** Small pieces leave together once they are so many bytes. */
const batchBytes = 32 * 1024;

export function upload<Request, Response>(
  connection: WorkerConnection,
  request: Upload<Request, Response>,
): Exchange<Reply<Response>> {
  return request.operation.requestStream === 'pulled'
    ? uploadPulled(connection, request)
    : uploadFramed(connection, request);
}

function uploadFramed<Request, Response>(
  connection: WorkerConnection,
  { operation, request, what, body }: Upload<Request, Response>,
): Exchange<Reply<Response>> {
  let isRefused = false;
  return connection.exchange(
    async (sink) => {
      const gathered = new Gathered(sink);
      await gathered.write(connection.encode(operation, request));
      await body(
        (chunk, onSent) => gathered.writeChunk(chunk, onSent),
        () => isRefused,
      );
      await gathered.write(framesEnd);
      await gathered.flush();
    },
    async (reader) => {
      const reply = await connection.readReply(reader, operation, what);
      isRefused = reply.refusal !== undefined;
      return reply;
    },
  );
}

/** Before version 1.23 the server asks for each piece: nothing else can be on its way meanwhile. */
function uploadPulled<Request, Response>(
  connection: WorkerConnection,
  { operation, request, what, body }: Upload<Request, Response>,
): Exchange<Reply<Response>> {
  const pulls = new Pulls();
  const nextPull = (): Promise<number | undefined> => connection.whileHeldUp(pulls.next());
  return connection.exchange(
    async (sink) => {
      await sink(connection.encode(operation, request));
      const writer = new ByteWriter();
      await body(
        async (chunk, onSent) => {
          for (let at = 0; at < chunk.length; ) {
            const size = await nextPull();
            if (size === undefined) break;
            const piece = chunk.subarray(at, at + size);
            writer.bytes(piece);
            await sink(writer.take());
            at += piece.length;
          }
          onSent?.();
        },
        () => pulls.isOver,
      );
      // Where it wants more than there is, an empty piece says that this was all.
      if ((await nextPull()) === undefined) return;
      writer.bytes(new Uint8Array(0));
      await sink(writer.take());
    },
    async (reader) => {
      try {
        return await connection.readReply(reader, operation, what, (size) => pulls.push(size));
      } finally {
        pulls.end();
      }
    },
  );
}

/** Small pieces leave together: of a small path, the request, its NAR and their end. */
class Gathered {
  readonly #sink: Sink;
  readonly #pieces = new ByteWriter();

  constructor(sink: Sink) {
    this.#sink = sink;
  }

  async write(bytes: Uint8Array): Promise<void> {
    this.#pieces.raw(bytes);
    if (this.#pieces.size >= batchBytes) await this.flush();
  }

  async writeChunk(chunk: Uint8Array, onSent: (() => void) | undefined): Promise<void> {
    if (chunk.length < batchBytes) {
      for (const piece of frames(chunk)) await this.write(piece);
      onSent?.();
      return;
    }
    await this.flush();
    const pieces = frames(chunk);
    for (const [index, piece] of pieces.entries()) {
      const more = this.#sink(piece, index === pieces.length - 1 ? onSent : undefined);
      if (more instanceof Promise) await more;
    }
  }

  async flush(): Promise<void> {
    if (this.#pieces.size > 0) await this.#sink(this.#pieces.take());
  }
}

/** Sizes that the server asked for, until there will be no more of them. */
class Pulls {
  readonly #sizes: number[] = [];
  #waiting: ((size: number | undefined) => void) | undefined;
  isOver = false;

  push(size: number): void {
    this.#sizes.push(size);
    this.#wake();
  }

  end(): void {
    this.isOver = true;
    this.#wake();
  }

  next(): Promise<number | undefined> {
    return new Promise((resolve) => {
      this.#waiting = resolve;
      this.#wake();
    });
  }

  #wake(): void {
    const size = this.#sizes.shift();
    if (this.#waiting === undefined || (size === undefined && !this.isOver)) {
      if (size !== undefined) this.#sizes.unshift(size);
      return;
    }
    this.#waiting(size);
    this.#waiting = undefined;
  }
}
