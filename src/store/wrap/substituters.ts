/**
 * Several substituters as one store to read from. A path comes from the one of the best priority that has it and whose
 * word is good: it proves itself by its contents, is signed by a trusted key, or the substituter itself is trusted. One
 * that is dead, slow or wrong costs a warning. This is where the wrappers around a substituter are put together.
 */
import { FerryError } from '../../error.ts';
import type { PathInfo } from '../../format/path-info.ts';
import { printStorePath, type StoreDir, type StorePath } from '../../format/store-path.ts';
import type { CallOptions, NarStream, Refusal, Store, StoreFeature } from '../store.ts';
import { choose, type Choice } from './choose.ts';
import { GatheredQuestions } from './gathered-questions.ts';
import { readFromSeveral } from './read-from-several.ts';
import { Semaphore } from './semaphore.ts';
import { Substituter, type SubstituterSource } from './substituter.ts';
import { walkReferences } from './walk.ts';

export interface SubstitutersOptions {
  /** Of the store that wants their paths. Those of another one are left alone. */
  readonly storeDir: StoreDir;
  /** Which infos can't be believed, and why: `refuses` of the store that wants them. Default: all are believed. */
  readonly refuses?: ((infos: Iterable<PathInfo>) => readonly Refusal[]) | undefined;
  /** NARs that are read at the same time: the setting `max-substitution-jobs`. Default 16. */
  readonly jobsMax?: number | undefined;
  readonly onWarning?: ((message: string) => void) | undefined;
  /** Milliseconds for which one that failed is left alone. Default a minute. */
  readonly leftAloneMs?: number | undefined;
  /** Milliseconds of silence after which one isn't waited for where another has the path. Default one second. */
  readonly lateAfterMs?: number | undefined;
}

/** Why a path can't be had, for a message. Each list names substituters. */
export interface Absence {
  readonly lacking: readonly string[];
  readonly leftAlone: readonly { readonly uri: string; readonly error: unknown }[];
  /** They have it, but their word isn't good enough. */
  readonly refused: readonly { readonly uri: string; readonly reason: string }[];
  /** They have it, but it didn't arrive whole. */
  readonly failed: readonly { readonly uri: string; readonly error: unknown }[];
}

/** One path at one substituter. */
export interface SubstituteSource {
  /** Of the substituter. */
  readonly uri: string;
  /** Whether the substituter needs no signatures. */
  readonly isTrusted: boolean;
  /** Whether what it says of paths was put to `refuses`, if it isn't trusted. */
  readonly isJudged: boolean;
  /** Whether it has failed with this path. */
  hasFailed(): boolean;
  /** What came was not what was promised: the path isn't taken from there again, for a while. */
  ban(error: unknown): void;
}

export interface SubstituterStore extends Store {
  /** For questions about one path after the other, which go out gathered. */
  asker(options: AskOptions): (path: StorePath) => Promise<PathInfo | undefined>;
  /** Whom a path comes from whose info was given last. */
  sourceOf(path: StorePath): SubstituteSource | undefined;
  /** Why nobody could give it when it was last asked for. */
  explain(path: StorePath): Absence;
}

export interface AskOptions extends CallOptions {
  /** Nobody waits for answers any more: what wasn't asked by then isn't asked at all. Must come. */
  readonly until: AbortSignal;
}

/** Questions that go to one substituter at the same time; within each it is asked about many paths. */
const QUESTIONS_MAX = 8;
const JOBS_MAX = 16;
const LEFT_ALONE_MS = 60_000;
const LATE_AFTER_MS = 1000;

