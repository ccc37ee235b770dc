/**
 * Realising paths: making them valid by fetching them from substituters, with all that they refer to. What fails with one
 * substituter is tried with the next that has it, which may well have other contents for it (another NAR hash), until
 * nobody is left.
 */
import { isFerryError, messageOf, type ErrorCode } from '../error.ts';
import { printStorePath, type StorePath } from '../format/store-path.ts';
import type { CallOptions, Store } from '../store/store.ts';
import type { SubstituterStore } from '../store/wrap/substituters.ts';
import type { CopyEvent, CopySummary, OnCopyEvent } from './events.ts';
import { explainAbsence, explainFailure } from './realise-errors.ts';
import { planRealisation, type RealisationPlan } from './realise-plan.ts';
import { transfer } from './transfer.ts';

export interface RealiseOptions extends CallOptions {
  /**
   * Realise what can be, also where some of the paths can't. Default false: nothing is fetched then, as far as that is
   * known beforehand.
   */
  readonly keepGoing?: boolean | undefined;
  /** Whether signatures are required where the destination's settings require them. Default true. */
  readonly checkSigs?: boolean | undefined;
  /** One copy is told, however many attempts it takes. With `keepGoing` also what can't be had. */
  readonly onEvent?: OnCopyEvent | undefined;
  /** What went wrong and was made good in another way. */
  readonly onWarning?: ((message: string) => void) | undefined;
}

export interface Realisation {
  readonly summary: CopySummary;
  /** Why paths that were wanted couldn't be had. */
  readonly failures: ReadonlyMap<StorePath, Error>;
}

/**
 * ```ts
 * import { joinSubstituters, MemoryStore, realise } from 'nix-ferry';
 *
 * await using cache = new MemoryStore();
 * await using store = new MemoryStore();
 * await using substituters = joinSubstituters([{ uri: cache.uri, open: async () => cache }], store);
 * console.log((await realise(store, substituters, [])).copied); // 0
 * ```
 *
 * @throws FerryError `not-found`, `untrusted`, `unavailable` or `corrupt` for the first path that can't be had, whatever
 *   is most to the point; what the destination throws.
 */
export async function realise(
  destination: Store,
  substituters: SubstituterStore,
  paths: Iterable<StorePath>,
  options: RealiseOptions = {},
): Promise<CopySummary> {
  const { summary, failures } = await realiseWhatCanBe(destination, substituters, paths, options);
  for (const failure of failures.values()) throw failure;
  return summary;
}

/** The same for those who can do without: that a path can't be had is no error. */
export async function realiseWhatCanBe(
  destination: Store,
  substituters: SubstituterStore,
  paths: Iterable<StorePath>,
  options: RealiseOptions = {},
): Promise<Realisation> {
  const run = new Run(destination, substituters, options);
  return run.realise([...new Set(paths)]);
}

/** What says that the contents were wrong, when the destination says it. */
const SOURCE_FAULTS: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  'corrupt',
  'not-found',
  'untrusted',
]);

/** Failures that are told one by one, of each substituter: where it went away there may be thousands. */
const TOLD_MAX = 3;

class Run {
  readonly #destination: Store;
  readonly #substituters: SubstituterStore;
  readonly #options: RealiseOptions;
  /** From whom a path was tried in vain: nobody is tried twice. */
  readonly #triedInVain = new Map<StorePath, Set<string>>();
  readonly #valid = new Set<StorePath>();
  readonly #copied = new Set<StorePath>();
  #narSize = 0;
  #isStarted = false;

  constructor(destination: Store, substituters: SubstituterStore, options: RealiseOptions) {
    this.#destination = destination;
    this.#substituters = substituters;
    this.#options = options;
  }

