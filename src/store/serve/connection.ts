/** The asking side of the serve protocol over one transport. */
import { ByteReader } from '../../bytes/byte-reader.ts';
import { ByteWriter } from '../../bytes/byte-writer.ts';
import type { MaybePromise } from '../../bytes/maybe-promise.ts';
import { FerryError } from '../../error.ts';
import type { StoreDir } from '../../format/store-path.ts';
import { formatProtocolVersion, type WireContext } from '../../wire/codec.ts';
import {
  clientMagic,
  serverMagic,
  serveVersion,
  serveVersionMin,
  type ServeOperation,
} from '../../wire/serve/protocol.ts';
import type { Transport } from '../../wire/transport.ts';
import { unlessAborted } from '../../system/pause.ts';
import { FarConnection } from '../far/far-connection.ts';
import type { FarEnd } from '../far/far-end-error.ts';
import { greet, type GreetOptions } from '../far/greet.ts';

export interface ConnectionOptions extends GreetOptions {
  readonly storeDir: StoreDir;
  /** The version to announce. */
  readonly version?: number | undefined;
  /** Milliseconds for which a far end that owes an answer may neither send nor take a byte. */
  readonly silenceMs?: number | undefined;
}

/** @throws FerryError `unavailable`, `not-found` for a missing program, `protocol`. */
export async function openServeConnection(
  transport: Transport,
  options: ConnectionOptions,
): Promise<ServeConnection> {
  const { farEnd, storeDir, version = serveVersion, silenceMs } = options;
  const hello = new ByteWriter();
  hello.u64(clientMagic);
  hello.u64(version);
  const greeting = { hello: hello.take(), magic: serverMagic };
  return await greet(transport, greeting, options, async (readable) => {
    const reader = new ByteReader(readable);
    await reader.u64();
    const theirs = await reader.u64();
    if (theirs >> 8 !== serveVersion >> 8 || theirs < serveVersionMin) {
      throw new FerryError(
        'protocol',
        `cannot connect to "${farEnd.name}": it speaks version ${formatProtocolVersion(theirs)} of the serve protocol, wanted ${formatProtocolVersion(serveVersionMin)} or a later 2.x`,
        { store: farEnd.uri },
      );
    }
    const features = new Set<string>();
    const context = { version: Math.min(version, theirs), features, storeDir };
    return new ServeConnection(transport, readable, context, farEnd, silenceMs);
  });
}

export class ServeConnection extends FarConnection {
  readonly context: WireContext;

  constructor(
    transport: Transport,
    readable: AsyncIterable<Uint8Array>,
    context: WireContext,
    farEnd: FarEnd,
    silenceMs: number | undefined,
  ) {
    super(transport, readable, farEnd, silenceMs);
    this.context = context;
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
        const read = (): MaybePromise<Response> => operation.response.read(reader, this.context);
        try {
          return await (isPatient ? this.patiently(read) : read());
        } catch (error) {
          throw this.explain(operation.name, error);
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
}
