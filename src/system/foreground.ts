/**
 * Programs that talk to the person in front of the terminal themselves: stdin and stderr are theirs as they are ours,
 * and only what they print on stdout comes back. ^C on a terminal reaches them without us; what stops us otherwise is
 * passed on.
 */
import { spawn } from 'node:child_process';
import { FerryError } from '../error.ts';
import { errnoOf } from './os-error.ts';

export interface ForegroundOptions {
  /** All of its variables. */
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
  readonly signal: AbortSignal;
  /** More than this on stdout is refused. */
  readonly outputMaxBytes: number;
}

export interface Finished {
  /** Undefined where a signal ended it. */
  readonly status: number | undefined;
  /** Malformed UTF-8 comes as replacement characters. */
  readonly stdout: string;
}

/** How long after being interrupted it may take to end; then it is forced. */
const PATIENCE_MS = 500;
/** When it has ended and nothing more has come for so long, that was all. */
const SILENCE_MS = 300;

/** @throws FerryError `not-found`, `denied`, `protocol` for endless output; `signal.reason` */
export async function runForeground(
  program: string,
  args: readonly string[],
  { env, cwd, signal, outputMaxBytes }: ForegroundOptions,
): Promise<Finished> {
  signal.throwIfAborted();
  const child = spawn(program, args, {
    env: { ...env },
    cwd,
    stdio: ['inherit', 'pipe', 'inherit'],
  });
  const chunks: Uint8Array[] = [];
  let size = 0;
  let force: NodeJS.Timeout | undefined;
  let late: NodeJS.Timeout | undefined;
  const stop = (): void => {
    child.kill('SIGINT');
    force = setTimeout(() => child.kill('SIGKILL'), PATIENCE_MS);
  };
  signal.addEventListener('abort', stop, { once: true });
  const onExit = (): void => void child.kill('SIGTERM');
  process.on('exit', onExit);
  try {
    const status = await new Promise<number | undefined>((resolve, reject) => {
      let whenSilent: (() => void) | undefined;
      const waitForSilence = (): void => {
        clearTimeout(late);
        late = setTimeout(() => whenSilent?.(), signal.aborted ? 0 : SILENCE_MS);
      };
      child.stdout.on('data', (chunk: Uint8Array) => {
        size += chunk.length;
        if (size <= outputMaxBytes) chunks.push(chunk);
        else child.kill('SIGTERM');
        if (whenSilent !== undefined) waitForSilence();
      });
      child.once('error', (error) => reject(cannotRun(program, error)));
      child.once('close', (code) => resolve(code ?? undefined));
      // A process that it left behind may hold its stdout open for ever.
      child.once('exit', (code) => {
        whenSilent = () => resolve(code ?? undefined);
        waitForSilence();
      });
    });
    signal.throwIfAborted();
    if (size > outputMaxBytes) {
      throw new FerryError('protocol', `"${program}" printed more than ${outputMaxBytes} bytes`);
    }
    return { status, stdout: Buffer.concat(chunks).toString('utf8') };
  } finally {
    clearTimeout(force);
    clearTimeout(late);
    child.stdout.destroy();
    signal.removeEventListener('abort', stop);
    process.off('exit', onExit);
  }
}

function cannotRun(program: string, error: Error): FerryError {
  const errno = errnoOf(error);
  const why = errno === 'ENOENT' ? 'there is no such program' : (errno ?? 'the system refuses');
  return new FerryError(
    errno === 'ENOENT' ? 'not-found' : 'denied',
    `cannot run "${program}": ${why}`,
    { cause: error },
  );
}
