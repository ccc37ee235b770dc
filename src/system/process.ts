/**
 * Child processes that talk over their stdin and stdout. Reading and writing have back-pressure, what they print on
 * stderr is passed on line by line and its end kept, and none outlives this process.
 */
import { spawn, type ChildProcessByStdio } from 'node:child_process';
import type { Readable, Writable } from 'node:stream';
import { FerryError } from '../error.ts';
import { plainText, type Ending, type Transport } from '../wire/transport.ts';
import { errnoOf } from './os-error.ts';

export interface ProcessOptions {
  /** All of its variables; by default those of this process. */
  readonly env?: Readonly<Record<string, string | undefined>> | undefined;
  readonly cwd?: string | undefined;
  /** A line that it printed on stderr, without control characters. */
  readonly onStderrLine?: ((line: string) => void) | undefined;
  /** What it prints on stderr as it comes, as it is: questions don't end their line. */
  readonly onStderr?: ((text: string) => void) | undefined;
  /** In a session of its own: ^C on our terminal doesn't reach it, and it can end all that it started. */
  readonly isDetached?: boolean | undefined;
}

export interface RunningProcess extends Transport {
  readonly pid: number;
  readonly isRunning: boolean;
  /** How it ended; waits until it has. */
  readonly exited: Promise<Exit>;
}

interface Exit {
  readonly status?: number | undefined;
  readonly signal?: string | undefined;
}

/** Characters of stderr that are kept for error messages. */
const saidMax = 8 * 1024;
/** How long a child may take to end by itself once it can't do anything more. */
const closeMs = 1000;
/** How long after being asked to end it is forced. */
const killMs = 2000;
/** How long the end of stderr is waited for when the child is gone: a grandchild may hold it open. */
const stderrMs = 200;

type Child = ChildProcessByStdio<Writable, Readable, Readable>;

/** @throws FerryError `not-found` when there is no such program, `denied` when it can't be run. */
export async function startProcess(
  program: string,
  args: readonly string[],
  options: ProcessOptions = {},
): Promise<RunningProcess> {
  const child = spawn(program, args, {
    stdio: ['pipe', 'pipe', 'pipe'],
    ...(options.env === undefined ? {} : { env: { ...options.env } }),
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    detached: options.isDetached ?? false,
  });
  const exited = new Promise<Exit>((resolve) => {
    child.once('exit', (status, signal) => {
      resolve({ status: status ?? undefined, signal: signal ?? undefined });
    });
  });
  // Errors of its stdin are met where it is written; without a listener they would end this process.
  child.stdin.on('error', () => {});
  const stderr = collectStderr(child, options);
  // Node throws away what nobody has begun to read when the child ends: it may say everything and be gone by then.
  child.stdout.on('readable', keepUnread);
  await spawned(child, program);
  const pid = child.pid ?? 0;
  endWithUs(child, exited);
  const abort = (): Promise<void> => abortChild(child, exited);
  return {
    pid,
    get isRunning() {
      return isRunning(child);
    },
    exited,
    readable: child.stdout,
    write: (bytes, onSent) => writeTo(child.stdin, bytes, onSent),
    end: () => {
      child.stdin.end();
    },
    close: async () => {
      child.stdin.end();
      // Whatever it still says is of no interest, but unread it would keep it from ending.
      child.stdout.off('readable', keepUnread);
      child.stdout.resume();
      await settlesWithin(exited, closeMs);
      await abort();
    },
    abort,
    ending: async (): Promise<Ending> => {
      await settlesWithin(exited, killMs);
      if (!isRunning(child)) await settlesWithin(stderr.ended, stderrMs);
      return {
        said: plainText(stderr.tail()).trim(),
        status: child.exitCode ?? undefined,
        signal: child.signalCode ?? undefined,
      };
    },
  };
}

function keepUnread(): void {}

function isRunning(child: Child): boolean {
  return child.exitCode === null && child.signalCode === null;
}

