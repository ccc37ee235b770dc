/** What a store has, as its database and as its directory say. */
import { existsSync, readdirSync } from 'node:fs';
import type { StorePath } from '../../src/format/store-path.ts';
import { openLocalStores } from './local-stores.ts';
import type { NixHome } from './nix-home.ts';

/** Sorted. */
export async function validPaths(home: NixHome): Promise<StorePath[]> {
  await using stores = openLocalStores();
  await using store = await stores.open(home.root);
  return (await store.queryAllValidPaths()).sort();
}

/** The names in the store directory but that of the shared files, sorted; a store that isn't there has none. */
export function entriesOf(home: NixHome): string[] {
  const directory = home.realPath('/nix/store');
  if (!existsSync(directory)) return [];
  return readdirSync(directory)
    .filter((name) => name !== '.links')
    .sort();
}
