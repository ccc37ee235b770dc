/**
 * Takes broken paths of a store on this machine anew from other stores.
 *
 * A path that gets just the contents that it had needs nobody's word for them: the store's own database has their hash.
 * Where nobody has these, those of another build may do: another archive under the same name. They are taken only where
 * the caller asks for it, and under the rules by which paths are added: signed by a trusted key, or proven by their name.
 */
import { FerryError, isFerryError, messageOf } from '../error.ts';
import { hashesEqual } from '../format/hash.ts';
import { sameContents, type PathInfo } from '../format/path-info.ts';
import { printStorePath, type StorePath } from '../format/store-path.ts';
import type { LocalStore } from '../store/local/local-store.ts';
import type { CallOptions, PathToAdd, Refusal } from '../store/store.ts';
import type { SubstituterStore } from '../store/wrap/substituters.ts';
import { explainAbsence } from './realise-errors.ts';
import { realiseWhatCanBe } from './realise.ts';

/** Which infos are not to be believed, and why. */
export type Refuses = (infos: Iterable<PathInfo>) => Refusal[];

export interface RepairOptions extends CallOptions {
  /**
   * The stores to take from, as one that leaves out what `refuses` names. It may be called twice; what it gives is
   * closed by whoever made it.
   */
  readonly join: (refuses: Refuses) => SubstituterStore;
  /** Take other contents too where nobody has the same. Default false. */
  readonly otherContents?: boolean | undefined;
  /** Whether other contents must be signed where the store's settings require it. Default true. */
  readonly checkSigs?: boolean | undefined;
  /** Ask the same of contents that the path had, as Nix does. Default false. */
  readonly checkSame?: boolean | undefined;
  /** Contents are about to be taken from a store. */
  readonly onTake?: ((path: StorePath, from: string) => void) | undefined;
  readonly onRepaired?: ((path: StorePath, from: string) => void) | undefined;
  readonly onBytes?: ((path: StorePath, bytes: number) => void) | undefined;
  /** What went wrong and may be made good in another way. */
  readonly onWarning?: ((message: string) => void) | undefined;
}

/**
 * Repairs what can be. What was broken when this ended in any way is broken or whole, and never half of either.
 * @returns why the others could not be repaired
 */
export async function repairPaths(
  store: LocalStore,
  paths: Iterable<StorePath>,
  options: RepairOptions,
): Promise<Map<StorePath, FerryError>> {
  const { signal, otherContents = false, checkSigs = true, checkSame = false } = options;
  const broken = new Set(paths);
  if (broken.size === 0) return new Map();
  const known = await store.queryPathInfos(broken, { signal });
  // They share files with the broken ones, and would spoil what is put in their place.
  const links = await store.removeDamagedLinks(broken, { signal });
  if (links > 0) {
    options.onWarning?.(
      `${links} damaged ${links === 1 ? 'entry of .links was' : 'entries of .links were'} removed: other paths may share these files, which checking all of the store shows`,
    );
  }
  const trust: Refuses = (infos) => (checkSigs ? (store.refuses?.(infos) ?? []) : []);
  const isSame = (info: PathInfo): boolean => {
    const before = known.get(info.path);
    return before !== undefined && hasSameHash(before, info);
  };
  const same = new Attempt(store, options, {
    accepts: isSame,
    refuses: (infos) =>
      [...infos].flatMap((info) => {
        if (!isSame(info)) return { path: info.path, reason: OTHER, hint: OTHER_HINT };
        return checkSame ? trust([info]) : [];
      }),
    infoFor: (info) => merged(known.get(info.path) ?? info, info),
  });
  const failures = await same.repair(known.keys());
  await fetchMissing(store, broken.difference(known), trust, options, failures);
  if (!otherContents || failures.size === 0) return failures;
  const other = new Attempt(store, options, {
    accepts: () => true,
    refuses: trust,
    infoFor: (info) => (isSame(info) ? merged(known.get(info.path) ?? info, info) : info),
    needsReferences: true,
  });
  const still = [...failures.keys()].filter((path) => known.has(path));
  const left = await other.repair(still);
  for (const path of still) if (!left.has(path)) failures.delete(path);
  for (const [path, error] of left) failures.set(path, error);
  return failures;
}

