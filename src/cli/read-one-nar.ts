/** The NAR of one path, for commands that look into one. */
import { FerryError } from '../error.ts';
import type { StorePath } from '../format/store-path.ts';
import type { NarStream, Store } from '../store/store.ts';

/** @throws FerryError `not-found` when the path is not valid. */
export async function readOneNar<Result>(
  store: Store,
  path: StorePath,
  signal: AbortSignal,
  use: (nar: NarStream) => Promise<Result>,
): Promise<Result> {
  for await (const nar of store.readNars([path], { signal })) return await use(nar);
  throw new FerryError('internal', `"${store.uri}" gave no NAR of "${path}"`);
}