/** Opens nothing: each is opened when it is first asked. Disposing it disposes those that were. */
export function joinSubstituters(
  sources: readonly SubstituterSource[],
  options: SubstitutersOptions,
): SubstituterStore {
  const { storeDir, refuses, jobsMax = JOBS_MAX, onWarning = () => {} } = options;
  const { leftAloneMs = LEFT_ALONE_MS, lateAfterMs = LATE_AFTER_MS } = options;
  const substituters = sources.map(
    (source, i) => new Substituter(source, i, { storeDir, onWarning, leftAloneMs, lateAfterMs }),
  );
  const slots = new Semaphore(Math.max(1, jobsMax));
  const given = new Map<StorePath, Substituter>();
  const refusals = new Map<Substituter, Map<StorePath, string>>();
  const uri = sources.map((source) => source.uri).join(' ');
  let isDisposed = false;

  const accepts = ({ from, info }: Choice): boolean => {
    if (from.traits?.isTrusted === true || refuses === undefined) return true;
    const [refusal] = refuses([info]);
    if (refusal === undefined) return true;
    const known = refusals.get(from) ?? new Map<StorePath, string>();
    if (known.size === 0) {
      const path = printStorePath(storeDir, info.path);
      onWarning(`ignoring substitute for "${path}" from "${from.uri}": ${refusal.reason}`);
    }
    refusals.set(from, known.set(info.path, refusal.reason));
    return false;
  };

  const askerOf = (
    { signal, until }: AskOptions,
    isMassQuery = false,
  ): ((path: StorePath) => Promise<PathInfo | undefined>) => {
    if (isDisposed) throw new FerryError('internal', `"${uri}" is closed`);
    signal?.throwIfAborted();
    const questions = new Map(
      substituters.map((substituter) => {
        const ask = async (paths: StorePath[]): Promise<Map<StorePath, PathInfo>> => {
          if (until.aborted) return new Map();
          return substituter.infosOf(paths, { signal, until });
        };
        return [substituter, new GatheredQuestions(ask, { inFlightMax: QUESTIONS_MAX })];
      }),
    );
    return async (path) => {
      const ask = async (from: Substituter): Promise<PathInfo | undefined> => {
        // What it wants is known once it is open.
        if (isMassQuery) await from.ready(path, signal);
        const isUnwanted = isMassQuery && from.traits?.wantMassQuery !== true;
        return isUnwanted ? undefined : questions.get(from)?.ask(path);
      };
      const choice = await choose(substituters, ask, accepts);
      if (choice === undefined) given.delete(path);
      else given.set(path, choice.from);
      return choice?.info;
    };
  };

  /** In the order asked for. */
  const infosOf = (
    paths: Iterable<StorePath>,
    signal: AbortSignal | undefined,
    isMassQuery = false,
  ): Promise<Map<StorePath, PathInfo>> =>
    whileAsking(async (until) => {
      const ask = askerOf({ signal, until }, isMassQuery);
      const wanted = [...new Set(paths)];
      const found = new Map<StorePath, PathInfo>();
      await walkReferences(wanted, async (path) => {
        const info = await ask(path);
        if (info !== undefined) found.set(path, info);
        return [];
      });
      const known = wanted.flatMap((path) => found.get(path) ?? []);
      return new Map(known.map((info) => [info.path, info]));
    });

  const notFound = (path: StorePath): FerryError => {
    const printed = printStorePath(storeDir, path);
    return new FerryError('not-found', `no substituter has "${printed}"`, { path: printed });
  };

  return {
    uri,
    storeDir,
    features: new Set<StoreFeature>(),

    // What is asked here may be anything, so those are left out who don't want to be asked much.
    queryValidPaths: async (paths, { signal } = {}) =>
      new Set((await infosOf(paths, signal, true)).keys()),

    queryPathInfos: async (paths, { signal } = {}) => infosOf(paths, signal),

    queryClosure: async (roots, { signal } = {}) =>
      whileAsking(async (until) => {
        const ask = askerOf({ signal, until });
        const closure = new Map<StorePath, PathInfo>();
        await walkReferences(roots, async (path) => {
          const info = await ask(path);
          if (info === undefined) throw notFound(path);
          closure.set(path, info);
          return info.references;
        });
        return closure;
      }),

    async *readNars(paths, { signal }: CallOptions = {}): AsyncGenerator<NarStream> {
      const asked = [...paths];
      const unknown = asked.filter((path) => !given.has(path));
      if (unknown.length > 0) await infosOf(unknown, signal);
      const choices = asked.map((path) => {
        const from = given.get(path);
        if (from === undefined) throw notFound(path);
        return [path, from] as const;
      });
      yield* readFromSeveral(choices, { slots, signal });
    },

    asker: (askOptions) => askerOf(askOptions),

    sourceOf(path) {
      const from = given.get(path);
      return (
        from && {
          uri: from.uri,
          isTrusted: from.traits?.isTrusted === true,
          isJudged: refuses !== undefined,
          hasFailed: () => from.banOf(path) !== undefined,
          ban: (error) => from.ban(path, error),
        }
      );
    },

    explain(path) {
      const absence = {
        lacking: [] as string[],
        leftAlone: [] as { uri: string; error: unknown }[],
        refused: [] as { uri: string; reason: string }[],
        failed: [] as { uri: string; error: unknown }[],
      };
      for (const substituter of substituters) {
        const { uri, failure: error } = substituter;
        const ban = substituter.banOf(path);
        const reason = refusals.get(substituter)?.get(path);
        if (ban !== undefined) absence.failed.push({ uri, error: ban });
        else if (reason !== undefined) absence.refused.push({ uri, reason });
        else if (error !== undefined) absence.leftAlone.push({ uri, error });
        else absence.lacking.push(uri);
      }
      return absence;
    },

    async [Symbol.asyncDispose]() {
      isDisposed = true;
      await using stack = new AsyncDisposableStack();
      for (const substituter of substituters) stack.use(substituter);
    },
  };
}

/** Lets nothing be asked any more once the work is done: who is late is asked in vain. */
async function whileAsking<T>(work: (until: AbortSignal) => Promise<T>): Promise<T> {
  const over = new AbortController();
  try {
    return await work(over.signal);
  } finally {
    over.abort();
  }
}
