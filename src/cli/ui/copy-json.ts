/**
 * A copy for programs: one line of JSON for each event, a plan as one document. The shapes are a promise: fields may be
 * added within a version, nothing is renamed or removed (docs/json.md).
 */
import type { CopyEvent } from '../../copy/events.ts';
import type { CopyPlan } from '../../copy/plan.ts';
import { isFerryError, messageOf } from '../../error.ts';
import { formatHash } from '../../format/hash.ts';
import { printStorePath, type StoreDir, type StorePath } from '../../format/store-path.ts';
import { say, type CommandContext } from '../context.ts';
import type { CopyProgress } from './copy-progress.ts';
import { OrderedOutput } from './ordered-output.ts';

const VERSION = 1;
/** In milliseconds. Bytes are gathered for this long: there may be thousands of chunks a second. */
export const BYTES_EVERY_MS = 100;

/** @param to of several destinations the one that the events are about */
export function jsonProgress(
  context: CommandContext,
  storeDir: StoreDir,
  to?: string,
): CopyProgress {
  const output = new OrderedOutput(context.stdout);
  const pending = new Map<StorePath, number>();
  const about = to === undefined ? {} : { to };
  const tell = (event: CopyEvent): void =>
    output.line(JSON.stringify({ ...jsonEvent(event, storeDir), ...about }));
  const tellBytes = (): void => {
    for (const [path, bytes] of pending) tell({ type: 'path-bytes', path, bytes });
    pending.clear();
  };
  const timer = setInterval(tellBytes, BYTES_EVERY_MS);
  timer.unref();
  return {
    onEvent(event) {
      if (event.type === 'path-bytes') {
        pending.set(event.path, (pending.get(event.path) ?? 0) + event.bytes);
      } else {
        tellBytes();
        tell(event);
      }
    },
    print: (line) => void say(context, line).catch(() => {}),
    async finish() {
      clearInterval(timer);
      await output.settled();
    },
  };
}

/** An event as the outside sees it: paths in full, errors as text. */
export function jsonEvent(event: CopyEvent, storeDir: StoreDir): Record<string, unknown> {
  switch (event.type) {
    case 'closure':
    case 'skipped':
      return { ...event };
    case 'start':
      return { ...event, version: VERSION };
    case 'path-failed':
      return {
        type: event.type,
        path: printStorePath(storeDir, event.path),
        error: messageOf(event.error),
        code: isFerryError(event.error) ? event.error.code : 'internal',
      };
    case 'done':
      return { type: event.type, version: VERSION, ...event.summary };
    case 'path-substituted':
    case 'path-start':
    case 'path-bytes':
    case 'path-done':
    case 'signatures-added':
      return { ...event, path: printStorePath(storeDir, event.path) };
  }
}

/** The plan as `--dry-run --json` gives it. */
export function jsonPlan(plan: CopyPlan): Record<string, unknown> {
  const print = (path: StorePath): string => printStorePath(plan.storeDir, path);
  return {
    version: VERSION,
    source: plan.source,
    destination: plan.destination,
    storeDir: plan.storeDir,
    roots: plan.roots.map(print),
    missing: plan.missing.map((info) => ({
      path: print(info.path),
      narHash: formatHash(info.narHash, 'sri'),
      narSize: info.narSize,
      references: info.references.map(print),
      signatures: info.signatures,
    })),
    skipped: (plan.skipped ?? []).map((one) => ({ ...one, path: print(one.path) })),
    alreadyValid: plan.alreadyValid.map(print),
    newSignatures: Object.fromEntries(
      [...plan.newSignatures].map(([path, signatures]) => [print(path), signatures]),
    ),
    unsignable: (plan.unsignable ?? []).map(print),
    refusals: plan.refusals.map(({ path, reason, hint }) => ({
      path: print(path),
      reason,
      hint: hint ?? null,
    })),
    narSize: plan.narSize,
    closureSize: plan.closureSize,
    freeSpace: plan.freeSpace === undefined ? null : { ...plan.freeSpace },
  };
}
