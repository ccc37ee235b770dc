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
import { plainText } from '../wire/transport.ts';
import { makeMark, writeAnyway, type Session, type SessionRequest } from './begin-session.ts';
import type { HostRun, HostRunOptions } from './host-connection.ts';
import { lost } from './host-login.ts';
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
const stdoutMax = 1 << 20;
const stderrMax = 16 << 10;
/** Of one line that is told. */
const lineMax = 64 << 10;
/** Lines of stderr that are kept. */
const linesMax = 40;
/** What a script left running may hold its stdout open: a silence of so long after its end is the end of that too. */
const lingerMs = 500;

/** @throws FerryError `unavailable`, `denied`, `not-found`; `signal.reason` */
export async function runScript(
  scene: ScriptScene,
  script: string,
  options: HostRunOptions = {},
): Promise<HostRun> {
  const { signal, timeoutMs = defaultTimeoutMs, onLine } = options;
  signal?.throwIfAborted();
  const endMark = makeMark();
  let linger: NodeJS.Timeout | undefined;
  const stderr = new ScriptStderr(endMark, () => waitForSilence());
  const waitForSilence = (): void => {
    if (stderr.status === undefined) return;
    clearTimeout(linger);
    linger = setTimeout(() => stop(), lingerMs);
  };
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
    const stdout = await readStdout(session, onLine, waitForSilence);
    // The last of stderr may come after the last of stdout.
    const ending = await session.ending();
    signal?.throwIfAborted();
    const { status } = stderr;
    if (status !== undefined) return { status, stdout, stderr: stderr.lastLines() };
    if (isLate) throw tooLate(scene.name, timeoutMs);
    throw session.hasBegun ? lost(scene.name) : sessionError(scene.name, ending, session.noise);
  } finally {
    clearTimeout(timer);
    clearTimeout(linger);
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
    `echo "${endMark} $ferry_status" >&2`,
    'exit $ferry_status',
  ].join(';');
}

/** What it prints on stderr, up to the line of ours that tells its status. */
class ScriptStderr {
  readonly #mark: string;
  #text = '';
  #status: number | undefined;
  readonly #onEnd: () => void;

  /** @param onEnd is called when the script is through; never where it doesn't come to that. */
  constructor(mark: string, onEnd: () => void) {
    this.#mark = mark;
    this.#onEnd = onEnd;
  }

  get status(): number | undefined {
    return this.#status;
  }

  take(more: string): void {
    if (this.#status !== undefined) return;
    this.#text = (this.#text + more).slice(-stderrMax);
    const at = this.#text.indexOf(this.#mark);
    const end = at < 0 ? -1 : this.#text.indexOf('\n', at);
    if (end < 0) return;
    const status = this.#text.slice(at + this.#mark.length, end).trim();
    this.#text = this.#text.slice(0, at);
    this.#status = /^\d{1,3}$/.test(status) ? Number(status) : 255;
    this.#onEnd();
  }

  lastLines(): string {
    return plainText(this.#text).trim().split('\n').slice(-linesMax).join('\n');
  }
}

async function readStdout(
  session: Session,
  onLine: ((line: string) => void) | undefined,
  onChunk: () => void,
): Promise<string> {
  const decoder = new TextDecoder();
  let kept = '';
  let line = '';
  const take = (text: string): void => {
    if (kept.length < stdoutMax) kept += text.slice(0, stdoutMax - kept.length);
    if (onLine === undefined) return;
    const lines = (line + text).split('\n');
    line = lines.pop() ?? '';
    for (const whole of lines) onLine(whole);
    if (line.length > lineMax) {
      onLine(line);
      line = '';
    }
  };
  for await (const chunk of untilGone(session.readable)) {
    onChunk();
    take(decoder.decode(chunk, { stream: true }));
  }
  take(decoder.decode());
  if (line !== '') onLine?.(line);
  return kept;
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
