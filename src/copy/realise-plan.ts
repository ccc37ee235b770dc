/**
 * What a store lacks of some paths and all they refer to, and which of it substituters have: the plan of a realisation.
 * The walk ends at what is valid already, since all that a valid path refers to is valid too.
 */
import type { PathInfo } from '../format/path-info.ts';
import type { StorePath } from '../format/store-path.ts';
import type { CallOptions, Store } from '../store/store.ts';
import { GatheredQuestions } from '../store/wrap/gathered-questions.ts';
import type { SubstituteSource, SubstituterStore } from '../store/wrap/substituters.ts';
import { walkReferences } from '../store/wrap/walk.ts';
import type { OnCopyEvent } from './events.ts';
import { sortTopologically } from './order.ts';
import type { CopyPlan } from './plan.ts';

export interface RealisationPlan extends CopyPlan {
  /** Wanted paths that can't be had, each with the path that nobody has: itself, or one that it needs. */
  readonly blocked: ReadonlyMap<StorePath, StorePath>;
  /** Whom each missing path comes from. */
  readonly sources: ReadonlyMap<StorePath, SubstituteSource>;
}

export interface RealisationPlanOptions extends CallOptions {
  readonly onEvent?: OnCopyEvent | undefined;
}

/** Questions to the destination that are under way at the same time. */
const QUESTIONS_MAX = 4;
/** Paths after which it is told how far the walk has come. */
const TELL_EVERY = 25;

/** Changes nothing but the destination's temporary roots. */
export async function planRealisation(
  destination: Store,
  substituters: SubstituterStore,
  wanted: Iterable<StorePath>,
  { signal, onEvent }: RealisationPlanOptions = {},
): Promise<RealisationPlan> {
  const roots = [...new Set(wanted)];
  const found = await look(destination, substituters, roots, signal, onEvent);
  const sorted = sortTopologically([...found.infos.values()]);
  const lacks = lackOf(sorted, found.absent);
  const blocked = new Map<StorePath, StorePath>();
  for (const root of roots) {
    const absent = lacks.get(root);
    if (absent !== undefined) blocked.set(root, absent);
  }
  const needed = neededBy(
    roots.filter((root) => !blocked.has(root)),
    found.infos,
  );
  const missing = sorted.filter(({ path }) => needed.has(path));
  const sources = new Map<StorePath, SubstituteSource>();
  for (const { path } of missing) {
    const from = substituters.sourceOf(path);
    if (from !== undefined) sources.set(path, from);
  }
  const narSize = missing.reduce((sum, info) => sum + info.narSize, 0);
  return {
    source: substituters.uri,
    destination: destination.uri,
    storeDir: destination.storeDir,
    roots,
    missing,
    alreadyValid: [...found.valid],
    newSignatures: new Map(),
    refusals: [],
    narSize,
    closureSize: narSize,
    freeSpace: missing.length === 0 ? undefined : await destination.freeSpace?.({ signal }),
    blocked,
    sources,
  };
}

interface Found {
  /** Of those that aren't valid. */
  readonly infos: Map<StorePath, PathInfo>;
  readonly valid: Set<StorePath>;
  /** Neither valid nor to be had. */
  readonly absent: Set<StorePath>;
}

async function look(
  destination: Store,
  substituters: SubstituterStore,
  roots: readonly StorePath[],
  signal: AbortSignal | undefined,
  onEvent: OnCopyEvent | undefined,
): Promise<Found> {
  const over = new AbortController();
  const found: Found = { infos: new Map(), valid: new Set(), absent: new Set() };
  const hold = destination.features.has('hold');
  const validity = new GatheredQuestions(
    async (paths) => {
      const valid = await destination.queryValidPaths(paths, { hold, signal });
      return new Map([...valid].map((path) => [path, true]));
    },
    { inFlightMax: QUESTIONS_MAX },
  );
  const infoOf = substituters.asker({ signal, until: over.signal });
  const tell = (): void =>
    onEvent?.({ type: 'closure', paths: found.infos.size + found.valid.size });
  try {
    await walkReferences(roots, async (path) => {
      if ((await validity.ask(path)) === true) {
        found.valid.add(path);
        return [];
      }
      const info = await infoOf(path);
      if (info === undefined) {
        found.absent.add(path);
        return [];
      }
      found.infos.set(path, info);
      if (found.infos.size % TELL_EVERY === 0) tell();
      return info.references;
    });
  } finally {
    over.abort();
  }
  tell();
  return found;
}

/** For each path that can't be had, what is the cause of it. @param sorted each after all that it refers to */
function lackOf(
  sorted: readonly PathInfo[],
  absent: ReadonlySet<StorePath>,
): Map<StorePath, StorePath> {
  const lacks = new Map<StorePath, StorePath>();
  for (const path of absent) lacks.set(path, path);
  for (const { path, references } of sorted) {
    const cause = references.find((reference) => reference !== path && lacks.has(reference));
    if (cause !== undefined) lacks.set(path, lacks.get(cause) ?? cause);
  }
  return lacks;
}

function neededBy(
  roots: readonly StorePath[],
  infos: ReadonlyMap<StorePath, PathInfo>,
): Set<StorePath> {
  const needed = new Set<StorePath>();
  const waiting = [...roots];
  for (let path = waiting.pop(); path !== undefined; path = waiting.pop()) {
    const info = infos.get(path);
    if (info === undefined || needed.has(path)) continue;
    needed.add(path);
    waiting.push(...info.references);
  }
  return needed;
}
