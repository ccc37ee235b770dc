/** Realising by ferry itself: what is missing comes from substituters. What would have to be built can't be had. */
import { planRealisation, type RealisationPlan } from '../../../copy/realise-plan.ts';
import { FerryError } from '../../../error.ts';
import type { Derivation } from '../../../format/derivation.ts';
import { printStorePath, type StorePath } from '../../../format/store-path.ts';
import type { MissingAnswer } from '../../../wire/worker/substitutes.ts';
import { quoteShellWord } from '../../../system/shell-words.ts';
import type { Fetching } from '../../fetch-paths.ts';
import { findForeignNix } from '../nix/foreign-nix.ts';
import { downloadSizeOf } from './download-size.ts';
import { fetchInto } from './fetch-into.ts';
import { derivationIn, readValidDerivations } from './read-valid-derivations.ts';
import { isBuilt, outputsMeant, type RealiseWord } from './realise-words.ts';
import type { Realiser } from './realiser.ts';
import type { StoreScene } from './store-scene.ts';

export function realiserBySubstituters(scene: StoreScene): Realiser {
  return {
    missing: (words) => findMissing(scene, words),
    async realise(words, mode) {
      const built = words.find(isBuilt);
      if (mode === 'check' && built !== undefined) {
        const drv = printStorePath(scene.store.storeDir, built.path);
        throw cannotBuild(scene, `cannot check "${drv}"`, drv);
      }
      if (mode !== 'repair') {
        await fetchWords(scene, words);
        return;
      }
      const { repairAsNix } = await import('../nix/repair-as-nix.ts');
      const alone = words.filter((word) => !isBuilt(word)).map(({ path }) => path);
      // Whether they are broken or not, as in Nix; of derivations only what is.
      await repairAsNix(scene.session, scene.store, alone);
      const outputs = await fetchWords(scene, words.filter(isBuilt));
      const { repairClosures } = await import('./repair-closures.ts');
      if (outputs.length > 0) await repairClosures(scene, outputs);
    },
    async outputsOf(word) {
      const read = await readValidDerivations(scene, [word.path]);
      return knownOutputs(scene, word, derivationIn(read, word.path));
    },
  };
}

/** @returns all that is valid now, of what was asked for */
async function fetchWords(
  scene: StoreScene,
  words: readonly RealiseWord[],
): Promise<readonly StorePath[]> {
  const { storeDir } = scene.store;
  const drvs = words.filter(isBuilt).map(({ path }) => path);
  const read = await readValidDerivations(scene, drvs);
  const wanted = words.map((word) => {
    if (!isBuilt(word)) return [word.path];
    return [...knownOutputs(scene, word, derivationIn(read, word.path)).values()];
  });
  const failures = await fetchInto(scene, wanted.flat());
  for (const [i, word] of words.entries()) {
    const failed = wanted[i]?.find((path) => failures.has(path));
    if (failed === undefined) continue;
    const cause = failures.get(failed);
    if (!isBuilt(word)) throw cause;
    const drv = printStorePath(storeDir, word.path);
    const problem = `cannot realise output "${printStorePath(storeDir, failed)}" of "${drv}"`;
    throw cannotBuild(scene, problem, drv, cause);
  }
  return wanted.flat();
}

/** @throws FerryError `not-found` for an output that it doesn't have, `unsupported` for one without a path */
function knownOutputs(
  scene: StoreScene,
  word: RealiseWord,
  derivation: Derivation,
): Map<string, StorePath> {
  const { storeDir } = scene.store;
  const drv = printStorePath(storeDir, word.path);
  const outputs = new Map<string, StorePath>();
  for (const [name, output] of outputsMeant(storeDir, word, derivation)) {
    if (!('path' in output)) {
      throw cannotBuild(scene, `cannot realise output "${name}" of "${drv}"`, drv);
    }
    outputs.set(name, output.path);
  }
  return outputs;
}

function cannotBuild(
  { call, store }: StoreScene,
  problem: string,
  drv: string,
  cause?: unknown,
): FerryError {
  const nix = findForeignNix(call.context.env, 'nix-store');
  const where = call.store === undefined ? '' : `--store ${quoteShellWord(store.uri)} `;
  const hint =
    nix === undefined
      ? 'build it where there is a Nix, and copy it here'
      : `${nix} ${where}--realise ${drv}`;
  return new FerryError(
    'unsupported',
    `${problem}: it would have to be built, and ferry does not build`,
    { path: drv, store: store.uri, hint, ...(cause === undefined ? {} : { cause }) },
  );
}

