/**
 * A deployment: all hosts are checked, then closures are copied from one reading of the source, then hosts are made live
 * in the order of the strategy. Each host comes to an end of its own; none holds up or fails another.
 */
import { fanOut } from '../copy/fan-out.ts';
import type { StorePath } from '../format/store-path.ts';
import type { HostConnection } from '../host/host-connection.ts';
import type { HostTarget } from '../host/host-target.ts';
import type { Store } from '../store/store.ts';
import { forEachAtOnce } from '../system/at-once.ts';
import type { CheckedHost } from './check-host.ts';
import type { HostResult, OnDeployEvent } from './events.ts';
import type { Host } from './fleet.ts';
import { gather } from './gather.ts';
import { HostRun } from './host-run.ts';
import { KnownClosures } from './known-closures.ts';
import { Turns, type Strategy } from './strategy.ts';

/** What one host is to get. */
export interface DeployTask {
  readonly host: Host;
  /** What is to run there. */
  readonly path: StorePath;
  readonly pins: readonly PinnedPath[];
}

export interface PinnedPath {
  /** Absolute path of the link on the host. */
  readonly link: string;
  readonly path: StorePath;
}

export interface DeployOptions {
  readonly source: Store;
  readonly open: OpenHost;
  /** What a host's name means to ssh: where its ports are looked for. */
  readonly addressOf: (target: HostTarget) => Promise<string>;
  readonly strategy: Strategy;
  /** See `Turns`. */
  readonly maxFailures?: number | undefined;
  /** So many hosts are connected to, copied to and made live at a time. */
  readonly parallel: number;
  readonly checkSigs?: boolean | undefined;
  readonly substitute?: boolean | undefined;
  /** Copy and pin alone. */
  readonly noActivate?: boolean | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly onEvent: OnDeployEvent;
}

/** A host is connected: whoever opens it closes it. */
export type OpenHost = (
  target: HostTarget,
  options: { readonly signal?: AbortSignal | undefined },
) => Promise<HostConnection>;

/** How long hosts that are ready wait for those that are still being checked. */
const patienceMs = 10_000;

/**
 * @returns how each host ended, in the order of the tasks: one that failed is no error here
 * @throws the reason of `signal`, once every host has been told of as ended
 */
export async function deploy(
  tasks: readonly DeployTask[],
  options: DeployOptions,
): Promise<HostResult[]> {
  const { signal } = options;
  const turns = new Turns(options);
  const onAbort = (): void => turns.stop();
  signal?.addEventListener('abort', onAbort);
  try {
    const closures = new KnownClosures(options.source, options);
    const results: HostResult[] = [];
    // A host is connected from its check to its end, and no machine bears a thousand connections.
    for (let at = 0; at < tasks.length; at += options.parallel) {
      const batch = tasks.slice(at, at + options.parallel);
      const runs = batch.map((task) => new HostRun(task, turns, options));
      await runAll(runs, turns, closures, options);
      for (const { story } of runs) if (story.result !== undefined) results.push(story.result);
    }
    signal?.throwIfAborted();
    return results;
  } finally {
    signal?.removeEventListener('abort', onAbort);
  }
}

async function runAll(
  runs: readonly HostRun[],
  turns: Turns,
  closures: KnownClosures,
  options: DeployOptions,
): Promise<void> {
  if (turns.isStopped) return runs.forEach((run) => run.skip());
  await using connections = new AsyncDisposableStack();
  for (const run of runs) connections.use(run);
  const checking = runs.map((run) => run.check(closures));
  const ends: Promise<void>[] = [];
  // An abort makes each check end by itself, and each must have ended.
  for await (const group of gather(checking, { patienceMs })) {
    if (turns.isStopped) for (const run of group) run.skip();
    else ends.push(...copyTo(group, options));
  }
  await Promise.all(ends);
}

/** All of them from one reading of the source. */
function copyTo(group: readonly HostRun[], { source, signal }: DeployOptions): Promise<void>[] {
  const targets = group.map((run) => run.copyTarget());
  const copies = fanOut(source, targets, { signal });
  return group.map((run) => run.finish(copies.get(run.task.host.name) ?? noCopy()));
}

function noCopy(): Promise<never> {
  return Promise.reject(new Error('a target without a copy'));
}

/** What would go to a host, or why it can't be deployed to. */
export interface HostCheck {
  readonly task: DeployTask;
  /** Undefined where something is in the way, which `result` then says. */
  readonly checked: Pick<CheckedHost, 'plan' | 'profile'> | undefined;
  readonly result: Pick<HostResult, 'outcome' | 'error'>;
}

/** Checks as `deploy` does, and changes nothing. */
export async function checkDeployment(
  tasks: readonly DeployTask[],
  options: DeployOptions,
): Promise<HostCheck[]> {
  const closures = new KnownClosures(options.source, options);
  const turns = new Turns(options);
  const checks = new Map<DeployTask, HostCheck>();
  await forEachAtOnce(tasks, options.parallel, async (task) => {
    await using run = new HostRun(task, turns, options);
    await run.check(closures);
    const { outcome = 'done', error } = run.story.result ?? {};
    checks.set(task, { task, checked: run.checked, result: { outcome, error } });
  });
  options.signal?.throwIfAborted();
  return tasks.map((task) => checks.get(task)).filter((check) => check !== undefined);
}
