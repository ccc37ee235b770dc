/** Where this machine's daemon is found. Apart from the rest, since `auto` only wants to know whether there is one. */
import { join } from 'node:path';
import type { Environment } from '../../config/environment.ts';
import type { Parameters } from '../../config/store-uri.ts';
import { locateStore, type DefaultLocations, type StoreLocations } from '../local/locations.ts';

/** Where the daemon of a store on this machine listens. */
export function daemonSocketOf(
  { variables }: Environment,
  { stateDir }: Pick<StoreLocations, 'stateDir'>,
): string {
  return variables['NIX_DAEMON_SOCKET_PATH'] ?? join(stateDir, 'daemon-socket/socket');
}

/** Directories by the parameters of a URI. */
export function locateDaemonStore(
  parameters: Parameters,
  defaults: DefaultLocations,
): StoreLocations {
  return locateStore(
    {
      root: parameters.get('root'),
      store: parameters.get('store'),
      real: parameters.get('real'),
      state: parameters.get('state'),
      log: parameters.get('log'),
    },
    defaults,
  );
}
