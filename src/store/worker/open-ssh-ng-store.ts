/** Opens `ssh-ng://` stores: a daemon's program at the far end of ssh. URI and parameters as Nix understands them. */
import type { StoreUri } from '../../config/store-uri.ts';
import { prepareSshFarEnd, type OpenSshOptions } from '../far/ssh-far-end.ts';
import { clientSettings } from './client-settings.ts';
import { openWorkerConnection } from './open-worker-connection.ts';
import { WorkerStore } from './worker-store.ts';

export interface OpenSshNgStoreOptions extends OpenSshOptions {
  /** Settings that the user changed for this command; of those the far end is told what concerns substituting. */
  readonly overrides?: ReadonlyMap<string, string> | undefined;
}

/**
 * The connection stands when this returns.
 * @throws FerryError `usage`, `unavailable`, `not-found`, `protocol`.
 */
export async function openSshNgStore(
  uri: Extract<StoreUri, { kind: 'ssh' | 'ssh-ng' }>,
  options: OpenSshNgStoreOptions,
): Promise<WorkerStore> {
  const program = { name: 'nix-daemon', args: ['--stdio'] };
  const prepared = await prepareSshFarEnd({ ...uri, kind: 'ssh-ng' }, program, options);
  const { launcher, farEnd, storeDir, connectionsMax, greeting } = prepared;
  const settings = clientSettings(options.overrides ?? new Map(), true);
  const { onDiagnostic: onLine } = options;
  return await WorkerStore.open(
    {
      uri: farEnd.uri,
      storeDir,
      connectionsMax,
      open: async (signal) => {
        const own = { storeDir, settings, onLine, signal };
        return await openWorkerConnection(await launcher.connect(), { ...greeting, ...own });
      },
      onDispose: async () => launcher[Symbol.asyncDispose](),
    },
    options.signal,
  );
}
