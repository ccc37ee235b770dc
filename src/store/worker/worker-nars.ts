/** How NARs are asked for: NarFromPath, whose answer is the NAR alone, right after the last message. */
import { ByteReader, readU64 } from '../../bytes/byte-reader.ts';
import type { StoreDir } from '../../format/store-path.ts';
import { errorTag, workerFailure } from '../../wire/worker/messages.ts';
import { narFromPath } from '../../wire/worker/queries.ts';
import type { NarProtocol } from '../far/read-nars.ts';
import { refusalError } from './refusal.ts';
import type { WorkerConnection } from './worker-connection.ts';

export function workerNars(storeDir: StoreDir): NarProtocol<WorkerConnection> {
  return {
    storeDir,
    request: (connection, path) => connection.encode(narFromPath, path),
    async begin(connection, reader) {
      const refusal = await connection.readMessages(reader, undefined);
      if (refusal !== undefined) throw refusal;
    },
    refusal: readRefusal,
  };
}

/**
 * A server that finds the path gone has already said that all is well. Then an error comes where the NAR should be:
 * from Nix 2.34 at once, from older ones after the first string of a NAR.
 */
const placesOfErrors = [0, 24] as const;

async function readRefusal(
  connection: WorkerConnection,
  seen: Uint8Array,
  reader: ByteReader,
): Promise<unknown> {
  const at = placesOfErrors.find(
    (place) => seen.length >= place + 8 && readU64(seen, place) === errorTag,
  );
  if (at === undefined) return undefined;
  const rest = new ByteReader(restOf(seen.subarray(at + 8), reader));
  try {
    const failure = await workerFailure.read(rest, connection.context);
    return refusalError(undefined, connection.farEnd, failure);
  } catch {
    // It only looked like one.
    return undefined;
  }
}

async function* restOf(seen: Uint8Array, reader: ByteReader): AsyncGenerator<Uint8Array> {
  yield seen;
  for (;;) {
    const bytes = await reader.some(4096);
    if (bytes.length === 0) return;
    yield bytes;
  }
}