/** As Nix would find it: derivations none of whose missing outputs can be fetched, with what those need, are built. */
async function findMissing(
  scene: StoreScene,
  words: readonly RealiseWord[],
): Promise<MissingAnswer> {
  const { call, store, fetching } = scene;
  const { signal } = call.context;
  const valid = await store.queryValidPaths(
    words.map(({ path }) => path),
    { signal },
  );
  const unknown = new Set<StorePath>();
  const wanted = new Set<StorePath>();
  for (const word of words) {
    if (valid.has(word.path)) continue;
    (isBuilt(word) ? unknown : wanted).add(word.path);
  }
  const willBuild = new Set<StorePath>();
  const seen = new Set<string>();
  for (
    let level = words.filter((word) => isBuilt(word) && valid.has(word.path));
    level.length > 0;
  ) {
    const fresh = level.filter((word) => !seen.has(keyOf(word)));
    for (const word of fresh) seen.add(keyOf(word));
    level = await lookAtDerivations({ scene, wanted, willBuild, unknown }, fresh);
  }
  const plan = await planOf(await fetching(), wanted, signal);
  for (const absent of plan?.blocked.values() ?? []) unknown.add(absent);
  const sorted = (paths: Iterable<StorePath>): StorePath[] => [...paths].sort();
  return {
    willBuild: sorted(willBuild),
    willSubstitute: sorted(plan?.missing.map(({ path }) => path) ?? []),
    unknown: sorted(unknown),
    downloadSize: plan === undefined ? 0 : await downloadSizeOf(scene, plan),
    narSize: plan?.narSize ?? 0,
  };
}

interface Looking {
  readonly scene: StoreScene;
  readonly wanted: Set<StorePath>;
  readonly willBuild: Set<StorePath>;
  readonly unknown: Set<StorePath>;
}

/** @returns what derivations that have to be built need of others */
async function lookAtDerivations(
  { scene, wanted, willBuild, unknown }: Looking,
  words: readonly RealiseWord[],
): Promise<RealiseWord[]> {
  const { store, call } = scene;
  const { signal } = call.context;
  const drvs = words.map(({ path }) => path);
  const valid = await store.queryValidPaths(drvs, { signal });
  for (const drv of drvs) if (!valid.has(drv)) unknown.add(drv);
  const { derivations, failure } = await readValidDerivations(scene, valid);
  if (failure !== undefined) throw failure.error;
  const outputs = words.flatMap((word) => {
    const derivation = derivations.get(word.path);
    if (derivation === undefined) return [];
    return [{ drv: word.path, derivation, paths: pathsOf(word, derivation) }];
  });
  const known = outputs.flatMap(({ paths }) => paths ?? []);
  const there = await store.queryValidPaths(known, { signal });
  const plan = await planOf(
    await scene.fetching(),
    known.filter((path) => !there.has(path)),
    signal,
  );
  const next: RealiseWord[] = [];
  for (const { drv, derivation, paths } of outputs) {
    if (paths !== undefined && !paths.some((path) => plan?.blocked.has(path) === true)) {
      for (const path of paths) if (!there.has(path)) wanted.add(path);
      continue;
    }
    willBuild.add(drv);
    for (const [path, names] of derivation.inputDrvs) next.push({ path, outputs: names });
  }
  return next;
}

/** Undefined where a path isn't known before it is built. */
function pathsOf(
  { outputs: names }: RealiseWord,
  { outputs }: Derivation,
): StorePath[] | undefined {
  const paths: StorePath[] = [];
  for (const [name, output] of outputs) {
    if (names.length > 0 && !names.includes(name)) continue;
    if (!('path' in output)) return undefined;
    paths.push(output.path);
  }
  return paths;
}

/** Undefined where there is nothing to plan, or the store won't tell what it would fetch. */
async function planOf(
  { store, substituters }: Fetching,
  paths: Iterable<StorePath>,
  signal: AbortSignal,
): Promise<RealisationPlan | undefined> {
  const wanted = [...new Set(paths)];
  return wanted.length === 0
    ? undefined
    : await planRealisation(store, substituters, wanted, { signal });
}

function keyOf({ path, outputs }: RealiseWord): string {
  return `${path}!${outputs.join(',')}`;
}
