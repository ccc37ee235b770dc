/**
 * Runs a script on a host. The script and its arguments reach a `sh` there through its stdin, so that they are in no list
 * of processes and of any length. Its own stdin is empty.
 *
 * When we go away (a timeout, an abort, a lost connection, kill -9) the other end of the stdin is closed; the host notices
 * and hangs up (SIGHUP) on all that the script started. What has a session of its own there (`setsid`, systemd-run) or
 * ignores SIGHUP goes on.
 */
import { FerryError } from '../error.ts';
import { WAIT_MS_MAX } from '../system/pause.ts';
import { quoteShellWord } from '../system/shell-words.ts';
import { makeMark, writeAnyway, type Session, type SessionRequest } from './begin-session.ts';
import type { HostRun, HostRunOptions } from './host-connection.ts';
import { lost } from './host-login.ts';
import { ScriptStderr, ScriptStdout } from './script-output.ts';
import { sessionError } from './session-error.ts';

/** Begins a session as the user who is to run it. */
type Begin = (request: SessionRequest, signal: AbortSignal | undefined) => Promise<Session>;

export interface ScriptScene {
  /** How people call the host. */
  readonly name: string;
  readonly begin: Begin;
  /** What precedes every script, on one line: variables. */
  readonly setUp: string;
}

const defaultTimeoutMs = 60_000;

/** @throws FerryError `unavailable`, `denied`, `not-found`; `signal.reason` */
export async function runScript(
  scene: ScriptScene,
  script: string,
  options: HostRunOptions = {},
): Promise<HostRun> {
  const { signal, timeoutMs = defaultTimeoutMs, onLine } = options;
  signal?.throwIfAborted();
  const endMark = makeMark();
  const stdout = new ScriptStdout(endMark, onLine);
  const stderr = new ScriptStderr(endMark);
  const text = Buffer.from(withArguments(script, options.args ?? []));
  const session = await scene.begin(
    { line: scene.setUp + lineFor(text.length, endMark), onStderr: (more) => stderr.take(more) },
    signal,
  );
  let isLate = false;
  const stop = (): void => void session.abort();
  const timer = setTimeout(
    () => {
      isLate = true;
      stop();
    },
    Math.min(timeoutMs, WAIT_MS_MAX),
  );
  signal?.addEventListener('abort', stop);
  try {
    signal?.throwIfAborted();
    await writeAnyway(session, text);
    await readAll(session, stdout);
    const ended = session.exited.then(() => session.ending());
    // The last of stderr may come after the last of stdout.
    await Promise.race([stderr.ended, ended]);
    signal?.throwIfAborted();
    const { status } = stderr;
    if (status !== undefined) {
      await session.close();
      return { status, stdout: stdout.text, stderr: stderr.lastLines() };
    }
    const ending = await ended;
    if (isLate) throw tooLate(scene.name, timeoutMs);
    throw session.hasBegun ? lost(scene.name) : sessionError(scene.name, ending, session.noise);
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener('abort', stop);
    await session.abort();
  }
}

function withArguments(script: string, args: readonly string[]): string {
  return `set -- ${args.map(quoteShellWord).join(' ')}\n${script}\n`;
}

/**
 * What reads the script, watches over it, and tells how it ended. `head` may read too much: there is nothing more to
 * come but the end.
 */
function lineFor(sizeBytes: number, endMark: string): string {
  return [
    `ferry_script=$(head -c ${sizeBytes})`,
    'exec 3<&0 </dev/null',
    '{ (cat <&3; kill -HUP 0) >/dev/null 2>&1 & }',
    'ferry_watch=$!',
    'exec 3<&-',
    'unset ferry_line',
    '(eval "$ferry_script")',
    'ferry_status=$?',
    'kill $ferry_watch 2>/dev/null',
    `echo ${endMark}`,
    `echo ${endMark} $ferry_status >&2`,
    'exit $ferry_status',
  ].join(';');
}

/** Up to its end; not further, where what it left running has the same stdout. */
async function readAll(session: Session, stdout: ScriptStdout): Promise<void> {
  for await (const chunk of untilGone(session.readable)) {
    stdout.take(chunk);
    if (stdout.isWhole) return;
  }
  stdout.end();
}

/** Where it breaks off, why is known to the caller. */
async function* untilGone(readable: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  try {
    yield* readable;
  } catch {
    // Ended by us.
  }
}

function tooLate(name: string, timeoutMs: number): FerryError {
  const why = `it did not end within ${timeoutMs / 1000} s`;
  return new FerryError('unavailable', `cannot run a script on "${name}": ${why}`);
}
