/** ImportPaths: an export stream. The far ends of old releases send closures so. */
import { importPaths } from '../copy/import-paths.ts';
import { FerryError } from '../error.ts';
import { importPaths as importPathsOperation } from '../wire/serve/protocol.ts';
import { sendAnswer, type ServeSession } from './serve-session.ts';

export async function answerImport(session: ServeSession): Promise<void> {
  const { store, reader, signal } = session;
  if (store.addPaths === undefined)
    throw new FerryError('denied', 'importing paths is not allowed');
  await importPaths(store, reader, { signal });
  await sendAnswer(session, importPathsOperation, undefined);
}
