/** Opens `ssh://` stores: what their URI and its parameters say, as Nix understands them. */
import type { StoreUri } from '../../config/store-uri.ts';
import { prepareSshFarEnd, sshParameters, type OpenSshOptions } from '../far/ssh-far-end.ts';
import { openServeConnection } from './connection.ts';
import { ServeStore } from './serve-store.ts';

export type OpenSshStoreOptions = OpenSshOptions;

export { sshParameters };

/**
 * The connection stands when this returns.
 * @throws FerryError `usage`, `unavailable`, `not-found`, `protocol`.
 */
export async function openSshStore(
  uri: Extract<StoreUri, { kind: 'ssh' | 'ssh-ng' }>,
  options: OpenSshStoreOptions,
): Promise<ServeStore> {
  const program = { name: 'nix-store', args: ['--serve', '--write'] };
  const prepared = await prepareSshFarEnd({ ...uri, kind: 'ssh' }, program, options);
  const { launcher, farEnd, storeDir, connectionsMax, greeting } = prepared;
  const opened = new ServeStore({
    uri: farEnd.uri,
    storeDir,
    connectionsMax,
    open: async (signal) =>
      await openServeConnection(await launcher.connect(), { ...greeting, storeDir, signal }),
    onDispose: async () => launcher[Symbol.asyncDispose](),
  });
  try {
    await opened.queryValidPaths([], { signal: options.signal });
    return opened;
  } catch (error) {
    await opened[Symbol.asyncDispose]();
    throw error;
  }
}