/** What isn't valid at all is fetched as any other path is. */
async function fetchMissing(
  store: LocalStore,
  paths: ReadonlySet<StorePath>,
  trust: Refuses,
  { join, onRepaired, onWarning, checkSigs, signal }: RepairOptions,
  failures: Map<StorePath, FerryError>,
): Promise<void> {
  if (paths.size === 0) return;
  const sources = join(trust);
  const options = { signal, onWarning, checkSigs, keepGoing: true };
  const missing = await realiseWhatCanBe(store, sources, paths, options);
  for (const path of paths) {
    const failure = missing.failures.get(path);
    if (failure === undefined) onRepaired?.(path, sources.sourceOf(path)?.uri ?? sources.uri);
    else failures.set(path, asFerryError(failure));
  }
}

function asFerryError(error: Error): FerryError {
  return isFerryError(error)
    ? error
    : new FerryError('internal', messageOf(error), { cause: error });
}

const OTHER = 'it has other contents than those that are recorded here';
const OTHER_HINT =
  'it is of another build; take it all the same, if a trusted key has signed it, with --other-contents';

interface AttemptRules {
  /** What is judged even where a store is trusted in all it says. */
  readonly accepts: (info: PathInfo) => boolean;
  readonly refuses: Refuses;
  /** What is said of the path to the store that is repaired. */
  readonly infoFor: (info: PathInfo) => PathInfo;
  /** What it refers to is fetched first. */
  readonly needsReferences?: boolean;
}

/** Tries one store after the other for each path, until one gives it whole or nobody is left. */
class Attempt {
  readonly #store: LocalStore;
  readonly #options: RepairOptions;
  readonly #rules: AttemptRules;
  readonly #sources: SubstituterStore;
  readonly #failures = new Map<StorePath, FerryError>();
  /** From whom a path was tried in vain: nobody is tried twice. */
  readonly #tried = new Map<StorePath, Set<string>>();

  constructor(store: LocalStore, options: RepairOptions, rules: AttemptRules) {
    this.#store = store;
    this.#options = options;
    this.#rules = rules;
    this.#sources = options.join(rules.refuses);
  }