async function spawned(child: Child, program: string): Promise<void> {
  try {
    await new Promise<void>((resolve, reject) => {
      child.once('spawn', resolve);
      child.once('error', reject);
    });
    // Later ones concern signals that reached nobody.
    child.on('error', () => {});
  } catch (error) {
    const errno = errnoOf(error);
    const isMissing = errno === 'ENOENT';
    const why = isMissing ? 'there is no such program' : (errno ?? 'the system refuses');
    throw new FerryError(isMissing ? 'not-found' : 'denied', `cannot run "${program}": ${why}`, {
      cause: error,
    });
  }
}

function writeTo(
  stdin: Writable,
  bytes: Uint8Array,
  onSent: (() => void) | undefined,
): Promise<void> | undefined {
  if (!stdin.writable) throw closedInput(stdin.errored);
  if (stdin.write(bytes, onSent && ((error) => !error && onSent()))) return undefined;
  return new Promise((resolve, reject) => {
    const done = (): void => {
      stdin.off('drain', done);
      stdin.off('close', done);
      if (stdin.writable) resolve();
      else reject(closedInput(stdin.errored));
    };
    stdin.once('drain', done);
    stdin.once('close', done);
  });
}

function closedInput(cause: Error | null): FerryError {
  const message = 'the process takes no more input';
  return new FerryError('unavailable', message, cause === null ? {} : { cause });
}

interface Stderr {
  readonly ended: Promise<void>;
  tail(): string;
}

/** Always read, so that a child that floods it is not held up, and bounded, so that we aren't either. */
function collectStderr(
  child: Child,
  { onStderrLine: onLine, onStderr }: Pick<ProcessOptions, 'onStderrLine' | 'onStderr'>,
): Stderr {
  let tail = '';
  let line = '';
  const emit = (): void => {
    const text = plainText(line);
    line = '';
    if (text !== '') onLine?.(text);
  };
  child.stderr.setEncoding('utf8');
  child.stderr.on('data', (text: string) => {
    tail = (tail + text).slice(-saidMax);
    onStderr?.(text);
    if (onLine === undefined) return;
    const lines = (line + text).split('\n');
    const last = lines.pop() ?? '';
    for (const whole of lines) {
      line = whole;
      emit();
    }
    line = last;
    if (line.length > saidMax) emit();
  });
  const ended = new Promise<void>((resolve) => {
    child.stderr.once('close', () => {
      emit();
      resolve();
    });
  });
  return { ended, tail: () => tail };
}

async function abortChild(child: Child, exited: Promise<Exit>): Promise<void> {
  if (isRunning(child)) {
    child.kill('SIGTERM');
    if (!(await settlesWithin(exited, killMs))) child.kill('SIGKILL');
    // One that the kernel holds, at a dead disk perhaps, is left to it.
    await settlesWithin(exited, killMs);
  }
  child.stdin.destroy();
  child.stdout.destroy();
  await settlesWithin(
    new Promise((resolve) => {
      if (child.stderr.closed) resolve(undefined);
      else child.stderr.once('close', resolve);
    }),
    stderrMs,
  );
  child.stderr.destroy();
}

async function settlesWithin(promise: Promise<unknown>, ms: number): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<boolean>((resolve) => {
    timer = setTimeout(() => resolve(false), ms);
  });
  try {
    return await Promise.race([promise.then(() => true), late]);
  } finally {
    clearTimeout(timer);
  }
}

const alive = new Set<Child>();
let isWatching = false;

/** A child whose parent is gone would wait on its pipes or a network, perhaps for ever. */
function endWithUs(child: Child, exited: Promise<Exit>): void {
  alive.add(child);
  void exited.then(() => alive.delete(child));
  if (isWatching) return;
  isWatching = true;
  process.on('exit', () => {
    for (const left of alive) left.kill('SIGTERM');
  });
}
