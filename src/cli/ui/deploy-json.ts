/**
 * A deployment for programs: one line of JSON for each event. The shapes are a promise: fields may be added within a
 * version, nothing is renamed or removed (docs/json.md).
 */
import type { DeployEvent, DeployOutcome, HostResult } from '../../deploy/events.ts';
import { isFerryError, messageOf } from '../../error.ts';
import type { StoreDir, StorePath } from '../../format/store-path.ts';
import { say, type CommandContext } from '../context.ts';
import { BYTES_EVERY_MS, jsonEvent } from './copy-json.ts';
import { deployStatus } from './deploy-exit-status.ts';
import type { DeploymentView } from './deploy-view.ts';
import { OrderedOutput } from './ordered-output.ts';

const VERSION = 1;

export interface DeployJsonScene {
  readonly hosts: readonly string[];
  readonly storeDir: StoreDir;
}

export function jsonDeployment(
  context: CommandContext,
  { hosts, storeDir }: DeployJsonScene,
): DeploymentView {
  const output = new OrderedOutput(context.stdout);
  const tell = (line: object): void => output.line(JSON.stringify(line));
  const results = new Map<string, HostResult>();
  /** Bytes that weren't told yet, by host and path: there may be thousands of chunks a second. */
  const pending = new Map<string, Map<StorePath, number>>();
  const tellBytes = (host: string): void => {
    for (const [path, bytes] of pending.get(host) ?? []) {
      tell({ type: 'copy', host, event: jsonEvent({ type: 'path-bytes', path, bytes }, storeDir) });
    }
    pending.delete(host);
  };
  const timer = setInterval(() => {
    for (const host of pending.keys()) tellBytes(host);
  }, BYTES_EVERY_MS);
  timer.unref();
  tell({ type: 'start', version: VERSION, hosts });
  return {
    onEvent(event) {
      if (event.type === 'copy' && event.event.type === 'path-bytes') {
        const { path, bytes } = event.event;
        const some = pending.get(event.host) ?? new Map<StorePath, number>();
        some.set(path, (some.get(path) ?? 0) + bytes);
        pending.set(event.host, some);
        return;
      }
      tellBytes(event.host);
      if (event.type === 'ended') results.set(event.host, event.result);
      tell(jsonDeployEvent(event, storeDir));
    },
    print: (line) => void say(context, line).catch(() => {}),
    async dismiss() {
      clearInterval(timer);
      await output.settled();
    },
    async finish() {
      clearInterval(timer);
      for (const host of pending.keys()) tellBytes(host);
      tell(jsonDone(hosts, results));
      await output.settled();
    },
  };
}

function jsonDeployEvent(event: DeployEvent, storeDir: StoreDir): object {
  const { type, host } = event;
  switch (event.type) {
    case 'phase':
      return { type, host, phase: event.phase };
    case 'copy':
      return { type, host, event: jsonEvent(event.event, storeDir) };
    case 'line':
      return { type, host, line: event.line };
    case 'warning':
      return { type, host, message: event.message };
    case 'ended':
      return { type, ...jsonResult(event.result) };
  }
}

function jsonResult(result: HostResult): object {
  const { host, outcome, path, generation, oldGeneration, error } = result;
  return {
    host,
    outcome,
    path: path ?? null,
    generation: generation ?? null,
    oldGeneration: oldGeneration ?? null,
    error: error === undefined ? null : jsonError(error),
    copiedPaths: result.copiedPaths,
    copiedBytes: result.copiedBytes,
  };
}

/** An error as programs get it. */
export function jsonError(error: unknown): { code: string; message: string; hint: string | null } {
  const { code, hint } = isFerryError(error) ? error : { code: 'internal', hint: undefined };
  return { code, message: messageOf(error), hint: hint ?? null };
}

/** Every outcome has its count, so that programs needn't ask whether there is one. */
function jsonDone(hosts: readonly string[], results: ReadonlyMap<string, HostResult>): object {
  const counts: Record<DeployOutcome | 'unfinished', number> = {
    live: 0,
    unchanged: 0,
    'at-next-boot': 0,
    done: 0,
    'rolled-back': 0,
    unreachable: 0,
    refused: 0,
    failed: 0,
    skipped: 0,
    unknown: 0,
    unfinished: 0,
  };
  const names = new Set([...hosts, ...results.keys()]);
  const outcomes = Array.from(names, (name) => {
    const outcome = results.get(name)?.outcome ?? 'unfinished';
    counts[outcome]++;
    return [name, outcome] as const;
  });
  const status = counts.unfinished > 0 ? null : deployStatus(results.values());
  return {
    type: 'done',
    version: VERSION,
    hosts: Object.fromEntries(outcomes),
    live: counts.live,
    unchanged: counts.unchanged,
    atNextBoot: counts['at-next-boot'],
    done: counts.done,
    rolledBack: counts['rolled-back'],
    unreachable: counts.unreachable,
    refused: counts.refused,
    failed: counts.failed,
    skipped: counts.skipped,
    unknown: counts.unknown,
    unfinished: counts.unfinished,
    status,
  };
}
