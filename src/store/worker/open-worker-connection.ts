/** From a transport to a connection of the worker protocol that stands. */
import { ByteWriter } from '../../bytes/byte-writer.ts';
import { unlessAborted } from '../../system/pause.ts';
import type { Transport } from '../../wire/transport.ts';
import { clientMagic, serverMagic } from '../../wire/worker/handshake.ts';
import type { WorkerOptions } from '../../wire/worker/options.ts';
import { setOptions } from '../../wire/worker/upkeep.ts';
import { workerFeatures, workerVersion } from '../../wire/worker/version.ts';
import { greet, type GreetOptions } from '../far/greet.ts';
import { WorkerConnection, type WorkerConnectionParts } from './worker-connection.ts';

export interface WorkerConnectionOptions extends GreetOptions, WorkerConnectionParts {
  /** The version to announce. */
  readonly version?: number | undefined;
  /** The features to announce. */
  readonly features?: readonly string[] | undefined;
  /** How the server is to work; without it as it is configured itself. */
  readonly settings?: WorkerOptions | undefined;
}

/**
 * Two round trips. On any failure the transport is ended.
 * @throws FerryError `unavailable`, `not-found` for a missing program, `protocol`, `denied` for who isn't let in.
 */
export async function openWorkerConnection(
  transport: Transport,
  options: WorkerConnectionOptions,
): Promise<WorkerConnection> {
  const { version = workerVersion, features = workerFeatures, settings, signal } = options;
  const hello = new ByteWriter();
  hello.u64(clientMagic);
  hello.u64(version);
  const greeting = { hello: hello.take(), magic: serverMagic };
  return await greet(transport, greeting, options, async (readable) => {
    const connection = new WorkerConnection(transport, readable, options);
    await unlessAborted(connection.handshake(version, features), signal);
    if (settings !== undefined) await connection.ask(setOptions, settings, { signal });
    return connection;
  });
}
