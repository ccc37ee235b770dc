/**
 * Stores one by one, for who wants more than `openStore` gives: the local store's own queries, the threads that stores
 * share, and the answering side of the serve protocol.
 *
 * ```ts
 * import { MemoryStore } from 'nix-ferry/store';
 *
 * await using store = new MemoryStore();
 * console.log([...store.features].join(' ')); // write sign hold
 * ```
 */
export { answerServeProtocol, type ServeProtocolOptions } from '../serve/serve-protocol.ts';
export {
  openLocalStore,
  type LocalContentToAdd,
  type LocalStore,
  type LocalStoreOptions,
} from '../store/local/local-store.ts';
export { locateStore, type StoreLocations } from '../store/local/locations.ts';
export { MemoryStore, type MemoryStoreOptions } from '../store/memory.ts';
export { openSshStore, type OpenSshStoreOptions } from '../store/serve/open-ssh-store.ts';
export type {
  ContentToAdd,
  NarStream,
  PathToAdd,
  Store,
  StoreFeature,
} from '../store/store.ts';
export { openTreeWorkers, type TreeWorkersOptions } from '../system/threads/tree-workers.ts';
export type { TreeDigest, TreeWorkers } from '../system/tree-jobs.ts';