  async repair(paths: Iterable<StorePath>): Promise<Map<StorePath, FerryError>> {
    const { signal } = this.#options;
    const left = new Set(paths);
    while (left.size > 0) {
      const found = await this.#sources.queryPathInfos(left, { signal });
      const infos = await this.#usable([...found.values()]);
      if (infos.size === 0 && found.size === 0) break;
      const repaired = await this.#repairFrom(infos);
      for (const path of repaired) left.delete(path);
      for (const path of this.#failures.keys()) left.delete(path);
    }
    for (const path of left) this.#failures.set(path, this.#explain(path));
    return this.#failures;
  }

  /** Leaves out, for good, what one of the stores says and can't be taken. */
  async #usable(infos: readonly PathInfo[]): Promise<Map<StorePath, PathInfo>> {
    const usable = new Map<StorePath, PathInfo>();
    for (const info of infos) {
      if (this.#rules.accepts(info)) usable.set(info.path, info);
      else this.#ban(info.path, new FerryError('untrusted', OTHER, { hint: OTHER_HINT }));
    }
    if (this.#rules.needsReferences !== true) return usable;
    const { signal, onWarning, checkSigs } = this.#options;
    const references = [...usable.values()].flatMap(({ path, references }) =>
      references.filter((reference) => reference !== path),
    );
    const options = { signal, onWarning, checkSigs, keepGoing: true };
    const { failures } = await realiseWhatCanBe(this.#store, this.#sources, references, options);
    for (const info of usable.values()) {
      const lost = info.references.find((reference) => failures.has(reference));
      if (lost === undefined) continue;
      usable.delete(info.path);
      this.#ban(info.path, failures.get(lost));
    }
    return usable;
  }

  /** @returns those that are whole now */
  async #repairFrom(infos: ReadonlyMap<StorePath, PathInfo>): Promise<Set<StorePath>> {
    const repaired = new Set<StorePath>();
    if (infos.size === 0) return repaired;
    const { signal, checkSigs = true, onRepaired, onBytes, onWarning } = this.#options;
    const from = (path: StorePath): string => this.#uriOf(path);
    await this.#store.repairPaths(this.#pathsToAdd(infos), {
      signal,
      // Where a store is trusted in all that it says, nobody is asked for signatures: all were judged when they were found.
      checkSigs: checkSigs && ![...infos.keys()].some((path) => this.#isTrusted(path)),
      onBytes,
      onRepaired: (path) => {
        repaired.add(path);
        onRepaired?.(path, from(path));
      },
      onFailed: (path, error) => {
        if (this.#isSourceFault(path, error)) {
          onWarning?.(`${messageOf(error)} (it came from "${from(path)}")`);
          this.#ban(path, error);
        } else {
          this.#failures.set(path, this.#describe(path, error));
        }
      },
    });
    return repaired;
  }

  async *#pathsToAdd(infos: ReadonlyMap<StorePath, PathInfo>): AsyncGenerator<PathToAdd> {
    for await (const nar of this.#sources.readNars(infos.keys(), {
      signal: this.#options.signal,
    })) {
      const info = infos.get(nar.path);
      if (info === undefined) {
        throw new FerryError('internal', `the NAR of "${nar.path}" was not asked for`);
      }
      this.#options.onTake?.(nar.path, this.#uriOf(nar.path));
      yield { info: { ...this.#rules.infoFor(info), ultimate: false }, nar };
    }
  }

  #uriOf(path: StorePath): string {
    return this.#sources.sourceOf(path)?.uri ?? this.#sources.uri;
  }

  #isTrusted(path: StorePath): boolean {
    return this.#sources.sourceOf(path)?.isTrusted === true;
  }

  /** Whether another store may do better: what is wrong with ours is wrong for all. */
  #isSourceFault(path: StorePath, error: unknown): boolean {
    if (this.#sources.sourceOf(path)?.hasFailed() === true) return true;
    return isFerryError(error, 'corrupt') || isFerryError(error, 'not-found');
  }

  #ban(path: StorePath, error: unknown): void {
    const source = this.#sources.sourceOf(path);
    if (source?.hasFailed() === false) source.ban(error);
    const from = this.#uriOf(path);
    const tried = this.#tried.get(path) ?? new Set<string>();
    // It is asked again after a while, and there may be nobody else.
    if (tried.has(from)) this.#failures.set(path, this.#describe(path, error));
    this.#tried.set(path, tried.add(from));
  }

  #explain(path: StorePath): FerryError {
    const absence = this.#sources.explain(path);
    const error = explainAbsence(this.#store.storeDir, path, path, absence, 'repair');
    const [refused] = absence.refused;
    if (absence.failed.length > 0 || refused?.reason !== OTHER) return error;
    return new FerryError(error.code, error.message, {
      path: error.path ?? path,
      hint: OTHER_HINT,
    });
  }

  #describe(path: StorePath, error: unknown): FerryError {
    if (isFerryError(error, 'internal')) return error;
    const printed = printStorePath(this.#store.storeDir, path);
    const code = isFerryError(error) ? error.code : 'internal';
    return new FerryError(code, `cannot repair "${printed}": ${messageOf(error)}`, {
      path: printed,
      cause: error,
    });
  }
}

/** A size that the database lacks says nothing. */
function hasSameHash(before: PathInfo, info: PathInfo): boolean {
  const isSameSize = before.narSize === 0 || before.narSize === info.narSize;
  return isSameSize && hashesEqual(before.narHash, info.narHash);
}

/** What the store knows already stays as it is; signatures of just that are added. */
function merged(before: PathInfo, info: PathInfo): PathInfo {
  return {
    ...before,
    narSize: info.narSize,
    signatures: sameContents(before, info) ? info.signatures : [],
  };
}
