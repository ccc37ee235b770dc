/**
 * Sending paths to servers before version 2.5 (Nix 2.0 and older): as one export stream with one acknowledgement.
 * Signatures and content addresses don't travel that way.
 */
import { ByteWriter } from '../../bytes/byte-writer.ts';
import { exportTrailer } from '../../wire/export-trailer.ts';
import { importPaths } from '../../wire/serve/protocol.ts';
import type { AddOptions, PathToAdd } from '../store.ts';
import type { StorePath } from '../../format/store-path.ts';
import type { ServeConnection } from './connection.ts';
import { FerryError } from '../../error.ts';
import { sendNar } from '../far/send-nar.ts';

export async function pushAsExport(
  connection: ServeConnection,
  paths: AsyncIterable<PathToAdd>,
  { signal, onAdded, onBytes }: AddOptions,
): Promise<void> {
  const { context } = connection;
  const sent: StorePath[] = [];
  const onAbort = (): void => {
    connection.fail(new FerryError('unavailable', 'adding was aborted'));
  };
  signal?.addEventListener('abort', onAbort);
  try {
    const { written, answer } = connection.exchange(
      async (sink) => {
        await sink(connection.encode(importPaths, undefined));
        for await (const { info, nar } of paths) {
          signal?.throwIfAborted();
          await sendNar(sink, number(1), context.storeDir, info, nar, (bytes) => {
            onBytes?.(info.path, bytes);
          });
          const writer = new ByteWriter();
          exportTrailer.write(writer, info, context);
          await sink(writer.take());
          sent.push(info.path);
        }
        await sink(number(0));
      },
      (reader) => importPaths.response.read(reader, context),
    );
    await Promise.all([written, answer]);
    for (const path of sent) onAdded?.(path);
  } catch (error) {
    signal?.throwIfAborted();
    throw error;
  } finally {
    signal?.removeEventListener('abort', onAbort);
  }
}

function number(value: number): Uint8Array {
  const writer = new ByteWriter(8);
  writer.u64(value);
  return writer.take();
}
