/** What a file is called in the store. */
import { basename } from 'node:path';
import { FerryError } from '../error.ts';
import { storePathNameProblem } from '../format/store-path.ts';

/**
 * @param typed how the file was called by the person
 * @param given a name for it, where one was asked for
 * @throws FerryError `usage` for what can't be a name
 */
export function nameInStore(typed: string, file: string, given?: string): string {
  const name = given ?? basename(file);
  const problem = storePathNameProblem(name);
  if (problem === undefined) return name;
  throw new FerryError('usage', `"${name}" can't be the name of a store path: ${problem}`, {
    path: typed,
    hint: given === undefined ? 'give it another with --name' : 'take another --name',
  });
}
