/** Queries that print something of each word, in the order of the words; what comes before a failure is printed. */
import { fromByteString, utf8ByteString } from '../../../bytes/byte-string.ts';
import { FerryError } from '../../../error.ts';
import { formatHash } from '../../../format/hash.ts';
import type { PathInfo } from '../../../format/path-info.ts';
import { isDerivation, printStorePath, type StorePath } from '../../../format/store-path.ts';
import type { Store } from '../../../store/store.ts';
import { printPieces } from '../../print-pieces.ts';
import { findQueryTargets, type QueryScene, type QueryTargets } from './query-targets.ts';
import { requireInfo } from './require-info.ts';
import { followWords } from './store-path-words.ts';

/** `--outputs`: what is no derivation stands for itself. */
export async function printOutputs(scene: QueryScene): Promise<void> {
  const { storeDir } = scene.store;
  await printEach(scene, await findQueryTargets(scene, true), (path) =>
    printStorePath(storeDir, path),
  );
}

/** `--hash` */
export async function printHashes(scene: QueryScene): Promise<void> {
  await printOfInfos(scene, ({ narHash }) => formatHash(narHash, 'nix32'));
}

/** `--size` */
export async function printSizes(scene: QueryScene): Promise<void> {
  await printOfInfos(scene, ({ narSize }) => String(narSize));
}

/** `--deriver` */
export async function printDerivers(scene: QueryScene): Promise<void> {
  const targets = wordsAlone(scene);
  const { store, call } = scene;
  const infos = await store.queryPathInfos(targets.groups.flat(), call.context);
  await printEach(scene, targets, (path) => {
    const { deriver } = requireInfo(store, infos, path);
    return deriver === undefined ? 'unknown-deriver' : printStorePath(store.storeDir, deriver);
  });
}

/** `--resolve`: nothing is asked. */
export async function printResolved(scene: QueryScene): Promise<void> {
  const { storeDir } = scene.store;
  await printEach(scene, wordsAlone(scene), (path) => printStorePath(storeDir, path));
}

/** `--binding`: of derivations, or of those that built paths. Values are bytes. */
export async function printBindings(scene: QueryScene): Promise<void> {
  const { store, call, bindingName } = scene;
  const { signal, stdout } = call.context;
  const { derivationIn, readValidDerivations, variablesOf } = await import(
    './read-valid-derivations.ts'
  );
  const { paths, failure } = followWords(call.context, store, scene.words);
  const built = paths.filter((path) => !isDerivation(path));
  const infos = await store.queryPathInfos(built, { signal });
  const drvOf = (path: StorePath): StorePath => {
    if (isDerivation(path)) return path;
    const { deriver } = requireInfo(store, infos, path);
    if (deriver !== undefined) return deriver;
    const printed = printStorePath(store.storeDir, path);
    throw new FerryError('not-found', `deriver of path '${printed}' is not known`, {
      path: printed,
    });
  };
  const known = paths.flatMap(
    (path) => (isDerivation(path) ? path : infos.get(path)?.deriver) ?? [],
  );
  const read = await readValidDerivations(scene, known);
  for (const path of paths) {
    const drv = drvOf(path);
    const value = variablesOf(derivationIn(read, drv)).get(utf8ByteString(bindingName));
    if (value === undefined) throw noBinding(store, drv, bindingName);
    await stdout.write(Buffer.concat([fromByteString(value), Buffer.from('\n')]));
  }
  if (failure !== undefined) throw failure.error;
}

function noBinding({ storeDir }: Store, drv: StorePath, name: string): FerryError {
  const path = printStorePath(storeDir, drv);
  const problem = `derivation '${path}' has no environment binding named '${name}'`;
  return new FerryError('not-found', problem, { path });
}

async function printOfInfos(scene: QueryScene, tell: (info: PathInfo) => string): Promise<void> {
  const { store, call } = scene;
  const targets = await findQueryTargets(scene);
  const infos = await store.queryPathInfos(targets.groups.flat(), call.context);
  await printEach(scene, targets, (path) => tell(requireInfo(store, infos, path)));
}

function wordsAlone({ call, store, words }: QueryScene): QueryTargets {
  const { paths, failure } = followWords(call.context, store, words);
  return { groups: paths.map((path) => [path]), ...(failure && { failure }) };
}

async function printEach(
  { call }: QueryScene,
  { groups, failure }: QueryTargets,
  tell: (path: StorePath) => string,
): Promise<void> {
  function* lines(): Generator<string> {
    for (const path of groups.flat()) yield `${tell(path)}\n`;
    if (failure !== undefined) throw failure.error;
  }
  await printPieces(call.context.stdout, lines());
}
