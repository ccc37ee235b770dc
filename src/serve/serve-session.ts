/** One client of the serve protocol: what all answers need. */
import type { ByteReader } from '../bytes/byte-reader.ts';
import { ByteWriter } from '../bytes/byte-writer.ts';
import type { MaybePromise } from '../bytes/maybe-promise.ts';
import { FerryError, isFerryError } from '../error.ts';
import { printStorePath, type StorePath } from '../format/store-path.ts';
import type { Store } from '../store/store.ts';
import type { Codec, WireContext } from '../wire/codec.ts';

export interface ServeSession {
  readonly store: Store;
  readonly reader: ByteReader;
  /** Sends bytes, which then belong to the output; done when more may be sent. */
  readonly send: (bytes: Uint8Array) => MaybePromise<void>;
  readonly context: WireContext;
  readonly canWrite: boolean;
  readonly signal: AbortSignal | undefined;
}

export async function readRequest<Request>(
  { reader, context }: ServeSession,
  { name, request }: { readonly name: string; readonly request: Codec<Request> },
): Promise<Request> {
  try {
    return await request.read(reader, context);
  } catch (error) {
    if (!isFerryError(error) || error.offset === undefined) throw error;
    throw new FerryError(error.code, `cannot read ${name} request: ${error.message}`, {
      cause: error,
      offset: error.offset,
    });
  }
}

export async function sendAnswer<Response>(
  { send, context }: ServeSession,
  { response }: { readonly response: Codec<Response> },
  value: Response,
): Promise<void> {
  const writer = new ByteWriter();
  response.write(writer, value, context);
  await send(writer.take());
}

/** In the words of Nix, which clients show as they are. */
export function notValid({ context }: ServeSession, path: StorePath): FerryError {
  const printed = printStorePath(context.storeDir, path);
  return new FerryError('not-found', `path '${printed}' is not valid`, { path: printed });
}
