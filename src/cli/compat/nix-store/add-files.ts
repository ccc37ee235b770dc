/** What `--add` and `--add-fixed` share: files into the store, the path of each printed as soon as it is there. */
import { resolve } from 'node:path';
import { FerryError } from '../../../error.ts';
import type { ContentAddressMethod } from '../../../format/content-address.ts';
import type { HashAlgorithm } from '../../../format/hash.ts';
import { printStorePath, storePathNameProblem } from '../../../format/store-path.ts';
import { addContentTo } from '../../add-content-to.ts';
import { openSession } from '../../session.ts';
import type { NixStoreCall } from './operation.ts';

interface HowToAdd {
  readonly method: ContentAddressMethod;
  readonly algorithm: HashAlgorithm;
}

/** A link is added as a link. What was added before one that fails stays, as with Nix, and so does what was printed. */
export async function addFiles(
  { context, store: uri }: NixStoreCall,
  words: readonly string[],
  { method, algorithm }: HowToAdd,
): Promise<number> {
  await using session = openSession(context);
  const store = await session.open(uri);
  for (const word of words) {
    const name = nameIn(word);
    const tree = resolve(context.cwd, word);
    const { path } = await addContentTo(session, store, tree, { name, method, algorithm });
    await context.stdout.write(`${printStorePath(store.storeDir, path)}\n`);
  }
  return 0;
}

/** The last part of the word as it is: "." has no name of its own. */
function nameIn(word: string): string {
  const name = word.replace(/\/+$/, '').replace(/^.*\//s, '');
  const problem = storePathNameProblem(name);
  if (problem === undefined) return name;
  throw new FerryError('usage', `cannot add "${word}": ${problem}`, { path: word });
}
