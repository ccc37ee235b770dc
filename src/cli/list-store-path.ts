/** What is in a store path, wherever the store is: by its files, by the listing that a cache keeps, or by its NAR. */
import { ListingBuilder, type ListingNode } from '../format/nar/listing.ts';
import type { StorePath } from '../format/store-path.ts';
import type { NarStream, Store } from '../store/store.ts';
import type { CommandContext } from './context.ts';
import { decodeNar } from './decode-nar.ts';
import { listTree } from './list-tree.ts';
import { readOneNar } from './read-one-nar.ts';
import { resolveIn } from './resolve-in-store.ts';

export interface ListedPath {
  readonly root: ListingNode;
  readonly path: StorePath;
  /** What the word names below the path, `bin/hello`, or ''. */
  readonly inside: string;
}

/** @throws FerryError `not-found` */
export async function listStorePath(
  context: CommandContext,
  store: Store,
  word: string,
): Promise<ListedPath> {
  const { signal } = context;
  const { path, inside } = resolveIn(context, store, word);
  const root =
    (await store.readListing?.(path, { signal })) ??
    (await readOneNar(store, path, signal, listNar));
  return { root, path, inside };
}

async function listNar(nar: NarStream): Promise<ListingNode> {
  if (nar.tree !== undefined) return listTree(nar.tree);
  const listing = new ListingBuilder();
  await decodeNar(nar, listing);
  return listing.finish();
}
