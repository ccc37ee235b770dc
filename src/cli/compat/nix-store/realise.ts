/** `nix-store --realise`: makes paths and outputs of derivations valid, links to them where asked, and prints them. */
import { resolve } from 'node:path';
import { isDerivation, printStorePath, type StorePath } from '../../../format/store-path.ts';
import type { BuildMode } from '../../../wire/worker/build.ts';
import type { MissingAnswer } from '../../../wire/worker/substitutes.ts';
import { asRootedStore } from '../../as-daemon-store.ts';
import { say } from '../../context.ts';
import { nixUsage } from '../nix-words.ts';
import { PROGRAM, printLines, type NixStoreOperation } from './operation.ts';
import { orderWithin } from './order-of-set.ts';
import { describeMissing } from './print-missing.ts';
import { parseRealiseWord, type RealiseWord } from './realise-words.ts';
import { makeRealiser, type Realiser } from './realiser.ts';
import { withStore, type StoreScene } from './store-scene.ts';

export const realise: NixStoreOperation = {
  async run(call, words, flags) {
    const { mode, dryRun, ignoreUnknown } = parseFlags(flags);
    return await withStore(call, async (scene) => {
      const { context } = call;
      let wanted = words.map((word) => parseRealiseWord(context, scene.store, word));
      const realiser = await makeRealiser(scene);
      let missing = await realiser.missing(wanted);
      if (ignoreUnknown) {
        const unknown = new Set(missing.unknown);
        wanted = wanted.filter(({ path }) => !unknown.has(path));
        missing = { ...missing, unknown: [] };
      }
      await tellMissing(scene, missing);
      if (dryRun) return 0;
      if (wanted.length > 0) await realiser.realise(wanted, mode);
      // Nix prints nothing then.
      if (ignoreUnknown) return 0;
      const rooting = startRooting(scene, realiser);
      for (const word of wanted) await printLines(call, await rooting(word));
      return 0;
    });
  },
};

interface RealiseFlags {
  readonly mode: BuildMode;
  readonly dryRun: boolean;
  readonly ignoreUnknown: boolean;
}

function parseFlags(flags: readonly string[]): RealiseFlags {
  let mode: BuildMode = 'normal';
  let [dryRun, ignoreUnknown] = [false, false];
  for (const flag of flags) {
    if (flag === '--dry-run') dryRun = true;
    else if (flag === '--repair') mode = 'repair';
    else if (flag === '--check') mode = 'check';
    else if (flag === '--ignore-unknown') ignoreUnknown = true;
    else throw nixUsage(PROGRAM, `unknown flag '${flag}'`);
  }
  return { mode, dryRun, ignoreUnknown };
}

async function tellMissing(scene: StoreScene, missing: MissingAnswer): Promise<void> {
  const { call, store } = scene;
  const infos = await store.queryPathInfos(missing.willBuild, call.context);
  const willBuild = orderWithin(missing.willBuild, infos);
  for (const line of describeMissing(store.storeDir, missing, willBuild)) {
    await say(call.context, line);
  }
}

/** What was done before one failed stays done, and counts. */
export interface RealisedForQuery {
  readonly paths: readonly StorePath[];
  readonly failure?: { readonly error: unknown };
}

/** `--force-realise`: one after the other, each with its root where there is to be one. */
export async function realiseForQuery(
  scene: StoreScene,
  paths: readonly StorePath[],
): Promise<RealisedForQuery> {
  const realiser = await makeRealiser(scene);
  const rooting = startRooting(scene, realiser);
  for (const [i, path] of paths.entries()) {
    try {
      const word = { path, outputs: [] };
      await realiser.realise([word], 'normal');
      await rooting(word);
    } catch (error) {
      scene.call.context.signal.throwIfAborted();
      return { paths: paths.slice(0, i), failure: { error } };
    }
  }
  return { paths };
}

/**
 * Makes the roots of one word after the other, which are numbered.
 * @returns for each word what is printed: the links, or the paths where no root is wanted
 */
function startRooting(
  scene: StoreScene,
  realiser: Realiser,
): (word: RealiseWord) => Promise<string[]> {
  const { call, store } = scene;
  const { context, addRoot } = call;
  const rooted = asRootedStore(store);
  let words = 0;
  let hasWarned = false;
  const warnOnce = async (text: string): Promise<void> => {
    if (hasWarned) return;
    hasWarned = true;
    // Of warnings only a good deal of --quiet rids us.
    if (context.verbosity > -3) await context.stderr.write(`warning: ${text}\n`);
  };
  return async (word) => {
    words++;
    const results: string[] = [];
    const outputs = isDerivation(word.path)
      ? await realiser.outputsOf(word)
      : new Map([['out', word.path]]);
    for (const [name, path] of outputs) {
      const printed = printStorePath(store.storeDir, path);
      if (addRoot === undefined) {
        if (rooted !== undefined && call.gcWarning) {
          await warnOnce(
            "you did not specify '--add-root'; the result might be removed by the garbage collector",
          );
        }
        results.push(printed);
      } else if (rooted === undefined) {
        await warnOnce(`"${store.uri}" is not on this machine: nothing keeps the result there`);
        results.push(printed);
      } else {
        const number = words > 1 ? `-${words}` : '';
        const output = name === 'out' ? '' : `-${name}`;
        const link = `${resolve(context.cwd, addRoot)}${number}${output}`;
        await rooted.addRoot(link, path, context);
        results.push(link);
      }
    }
    return [...new Set(results)].sort();
  };
}
