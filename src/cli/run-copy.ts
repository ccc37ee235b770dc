/** A copy as the command line runs it: opens both ends, finds the paths, plans, shows, transfers. */
import { deriversOf } from '../copy/derivers.ts';
import { planCopy, type CopyPlan, type PlanOptions, type SkipPaths } from '../copy/plan.ts';
import { transfer } from '../copy/transfer.ts';
import { FerryError } from '../error.ts';
import type { StorePath } from '../format/store-path.ts';
import type { SecretKey } from '../format/signature.ts';
import type { Store } from '../store/store.ts';
import { realStoreDirOf } from './as-local-store.ts';
import { say, type CommandContext } from './context.ts';
import { partialStatus } from './errors.ts';
import { resolveIn } from './resolve-in-store.ts';
import { openSession, type Session } from './session.ts';
import type { SkipRequest } from './skip-upstream.ts';
import { withCompression } from './with-compression.ts';
import { jsonPlan, jsonProgress } from './ui/copy-json.ts';
import { nixProgress, showCopy, type CopyProgress, type CopyScene } from './ui/copy-progress.ts';
import { dryRunStatus, renderPlan } from './ui/render-plan.ts';
import { formatCount } from './ui/units.ts';

export interface CopyRequest extends SkipRequest {
  /** URIs of stores; absent is this machine's own. */
  readonly from: string | undefined;
  readonly to: string | undefined;
  /** Paths as they were typed. */
  readonly words: readonly string[];
  /** Finds the paths in place of `words`, which may take as long as building them. */
  readonly find?: ((source: Store, session: Session) => Promise<readonly StorePath[]>) | undefined;
  /** Opens the destination in place of `to`, which then only names it. */
  readonly openDestination?: ((session: Session) => Promise<Store>) | undefined;
  /** Throws where the destination can't do what `finish` will want of it. */
  readonly checkDestination?: ((destination: Store) => void) | undefined;
  /** What is done once all is valid at the destination. */
  readonly finish?: ((destination: Store) => Promise<void>) | undefined;
  readonly checkSigs: boolean;
  /** The destination fetches what it can by itself. */
  readonly substitute: boolean;
  readonly noRecursive: boolean;
  readonly includeOutputs: boolean;
  /** The derivations of the paths instead of the paths. */
  readonly derivation: boolean;
  readonly gzip: boolean;
  readonly keepGoing: boolean;
  readonly dryRun: boolean;
  /** What is copied gets signatures by these. */
  readonly signKeys?: readonly SecretKey[] | undefined;
  /** To whom: people, programs, or those who expect what Nix prints. */
  readonly talk: 'people' | 'json' | 'nix';
}

/** @returns the exit status */
export async function runCopy(context: CommandContext, request: CopyRequest): Promise<number> {
  const { signal } = context;
  await using session = openSession(context);
  const skip = await skipOf(session, request);
  const openDestination = (): Promise<Store> =>
    request.openDestination?.(session) ?? session.open(withCompression(request.to, request.gzip));
  // ssh is slow to come up, and does so while we look here. Two far ends come one after the other: both may ask for a
  // password.
  const opening = isFar(request.from) ? undefined : openDestination();
  opening?.catch(() => {});
  const source = await session.openExisting(withCompression(request.from, request.gzip));
  // A mistyped path is known before ssh has found out where to go: it costs no login.
  const named =
    (await request.find?.(source, session)) ??
    request.words.map((word) => resolveIn(context, source, word).path);
  const destination = await (opening ?? openDestination());
  requireFit(source, destination, request);
  request.checkDestination?.(destination);
  const roots = request.derivation ? await deriversOf(source, named, signal) : named;
  const refusesToSign = await vouching(session, request, source);
  const ends = { source, destination, skip: skip?.(destination), refusesToSign };
  return request.dryRun
    ? await tellPlan(context, session, ends, roots, request)
    : await copyNow(context, session, ends, roots, request);
}

/** Where something will be signed: for which paths we don't vouch. Nix vouches for anything. */
export async function vouching(
  { settings }: Session,
  { from, to, talk, signKeys = [] }: Pick<CopyRequest, 'from' | 'to' | 'talk' | 'signKeys'>,
  source: Store,
): Promise<PlanOptions['refusesToSign']> {
  const isSigned = signKeys.length > 0 || to?.includes('secret-key') === true;
  if (!isSigned || talk === 'nix') return undefined;
  const { refusesToSignFrom } = await import('./read-sign-keys.ts');
  return refusesToSignFrom(from, source.storeDir, settings);
}

/** What is asked for by few is loaded for those. */
export async function skipOf(
  session: Session,
  request: SkipRequest,
): Promise<((destination: Store) => SkipPaths) | undefined> {
  const { skipUpstream = [], skipSignedBy = [] } = request;
  if (skipUpstream.length === 0 && skipSignedBy.length === 0) return undefined;
  const { skipFor } = await import('./skip-upstream.ts');
  return skipFor(session, request);
}

function isFar(uri: string | undefined): boolean {
  return uri?.startsWith('ssh') ?? false;
}

interface Ends {
  readonly source: Store;
  readonly destination: Store;
  /** What needn't be sent. */
  readonly skip: SkipPaths | undefined;
  readonly refusesToSign: PlanOptions['refusesToSign'];
}

