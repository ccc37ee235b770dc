/** Runs a program to its end for a test: nothing inherited that wasn't asked for, and never longer than its limit. */
import { spawn } from 'node:child_process';
import { buffer } from 'node:stream/consumers';

export interface RunOptions {
  /** The whole environment of the program; that of the test itself where absent. */
  readonly env?: Readonly<Record<string, string>> | undefined;
  readonly input?: string | Uint8Array | undefined;
  readonly cwd?: string | undefined;
  /** After this the program and all that it started are killed and the run fails. */
  readonly timeoutMs?: number | undefined;
}

export interface FinishedBytes {
  /** Null where a signal ended it. */
  readonly status: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: Uint8Array;
  readonly stderr: string;
}

export interface Finished extends Omit<FinishedBytes, 'stdout'> {
  readonly stdout: string;
}

const TIMEOUT_MS = 120_000;

/** Whatever the exit status: the caller judges it. Rejects where the program can't start or takes too long. */
export async function run(
  program: string,
  args: readonly string[],
  options: RunOptions = {},
): Promise<Finished> {
  const finished = await runForBytes(program, args, options);
  return { ...finished, stdout: new TextDecoder().decode(finished.stdout) };
}

/** Its stdout, where it must succeed: any other exit is an error that quotes stderr. */
export async function runOk(
  program: string,
  args: readonly string[],
  options: RunOptions = {},
): Promise<string> {
  const { status, signal, stdout, stderr } = await run(program, args, options);
  if (status !== 0) {
    throw new Error(`"${[program, ...args].join(' ')}" ended with ${status ?? signal}:\n${stderr}`);
  }
  return stdout;
}

/** As `run`, with stdout as it came: an export, a NAR. */
export async function runForBytes(
  program: string,
  args: readonly string[],
  options: RunOptions = {},
): Promise<FinishedBytes> {
  const timeoutMs = options.timeoutMs ?? TIMEOUT_MS;
  // A process group of its own, so that the limit ends its children too.
  const child = spawn(program, args, { cwd: options.cwd, env: options.env, detached: true });
  let isLate = false;
  const timer = setTimeout(() => {
    isLate = true;
    killGroup(child.pid);
  }, timeoutMs);
  try {
    const ended = new Promise<[number | null, NodeJS.Signals | null]>((resolve, reject) => {
      child.once('error', reject);
      child.once('close', (status, signal) => resolve([status, signal]));
    });
    // A program may end before it read all its input: that shows in its exit status, not here.
    child.stdin.on('error', () => {});
    child.stdin.end(options.input ?? '');
    const [[status, signal], stdout, stderr] = await Promise.all([
      ended,
      buffer(child.stdout),
      buffer(child.stderr),
    ]);
    if (isLate) {
      throw new Error(`"${program}" took longer than ${timeoutMs} ms:\n${stderr.toString()}`);
    }
    return { status, signal, stdout: new Uint8Array(stdout), stderr: stderr.toString() };
  } finally {
    clearTimeout(timer);
  }
}

function killGroup(pid: number | undefined): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, 'SIGKILL');
  } catch {
    // It ended by itself at this very moment.
  }
}
