/**
 * The plan of a copy: what the destination lacks, in which order it goes, how much that is, and what would be refused.
 * Plain data: the dry run prints it, `--json` gives it, `transfer` carries it out.
 */
import { FerryError } from '../error.ts';
import { sameContents, type PathInfo } from '../format/path-info.ts';
import { isSignature, type SecretKey } from '../format/signature.ts';
import type { StoreDir, StorePath } from '../format/store-path.ts';
import type { CallOptions, FreeSpace, Refusal, Store } from '../store/store.ts';
import { computeClosure, type ClosureQuery } from './closure.ts';
import type { OnCopyEvent } from './events.ts';
import { sortTopologically } from './order.ts';
import { missingSignaturesBy } from './sign.ts';

export interface CopyPlan {
  readonly source: string;
  readonly destination: string;
  readonly storeDir: StoreDir;
  /** What was asked for. */
  readonly roots: readonly StorePath[];
  /** What is sent, each after all that it refers to. */
  readonly missing: readonly PathInfo[];
  /** What the destination lacks and isn't sent, since it is to be had elsewhere. */
  readonly skipped?: readonly SkippedPath[] | undefined;
  /** What the destination has already. */
  readonly alreadyValid: readonly StorePath[];
  /** Signatures that the destination lacks, of paths valid in both: the source's, and those of our own keys. */
  readonly newSignatures: ReadonlyMap<StorePath, readonly string[]>;
  /** Valid paths that lack a signature by one of our keys, which there is no way to give them. */
  readonly unsignable?: readonly StorePath[] | undefined;
  /** What the destination would not take, and why. The copy is refused as a whole if there is any. */
  readonly refusals: readonly Refusal[];
  /** Bytes of NAR of all that is missing. */
  readonly narSize: number;
  /** Bytes of NAR of the whole closure. */
  readonly closureSize: number;
  /** Room at the destination, where it can be known. */
  readonly freeSpace?: FreeSpace | undefined;
}

export interface SkippedPath {
  readonly path: StorePath;
  readonly narSize: number;
  readonly reason: string;
}

/** Which of these paths needn't be sent, each with the reason. */
export type SkipPaths = (
  infos: readonly PathInfo[],
  options: CallOptions,
) => Promise<ReadonlyMap<StorePath, string>>;

export interface PlanOptions extends ClosureQuery {
  /** The closure of the roots in the source, where it is known: many plans need it computed but once. */
  readonly closure?: ReadonlyMap<StorePath, PathInfo> | undefined;
  /** Let the destination fetch what it can from its own substituters first; those that can't are sent everything. */
  readonly substitute?: boolean | undefined;
  /** Default true. */
  readonly checkSigs?: boolean | undefined;
  /** What is copied, and what of it is there already, gets signatures by these. */
  readonly signKeys?: readonly SecretKey[] | undefined;
  /**
   * Why no key of ours should vouch for a path as it comes from the source: with `checkSigs` the plan then refuses it. To
   * be given where something is signed, by us or by the destination, and the source isn't one of our own: who trusts our
   * keys would otherwise trust everything.
   */
  readonly refusesToSign?: ((info: PathInfo) => Refusal | undefined) | undefined;
  /** Leaves out some of what the destination lacks: `copy/upstream.ts` has one for binary caches. */
  readonly skip?: SkipPaths | undefined;
  readonly onEvent?: OnCopyEvent | undefined;
}

/**
 * Asks both stores, changes nothing (but for the destination's temporary roots, and what it substitutes when told to).
 * @throws FerryError `not-found` for a root that the source doesn't have, `unsupported` between store directories.
 */
export async function planCopy(
  source: Store,
  destination: Store,
  roots: Iterable<StorePath>,
  options: PlanOptions = {},
): Promise<CopyPlan> {
  const { signal, substitute = false, checkSigs = true, signKeys = [] } = options;
  const wanted = [...new Set(roots)];
  requireSameStoreDir(source, destination);
  const closure = options.closure ?? (await computeClosure(source, wanted, options));
  const valid = await destination.queryValidPaths(closure.keys(), {
    substitute: substitute && destination.features.has('substitute'),
    hold: destination.features.has('hold'),
    signal,
  });
  const unsigned = [...closure.values()].filter((info) => !valid.has(info.path));
  const skipped = await skipSome(unsigned, options);
  const left = unsigned.filter(({ path }) => !skipped.has(path));
  const missing = sortTopologically(left).map((info) => signed(source, info, signKeys));
  const present = [...closure.values()].filter((info) => valid.has(info.path));
  const signatures = await missingSignatures(source, destination, present, options);
  const keeps = destination.features.has('sign');
  return {
    source: source.uri,
    destination: destination.uri,
    storeDir: source.storeDir,
    roots: wanted,
    missing,
    skipped: [...skipped.values()],
    alreadyValid: present.map((info) => info.path),
    newSignatures: keeps ? signatures : new Map(),
    unsignable: keeps ? [] : [...signatures.keys()],
    refusals: checkSigs ? findRefusals(destination, left, missing, options) : [],
    narSize: sumOfSizes(missing),
    closureSize: sumOfSizes(closure.values()),
    freeSpace: missing.length === 0 ? undefined : await destination.freeSpace?.({ signal }),
  };
}

