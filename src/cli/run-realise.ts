/** Realising as the command line runs it: finds what is meant, fetches, makes roots, prints. */
import { resolve } from 'node:path';
import { explainAbsence } from '../copy/realise-errors.ts';
import { planRealisation } from '../copy/realise-plan.ts';
import { FerryError } from '../error.ts';
import { printStorePath, type StorePath } from '../format/store-path.ts';
import { requireRootedStore } from './as-daemon-store.ts';
import type { CommandContext } from './context.ts';
import { exitStatusOf, partialStatus } from './errors.ts';
import {
  fetchPaths,
  openFetching,
  progressOf,
  type FetchFailures,
  type Fetching,
} from './fetch-paths.ts';
import { findTargets, parseRealiseWord, type RealiseTargets } from './realise-targets.ts';
import { openSession } from './session.ts';
import { jsonPlan } from './ui/copy-json.ts';
import { dryRunStatus, renderPlan } from './ui/render-plan.ts';

export interface RealiseRequest {
  /** URI of the store; absent is this machine's own. */
  readonly store: string | undefined;
  /** As they were typed. */
  readonly words: readonly string[];
  /** Instead of those in the settings; none for those. */
  readonly substituters: readonly string[];
  /** The name of a root for the first path; others follow from it. */
  readonly addRoot: string | undefined;
  readonly checkSigs: boolean;
  readonly keepGoing: boolean;
  readonly dryRun: boolean;
  readonly json: boolean;
}

/** @returns the exit status */
export async function runRealise(
  context: CommandContext,
  request: RealiseRequest,
): Promise<number> {
  const { substituters: named, checkSigs, keepGoing, addRoot } = request;
  await using session = openSession(context);
  const store = await session.open(request.store);
  if (addRoot !== undefined) requireRootedStore(store);
  const uris = named.length > 0 ? named : undefined;
  const fetching = openFetching(context, session, store, { uris, checkSigs, keepGoing });
  const scene: Scene = { ...fetching, request };
  const targets = await targetsOf(scene);
  return request.dryRun ? await tellPlan(scene, targets) : await realiseAll(scene, targets);
}

interface Scene extends Fetching {
  readonly request: RealiseRequest;
}

/** A derivation that isn't there is fetched first: its outputs stand in it. */
async function targetsOf(scene: Scene): Promise<readonly RealiseTargets[]> {
  const { context, store, request } = scene;
  const words = request.words.map((word) => parseRealiseWord(context, store, word));
  const drvs = words.flatMap(({ path, outputs }) => (outputs === undefined ? [] : [path]));
  if (drvs.length > 0) {
    for (const failure of (await fetchPaths(scene, drvs)).values()) throw failure;
  }
  const found: RealiseTargets[] = [];
  for (const word of words) found.push(await findTargets(store, word, context.signal));
  return found;
}

async function realiseAll(scene: Scene, targets: readonly RealiseTargets[]): Promise<number> {
  const { context, store, request } = scene;
  const { keepGoing, json, addRoot } = request;
  const progress = progressOf(scene, { json });
  let failures: FetchFailures;
  try {
    failures = await fetchPaths(
      scene,
      targets.flat().map(({ path }) => path),
      progress,
    );
  } finally {
    await progress.finish();
  }
  if (!keepGoing) for (const failure of failures.values()) throw failure;
  const made: string[] = [];
  for (const [i, some] of targets.entries()) {
    for (const { path, suffix } of some) {
      if (failures.has(path)) continue;
      // As Nix names them: the second word's roots have a "-2", outputs other than "out" their name.
      const link = addRoot && `${addRoot}${i === 0 ? '' : `-${i + 1}`}${suffix}`;
      if (link !== undefined) await makeRoot(scene, link, path);
      made.push(link ?? printStorePath(store.storeDir, path));
    }
  }
  const done = { type: 'realised', version: 1, paths: made };
  for (const line of json ? [JSON.stringify(done)] : made) await context.stdout.write(`${line}\n`);
  const [first] = failures.values();
  if (first === undefined) return 0;
  return made.length > 0 ? partialStatus : exitStatusOf(first);
}

async function makeRoot({ context, store }: Scene, link: string, path: StorePath): Promise<void> {
  const { cwd, signal } = context;
  await requireRootedStore(store).addRoot(resolve(cwd, link), path, { signal });
}

async function tellPlan(scene: Scene, targets: readonly RealiseTargets[]): Promise<number> {
  const { context, store, substituters, isOwn, request } = scene;
  if (isOwn) {
    throw new FerryError('unsupported', `"${store.uri}" does not say what it would fetch`, {
      hint: 'name substituters with --substituters: then ferry asks them itself',
    });
  }
  const paths = targets.flat().map(({ path }) => path);
  const plan = await planRealisation(store, substituters, paths, { signal: context.signal });
  const text = request.json ? `${JSON.stringify(jsonPlan(plan))}\n` : renderPlan(plan);
  await context.stdout.write(text);
  for (const [path, absent] of plan.blocked) {
    throw explainAbsence(store.storeDir, path, absent, substituters.explain(absent));
  }
  return dryRunStatus(plan);
}