  async realise(wanted: readonly StorePath[]): Promise<Realisation> {
    const { keepGoing = false, onEvent, signal } = this.#options;
    const failures = new Map<StorePath, Error>();
    for (let isOver = false; !isOver; ) {
      const plan = await planRealisation(this.#destination, this.#substituters, wanted, {
        signal,
        onEvent: (event) => this.#tell(event),
      });
      for (const path of plan.alreadyValid) this.#valid.add(path);
      failures.clear();
      for (const [path, absent] of plan.blocked) failures.set(path, this.#explain(path, absent));
      if (plan.missing.length === 0 || (failures.size > 0 && !keepGoing)) break;
      const failed = await this.#attempt(plan);
      const isHopeless = !this.#lookElsewhere(plan, failed);
      isOver = failed.size === 0 || isHopeless;
      if (failed.size > 0 && isHopeless) this.#blame(plan, failed, failures);
    }
    const summary = this.#summary(failures.size);
    if (failures.size > 0 && !keepGoing) return { summary, failures };
    if (!this.#isStarted) onEvent?.({ type: 'start', paths: 0, narSize: 0 });
    for (const [path, error] of failures) onEvent?.({ type: 'path-failed', path, error });
    onEvent?.({ type: 'done', summary });
    return { summary, failures };
  }

  /** @returns what failed, and with what. */
  async #attempt(plan: RealisationPlan): Promise<Map<StorePath, unknown>> {
    const { signal, checkSigs = true } = this.#options;
    const sizes = new Map(plan.missing.map(({ path, narSize }) => [path, narSize]));
    const failed = new Map<StorePath, unknown>();
    const stop = new AbortController();
    const onEvent = (event: CopyEvent): void => {
      if (event.type === 'path-failed') {
        failed.set(event.path, event.error);
        // What is wrong with the destination is wrong with all of them.
        if (!isSourceFault(plan, event.path, event.error)) stop.abort(event.error);
        return;
      }
      if (event.type === 'path-done') {
        this.#copied.add(event.path);
        this.#narSize += sizes.get(event.path) ?? 0;
      }
      this.#tell(event);
    };
    await transfer(plan, this.#substituters, this.#destination, {
      signal: signal === undefined ? stop.signal : AbortSignal.any([signal, stop.signal]),
      keepGoing: true,
      checkSigs: checkSigs && !needsNoCheck(plan, this.#destination),
      onEvent,
    });
    stop.signal.throwIfAborted();
    this.#isStarted = true;
    return failed;
  }

  /** @returns whether somebody else may be asked for what failed. */
  #lookElsewhere(plan: RealisationPlan, failed: ReadonlyMap<StorePath, unknown>): boolean {
    let isWorthIt = false;
    const told = new Map<string, number>();
    for (const { path, references } of plan.missing) {
      if (!failed.has(path)) continue;
      // What only waited for another one is tried again with that.
      if (references.some((reference) => reference !== path && failed.has(reference))) continue;
      const error = failed.get(path);
      const source = plan.sources.get(path);
      const from = source?.uri ?? plan.source;
      const tried = this.#triedInVain.get(path) ?? new Set<string>();
      if (!tried.has(from)) isWorthIt = true;
      this.#triedInVain.set(path, tried.add(from));
      if (source?.hasFailed() === false) source.ban(error);
      const count = (told.get(from) ?? 0) + 1;
      told.set(from, count);
      if (count <= TOLD_MAX) this.#warn(plan, path, error, from);
    }
    for (const [from, count] of told) {
      if (count <= TOLD_MAX) continue;
      this.#options.onWarning?.(`${count - TOLD_MAX} more paths failed that came from "${from}"`);
    }
    return isWorthIt;
  }

  #warn(plan: RealisationPlan, path: StorePath, error: unknown, from: string): void {
    const problem = messageOf(error);
    // Most errors name the path already.
    const what = problem.includes(path)
      ? problem
      : `path "${printStorePath(plan.storeDir, path)}": ${problem}`;
    this.#options.onWarning?.(`${what} (it came from "${from}")`);
  }

  #explain(path: StorePath, absent: StorePath): Error {
    const { storeDir } = this.#destination;
    return explainAbsence(storeDir, path, absent, this.#substituters.explain(absent));
  }

  /** For paths that nobody else can be asked for though they aren't valid. */
  #blame(
    plan: RealisationPlan,
    failed: ReadonlyMap<StorePath, unknown>,
    failures: Map<StorePath, Error>,
  ): void {
    const [cause] = failed.values();
    for (const path of plan.roots) {
      if (failures.has(path) || this.#valid.has(path) || this.#copied.has(path)) continue;
      failures.set(path, explainFailure(plan.storeDir, path, failed.get(path) ?? cause));
    }
  }

  /** One copy is told, though it may take several. */
  #tell(event: CopyEvent): void {
    if (event.type === 'done') return;
    if (this.#isStarted && (event.type === 'start' || event.type === 'closure')) return;
    this.#options.onEvent?.(event);
  }

  #summary(failed: number): CopySummary {
    return {
      copied: this.#copied.size,
      alreadyValid: this.#valid.difference(this.#copied).size,
      failed,
      narSize: this.#narSize,
      signaturesAdded: 0,
    };
  }
}

/**
 * That a substituter is trusted, the destination can't know: it is told not to check, and for all paths or none. What
 * doesn't come from there must have been judged before, then.
 */
function needsNoCheck({ missing, sources }: RealisationPlan, destination: Store): boolean {
  if (!sources.values().some(({ isTrusted }) => isTrusted)) return false;
  const unjudged = missing.filter(({ path }) => {
    const source = sources.get(path);
    return source === undefined || !(source.isTrusted || source.isJudged);
  });
  return unjudged.length === 0 || destination.refuses?.(unjudged).length === 0;
}

/** Whether somebody else may do better. A stream that broke off was noted where it did. */
function isSourceFault(plan: RealisationPlan, path: StorePath, error: unknown): boolean {
  if (plan.sources.get(path)?.hasFailed() === true) return true;
  return isFerryError(error) && SOURCE_FAULTS.has(error.code);
}
