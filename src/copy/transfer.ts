/** Carries out a plan: source store → destination store, which verifies what it takes. */
import { formatBytes } from '../bytes/format-bytes.ts';
import { FerryError } from '../error.ts';
import type { PathInfo } from '../format/path-info.ts';
import { printStorePath, type StorePath } from '../format/store-path.ts';
import type { CallOptions, PathToAdd, Store } from '../store/store.ts';
import type { CopySummary, OnCopyEvent } from './events.ts';
import { largestFirst, orderToSend } from './order.ts';
import { sumUpSkipped, type CopyPlan } from './plan.ts';

export interface TransferOptions extends CallOptions {
  readonly checkSigs?: boolean | undefined;
  /** Fail where the destination would lose the signatures of what it is sent. */
  readonly keepSignatures?: boolean | undefined;
  /** Go on with what doesn't depend on a path that failed. */
  readonly keepGoing?: boolean | undefined;
  /** Ask the source for paths in just the order of the plan: all that a source that can't go back can do. */
  readonly keepOrder?: boolean | undefined;
  readonly onEvent?: OnCopyEvent | undefined;
}

/**
 * Running it again after any interruption finishes the work: what became valid is skipped by the next plan.
 * @throws FerryError `untrusted` when the plan has refusals, and whatever the stores throw.
 */
export async function transfer(
  plan: CopyPlan,
  source: Pick<Store, 'readNars'>,
  destination: Store,
  options: TransferOptions = {},
): Promise<CopySummary> {
  const { signal, onEvent, keepGoing = false, checkSigs, keepSignatures } = options;
  refuseIfUntrusted(plan);
  refuseIfFull(plan);
  for (const sum of sumUpSkipped(plan)) onEvent?.({ type: 'skipped', ...sum });
  onEvent?.({ type: 'start', paths: plan.missing.length, narSize: plan.narSize });
  let copied = 0;
  let narSize = 0;
  let failed = 0;
  const sizes = new Map(plan.missing.map((info) => [info.path, info.narSize]));
  if (plan.missing.length > 0) {
    if (destination.addPaths === undefined) {
      throw new FerryError('unsupported', `cannot write to "${destination.uri}"`);
    }
    const infos = options.keepOrder === true ? plan.missing : inOrderFor(destination, plan);
    await destination.addPaths(pathsToAdd(infos, source, signal, onEvent), {
      signal,
      checkSigs,
      keepSignatures,
      referencesElsewhere: new Set(plan.skipped?.map(({ path }) => path)),
      onBytes: (path, bytes) => onEvent?.({ type: 'path-bytes', path, bytes }),
      onAdded(path) {
        copied++;
        narSize += sizes.get(path) ?? 0;
        onEvent?.({ type: 'path-done', path });
      },
      onFailed: keepGoing
        ? (path, error) => {
            failed++;
            onEvent?.({ type: 'path-failed', path, error });
          }
        : undefined,
    });
  }
  const signaturesAdded = await addSignatures(plan, destination, options);
  const summary = {
    copied,
    alreadyValid: plan.alreadyValid.length,
    failed,
    narSize,
    signaturesAdded,
  };
  onEvent?.({ type: 'done', summary });
  return summary;
}

function inOrderFor(destination: Store, { missing, narSize }: CopyPlan): readonly PathInfo[] {
  return destination.features.has('unordered')
    ? missing.toSorted(largestFirst)
    : orderToSend(missing, narSize);
}

async function* pathsToAdd(
  missing: readonly PathInfo[],
  source: Pick<Store, 'readNars'>,
  signal: AbortSignal | undefined,
  onEvent: OnCopyEvent | undefined,
): AsyncGenerator<PathToAdd> {
  const infos = new Map<StorePath, PathInfo>(missing.map((info) => [info.path, info]));
  for await (const nar of source.readNars(infos.keys(), { signal })) {
    const info = infos.get(nar.path);
    if (info === undefined)
      throw new FerryError('internal', `NAR of "${nar.path}" was not asked for`);
    onEvent?.({ type: 'path-start', path: info.path, narSize: info.narSize });
    yield { info: { ...info, ultimate: false }, nar };
  }
}

async function addSignatures(
  plan: CopyPlan,
  destination: Store,
  { signal, onEvent }: TransferOptions,
): Promise<number> {
  if (plan.newSignatures.size === 0 || destination.addSignatures === undefined) return 0;
  await destination.addSignatures(plan.newSignatures, { signal });
  let sum = 0;
  for (const [path, { length: count }] of plan.newSignatures) {
    onEvent?.({ type: 'signatures-added', path, count });
    sum += count;
  }
  return sum;
}

function refuseIfUntrusted(plan: CopyPlan): void {
  const first = plan.refusals[0];
  if (first === undefined) return;
  const more = plan.refusals.length > 1 ? ` (and ${plan.refusals.length - 1} more)` : '';
  const path = printStorePath(plan.storeDir, first.path);
  throw new FerryError('untrusted', `cannot add path "${path}"${more}: ${first.reason}`, {
    path,
    store: plan.destination,
    ...(first.hint === undefined ? {} : { hint: first.hint }),
  });
}

function refuseIfFull(plan: CopyPlan): void {
  if (plan.freeSpace === undefined || plan.freeSpace.bytes >= plan.narSize) return;
  const { narSize, freeSpace, destination } = plan;
  const lacking = formatBytes(narSize - freeSpace.bytes);
  throw new FerryError(
    'no-space',
    `cannot copy ${formatBytes(narSize)} to "${destination}": ${formatBytes(freeSpace.bytes)} are free there, ${lacking} too few`,
    {
      store: destination,
      hint: 'free some space there, or collect garbage with nix-store --gc',
    },
  );
}