async function copyNow(
  context: CommandContext,
  session: Session,
  ends: Ends,
  roots: readonly StorePath[],
  request: CopyRequest,
): Promise<number> {
  const { signal } = context;
  const { checkSigs, keepGoing } = request;
  const progress = progressFor(context, session, ends, request);
  try {
    const { source, destination } = ends;
    const { onEvent } = progress;
    const fetching = request.substitute
      ? await letFetch(session, destination, progress, request.talk)
      : destination;
    const planned = { ...ends, destination: fetching };
    const plan = await makePlan(context, planned, roots, request, progress);
    await tellUnsignable(context, destination, plan);
    const keepSignatures = (request.signKeys?.length ?? 0) > 0;
    const options = { signal, checkSigs, keepSignatures, keepGoing, onEvent };
    const summary = await transfer(plan, source, destination, options);
    await request.finish?.(destination);
    return summary.failed > 0 ? partialStatus : 0;
  } finally {
    await progress.finish();
  }
}

/** The destination as one that fetches what it can. */
export async function letFetch(
  session: Session,
  destination: Store,
  { onEvent, print }: Pick<CopyProgress, 'onEvent' | 'print'>,
  talk: CopyRequest['talk'],
): Promise<Store> {
  const { fetchingDestination, whyNothingIsFetched } = await import(
    './substitute-on-destination.ts'
  );
  // Nix says nothing about it.
  const problem = whyNothingIsFetched(session, destination);
  if (problem !== undefined && talk !== 'nix') print(`note: ${problem}`);
  return fetchingDestination(session, destination, onEvent);
}

async function tellPlan(
  context: CommandContext,
  session: Session,
  ends: Ends,
  roots: readonly StorePath[],
  request: CopyRequest,
): Promise<number> {
  // The plan is one document: events have no place on stdout beside it.
  const progress = progressFor(context, session, ends, { ...request, talk: 'people' });
  let plan: CopyPlan;
  try {
    // What a far end fetches it doesn't only look at: a dry run counts it as sent.
    if (request.substitute) {
      progress.print('note: a dry run lets the destination fetch nothing: it may need less');
    }
    const unchanged = { ...request, substitute: false };
    plan = await makePlan(context, ends, roots, unchanged, progress);
  } finally {
    await progress.finish();
  }
  const text = request.talk === 'json' ? `${JSON.stringify(jsonPlan(plan))}\n` : renderPlan(plan);
  await context.stdout.write(text);
  return dryRunStatus(plan);
}

function makePlan(
  { signal }: CommandContext,
  { source, destination, skip, refusesToSign }: Ends,
  roots: readonly StorePath[],
  request: CopyRequest,
  { onEvent }: CopyProgress,
): Promise<CopyPlan> {
  const { checkSigs, substitute, noRecursive, includeOutputs, signKeys } = request;
  const options = {
    signal,
    checkSigs,
    substitute,
    noRecursive,
    includeOutputs,
    signKeys,
    refusesToSign,
    skip,
    onEvent,
  };
  return planCopy(source, destination, roots, options);
}

/** Not an error: the copy is whole, and a path that is sent does get its signature. */
async function tellUnsignable(
  context: CommandContext,
  { uri }: Store,
  { unsignable = [] }: CopyPlan,
): Promise<void> {
  if (unsignable.length === 0) return;
  const count = formatCount(unsignable.length, 'path');
  await say(context, `warning: ${count} in "${uri}" already: there is no way to sign them there`);
}

function progressFor(
  context: CommandContext,
  session: Session,
  ends: Ends,
  request: CopyRequest,
): CopyProgress {
  const { storeDir } = ends.source;
  const scene: CopyScene = { storeDir, way: wayOf(ends, request) };
  const open = { people: showCopy, nix: nixProgress };
  const { talk } = request;
  const progress = talk === 'json' ? jsonProgress(context, storeDir) : open[talk](context, scene);
  session.onLine = progress.print;
  return progress;
}

/**
 * As Nix names the way: an end is left out where it is this machine's own store, and of two stores on this machine the
 * source.
 */
function wayOf({ source, destination }: Ends, { from, to, talk }: CopyRequest): string {
  const parts: string[] = [];
  if (talk === 'nix') {
    const isHere = (store: Store): boolean => realStoreDirOf(store) !== undefined;
    if (isHere(source)) return `to '${destination.uri}'`;
    return `from '${source.uri}'${isHere(destination) ? '' : ` to '${destination.uri}'`}`;
  }
  if (from !== undefined) parts.push(`from '${source.uri}'`);
  if (to !== undefined) parts.push(`to '${destination.uri}'`);
  return parts.join(' ');
}

/** What no plan could make good, found before anything is asked. */
export function requireFit(
  source: Store,
  destination: Store,
  { from, to, talk }: Pick<CopyRequest, 'from' | 'to' | 'talk'>,
): void {
  // To Nix that is no mistake, and nothing to do.
  if (talk !== 'nix' && (from === to || isSamePlace(source, destination))) {
    throw new FerryError('usage', `source and destination are the same store, "${source.uri}"`);
  }
  if (!destination.features.has('write')) {
    throw new FerryError('unsupported', `cannot write to "${destination.uri}"`);
  }
}

/** Of stores elsewhere the name alone doesn't tell: one machine may have several. */
function isSamePlace(source: Store, destination: Store): boolean {
  const directory = realStoreDirOf(source);
  return directory !== undefined && directory === realStoreDirOf(destination);
}