/** @param left what is missing, before our own signatures were added */
function findRefusals(
  destination: Store,
  left: readonly PathInfo[],
  missing: readonly PathInfo[],
  { refusesToSign }: PlanOptions,
): Refusal[] {
  if (refusesToSign !== undefined) {
    const refused = left.map(refusesToSign).filter((refusal) => refusal !== undefined);
    if (refused.length > 0) return refused;
  }
  return destination.refuses?.(missing) ?? [];
}

async function skipSome(
  lacking: readonly PathInfo[],
  { skip, signal }: PlanOptions,
): Promise<Map<StorePath, SkippedPath>> {
  const skipped = new Map<StorePath, SkippedPath>();
  const reasons = (lacking.length > 0 && (await skip?.(lacking, { signal }))) || new Map();
  for (const { path, narSize } of lacking) {
    const reason = reasons.get(path);
    if (reason !== undefined) skipped.set(path, { path, narSize, reason });
  }
  return skipped;
}

export interface SkippedSum {
  readonly reason: string;
  readonly paths: number;
  /** Bytes of NAR. */
  readonly narSize: number;
}

/** How much is skipped for each reason. */
export function sumUpSkipped({ skipped = [] }: CopyPlan): SkippedSum[] {
  return [...Map.groupBy(skipped, ({ reason }) => reason)].map(([reason, some]) => ({
    reason,
    paths: some.length,
    narSize: some.reduce((sum, { narSize }) => sum + narSize, 0),
  }));
}

function requireSameStoreDir(source: Store, destination: Store): void {
  if (source.storeDir === destination.storeDir) return;
  throw new FerryError(
    'unsupported',
    `cannot copy from "${source.uri}" to "${destination.uri}": their store directories are "${source.storeDir}" and "${destination.storeDir}"`,
    { hint: 'paths mention their store directory in their contents, so they only work below it' },
  );
}

/** Who takes the path hashes it: so what is signed here is what will be there. */
function signed({ storeDir }: Store, info: PathInfo, signKeys: readonly SecretKey[]): PathInfo {
  const added = missingSignaturesBy(signKeys, storeDir, info);
  return added.length === 0 ? info : { ...info, signatures: [...info.signatures, ...added].sort() };
}

/**
 * What the source has signed or our keys sign, and the destination lacks: it travels even where the contents needn't.
 * Where a destination keeps no signatures, only ours are asked for: they were wished for, the others are an extra.
 */
async function missingSignatures(
  source: Store,
  destination: Store,
  present: readonly PathInfo[],
  { signal, signKeys = [], checkSigs = true, refusesToSign }: PlanOptions,
): Promise<Map<StorePath, string[]>> {
  const found = new Map<StorePath, string[]>();
  const keeps = destination.features.has('sign');
  const offered = present.map((info) => ({
    info,
    signatures: [
      ...(keeps ? info.signatures : []),
      ...(checkSigs && refusesToSign?.(info) !== undefined
        ? []
        : missingSignaturesBy(signKeys, source.storeDir, info)),
    ],
  }));
  const some = offered.filter(({ signatures }) => signatures.length > 0);
  if (some.length === 0) return found;
  const known = await destination.queryPathInfos(
    some.map(({ info }) => info.path),
    { signal },
  );
  for (const { info, signatures } of some) {
    const there = known.get(info.path);
    // Another build of it may lie there: what holds for ours says nothing about that.
    if (there === undefined || !sameContents({ ...there, ca: info.ca }, info)) continue;
    const lacking = signatures.filter(
      (signature) => isSignature(signature) && !there.signatures.includes(signature),
    );
    if (lacking.length > 0) found.set(info.path, lacking);
  }
  return found;
}

function sumOfSizes(infos: Iterable<PathInfo>): number {
  let sum = 0;
  for (const info of infos) sum += info.narSize;
  return sum;
}
