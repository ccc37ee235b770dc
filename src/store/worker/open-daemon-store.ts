/** Opens the store of this machine's daemon, by its socket: `daemon`, `unix://` and `unix:///PATH`. */
import { availableParallelism } from 'node:os';
import type { Environment } from '../../config/environment.ts';
import { numberParameter, type StoreUri } from '../../config/store-uri.ts';
import { FerryError, isFerryError } from '../../error.ts';
import { connectSocket } from '../../system/socket.ts';
import type { TreeWorkers } from '../../system/tree-jobs.ts';
import type { Transport } from '../../wire/transport.ts';
import type { DefaultLocations } from '../local/locations.ts';
import type { CallOptions } from '../store.ts';
import { clientSettings } from './client-settings.ts';
import { daemonSocketOf, locateDaemonStore } from './daemon-socket.ts';
import { openWorkerConnection } from './open-worker-connection.ts';
import { WorkerStore } from './worker-store.ts';

export interface OpenDaemonStoreOptions extends CallOptions {
  readonly env: Environment;
  /** The machine's own directories. */
  readonly defaults: DefaultLocations;
  /** Pack the contents of paths where they lie on this machine. Lent. */
  readonly workers: TreeWorkers;
  /** What the daemon tells. */
  readonly onDiagnostic?: ((line: string) => void) | undefined;
  /** Settings that the user changed for this command: the daemon is told of them, and decides. */
  readonly overrides?: ReadonlyMap<string, string> | undefined;
}

/** Those that are understood here. */
export const daemonParameters: readonly string[] = [
  'root',
  'store',
  'real',
  'state',
  'log',
  'max-connections',
];

/** A connection costs a process of the daemon; each unpacks what it is sent by itself. */
const usualConnectionsMax = 4;

/**
 * The connection stands when this returns.
 * @throws FerryError `not-found` where there is no daemon, `denied` for who isn't let in, `usage`, `unavailable`.
 */
export async function openDaemonStore(
  { socket, parameters }: Pick<Extract<StoreUri, { kind: 'daemon' }>, 'socket' | 'parameters'>,
  { env, defaults, workers, onDiagnostic, overrides, signal }: OpenDaemonStoreOptions,
): Promise<WorkerStore> {
  const connectionsMax =
    numberParameter(parameters, 'max-connections') ??
    Math.min(usualConnectionsMax, availableParallelism());
  if (connectionsMax < 1 || connectionsMax > 64) {
    throw new FerryError('usage', `max-connections=${connectionsMax} is not between 1 and 64`);
  }
  const locations = locateDaemonStore(parameters, defaults);
  const { storeDir, realDir, logDir } = locations;
  const usual = daemonSocketOf(env, locations);
  const path = socket ?? usual;
  // A socket of another name may lead into a container: its store is not the one here, unless the URI says so.
  const isHere = path === usual || parameters.has('root') || parameters.has('real');
  const uri = socket === undefined ? 'daemon' : `unix://${socket}`;
  const closedHint = 'see whether allowed-users of its nix.conf lets you in, and what its log says';
  const farEnd = { name: path, uri, program: 'nix-daemon', closedHint };
  const settings = clientSettings(overrides ?? new Map(), false);
  return await WorkerStore.open(
    {
      uri,
      storeDir,
      connectionsMax,
      trees: isHere ? { realDir, logDir, workers } : undefined,
      open: async (signal) =>
        await openWorkerConnection(await reach(path, signal), {
          farEnd,
          storeDir,
          settings,
          onLine: onDiagnostic,
          signal,
        }),
    },
    signal,
  );
}

async function reach(path: string, signal: AbortSignal | undefined): Promise<Transport> {
  try {
    return await connectSocket(path, signal);
  } catch (error) {
    if (!isFerryError(error)) throw error;
    throw new FerryError(error.code, `cannot reach the daemon: ${error.message}`, {
      path,
      cause: error,
      hint: 'see whether nix-daemon runs (systemctl status nix-daemon.socket), or name the store: local, or a directory',
    });
  }
}
