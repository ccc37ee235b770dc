/** Measures commands: wall-clock time, and the memory of the largest process among all that the command starts. */
import { existsSync, readFileSync } from 'node:fs';
import { run } from '../test/support/run.ts';
import { makeTempDirectory } from '../test/support/temp.ts';

/** One way to do what is compared. */
export interface Contender {
  readonly program: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** Where it runs; where the benchmark does if absent. */
  readonly cwd?: string;
  /** Before each run, not measured: empties the destination. */
  prepare(): Promise<void>;
  /** After each run, not measured: fails where the work wasn't done. */
  check(): Promise<void>;
}

export interface Measured {
  readonly medianMs: number;
  /** The largest over all runs; absent where the machine has no /usr/bin/time. */
  readonly peakBytes: number | undefined;
  readonly runsMs: readonly number[];
}

export interface Failed {
  readonly failure: string;
}

/** `time` asks the kernel (wait4), so that even a peak of a microsecond counts. */
const TIME = '/usr/bin/time';
const TIMEOUT_MS = 15 * 60_000;

/**
 * Each contender in turn, so many rounds: a machine that grows slower or faster meanwhile does so for all of them.
 * One that fails is out of the later rounds.
 */
export async function measureInTurn<Name extends string>(
  contenders: ReadonlyMap<Name, Contender>,
  rounds: number,
): Promise<Map<Name, Measured | Failed>> {
  const runs = new Map<Name, Run[]>();
  const failed = new Map<Name, Failed>();
  for (let round = 0; round < rounds; round += 1) {
    for (const [name, contender] of contenders) {
      if (failed.has(name)) continue;
      try {
        const measured = await measureOnce(contender);
        runs.set(name, [...(runs.get(name) ?? []), measured]);
      } catch (error) {
        failed.set(name, { failure: error instanceof Error ? error.message : String(error) });
      }
    }
  }
  return new Map<Name, Measured | Failed>([...[...runs].map(summarise), ...failed]);
}

interface Run {
  readonly elapsedMs: number;
  readonly peakBytes: number | undefined;
}

async function measureOnce(contender: Contender): Promise<Run> {
  await contender.prepare();
  using temp = makeTempDirectory({ prefix: 'ferry-bench-' });
  const report = temp.join('peak');
  const command = [contender.program, ...contender.args];
  const timed = existsSync(TIME)
    ? [TIME, '--format=%M', `--output=${report}`, ...command]
    : command;
  const [program = '', ...args] = timed;
  const start = performance.now();
  const { status, stderr } = await run(program, args, {
    env: contender.env,
    cwd: contender.cwd,
    timeoutMs: TIMEOUT_MS,
  });
  const elapsedMs = performance.now() - start;
  if (status !== 0) throw new Error(stderr.trim());
  await contender.check();
  const peakKibibytes = existsSync(report) ? Number(readFileSync(report, 'utf8')) : undefined;
  return { elapsedMs, peakBytes: peakKibibytes === undefined ? undefined : peakKibibytes * 1024 };
}

function summarise<Name>([name, runs]: [Name, readonly Run[]]): [Name, Measured] {
  const runsMs = runs.map((each) => each.elapsedMs);
  const peaks = runs.flatMap(({ peakBytes }) => (peakBytes === undefined ? [] : [peakBytes]));
  const peakBytes = peaks.length === 0 ? undefined : Math.max(...peaks);
  return [name, { medianMs: median(runsMs), peakBytes, runsMs }];
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const upper = sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
  const lower = sorted[Math.floor((sorted.length - 1) / 2)] ?? Number.NaN;
  return (lower + upper) / 2;
}
