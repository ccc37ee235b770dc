/** Has a store get paths that it lacks: by itself where it has substituters of its own, else from those of ours. */
import { realiseWhatCanBe } from '../copy/realise.ts';
import { FerryError } from '../error.ts';
import { printStorePath, type StorePath } from '../format/store-path.ts';
import type { Store } from '../store/store.ts';
import type { SubstituterStore } from '../store/wrap/substituters.ts';
import type { CommandContext } from './context.ts';
import { printable } from './errors.ts';
import { joinConfigured } from './join-substituters.ts';
import type { Session } from './session.ts';
import { jsonProgress } from './ui/copy-json.ts';
import { showCopy, type CopyProgress } from './ui/copy-progress.ts';

export interface FetchSettings {
  /** Instead of those of nix.conf. */
  readonly uris?: readonly string[] | undefined;
  /** Default true. */
  readonly checkSigs?: boolean | undefined;
  /** Fetch what can be, also where some can not. Default false. */
  readonly keepGoing?: boolean | undefined;
}

export interface Fetching {
  readonly context: CommandContext;
  readonly session: Session;
  readonly store: Store;
  readonly substituters: SubstituterStore;
  /** The store asks substituters of its own: nobody knows beforehand what it will fetch. */
  readonly isOwn: boolean;
  readonly checkSigs: boolean;
  readonly keepGoing: boolean;
}

/** What couldn't be had, and why. */
export type FetchFailures = ReadonlyMap<StorePath, Error>;

export function openFetching(
  context: CommandContext,
  session: Session,
  store: Store,
  { uris, checkSigs = true, keepGoing = false }: FetchSettings = {},
): Fetching {
  const substituters = joinConfigured(session, store, { uris, checkSigs });
  // A store that fetches by itself does so from its own, unless others are named.
  const isOwn = store.features.has('substitute') && uris === undefined;
  return { context, session, store, substituters, isOwn, checkSigs, keepGoing };
}

export async function fetchPaths(
  fetching: Fetching,
  paths: readonly StorePath[],
  progress?: CopyProgress,
): Promise<FetchFailures> {
  const { context, session, store, substituters, isOwn, checkSigs, keepGoing } = fetching;
  const { signal } = context;
  if (isOwn) return await letFetch(store, paths, signal);
  const { failures } = await realiseWhatCanBe(store, substituters, paths, {
    signal,
    checkSigs,
    keepGoing,
    onEvent: progress?.onEvent,
    onWarning: (message) => session.onLine(printable(`warning: ${message}`)),
  });
  return failures;
}

async function letFetch(
  store: Store,
  paths: readonly StorePath[],
  signal: AbortSignal,
): Promise<FetchFailures> {
  const hold = store.features.has('hold');
  const valid = await store.queryValidPaths(paths, { substitute: true, hold, signal });
  const failures = new Map<StorePath, Error>();
  for (const path of paths) {
    if (valid.has(path)) continue;
    const printed = printStorePath(store.storeDir, path);
    const problem = `cannot realise "${printed}": "${store.uri}" has no substituter that gives it`;
    failures.set(path, new FerryError('not-found', problem, { path: printed, store: store.uri }));
  }
  return failures;
}

/** Shows the fetching, and takes over the lines of the session. */
export function progressOf(
  { context, session, store, substituters }: Fetching,
  { json = false }: { readonly json?: boolean } = {},
): CopyProgress {
  const { storeDir } = store;
  const way = (path: StorePath): string => `from '${substituters.sourceOf(path)?.uri ?? ''}'`;
  const progress = json ? jsonProgress(context, storeDir) : showCopy(context, { storeDir, way });
  session.onLine = progress.print;
  return progress;
}
