/**
 * Begins a session on a host: whatever its login shell is and prints, a `sh` ends up reading one line of script from
 * stdin, as the user who is wanted. What the host's `ps` shows is the same for all sessions, but for a random mark
 * and the words of a program.
 */
import { crypto } from '../format/crypto.ts';
import type { MaybePromise } from '../bytes/maybe-promise.ts';
import type { RunningProcess } from '../system/process.ts';
import { quoteShellWord } from '../system/shell-words.ts';
import { findMark } from './after-mark.ts';
import type { HostLogin } from './host-login.ts';

export interface SessionRequest {
  /** A line for `sh`. */
  readonly line: string;
  /** Its `$1` and so on, as the login shell is to read them. */
  readonly words?: readonly string[] | undefined;
  /** What it prints on stderr from the line on. */
  readonly onStderr?: ((text: string) => void) | undefined;
}

export interface Session extends RunningProcess {
  /** Whether the line is being worked on; known when the first byte or the end was read. */
  readonly hasBegun: boolean;
  /** What the login shell printed before; bounded. */
  readonly noise: string;
}

/** A mark that no text has by chance. */
export function makeMark(): string {
  return `ferry-${crypto().randomBytes(16).toString('hex')}`;
}

/**
 * The words of a `sh` that says where it begins, on stdout and on stderr, and does what a line of its stdin says. Every
 * login shell understands them: one line, single quotes, and neither a backslash nor an exclamation mark.
 */
export function beginningShell(mark: string, before = ''): string {
  const script = `${before}echo;echo ${mark};echo ${mark} >&2;IFS= read -r ferry_line;eval "$ferry_line"`;
  return `/bin/sh -c '${script}' ferry`;
}

/** Of the user who logged in, or with `become`, the words of a program that needs to be asked for no password. */
export async function beginSession(
  login: HostLogin,
  request: SessionRequest,
  become: readonly string[] = [],
): Promise<Session> {
  const mark = makeMark();
  const words = [...become.map(quoteShellWord), beginningShell(mark), ...(request.words ?? [])];
  const stderr = stderrAfter(mark, request.onStderr);
  const child = await login.start(`exec ${words.join(' ')}`, { onStderr: stderr.take });
  await writeAnyway(child, Buffer.from(`${request.line}\n`));
  return afterMark(child, mark, stderr.marks);
}

/** The same process, read from after the mark on. */
export function afterMark(
  child: RunningProcess,
  mark: string,
  marks: readonly string[] = [mark],
): Session {
  const state = { hasBegun: false, noise: '' };
  async function* read(): AsyncGenerator<Uint8Array> {
    const { isFound, noise, rest } = await findMark(child.readable, mark);
    state.noise = noise;
    state.hasBegun = isFound;
    if (isFound) yield* rest;
  }
  return wrapProcess(child, {
    readable: read(),
    marks,
    get hasBegun() {
      return state.hasBegun;
    },
    get noise() {
      return state.noise;
    },
  });
}

interface SessionParts extends Pick<Session, 'readable' | 'hasBegun' | 'noise'> {
  /** What of ours is in its stderr, which is nobody's business. */
  readonly marks: readonly string[];
}

export function wrapProcess(child: RunningProcess, parts: SessionParts): Session {
  return {
    pid: child.pid,
    get isRunning() {
      return child.isRunning;
    },
    exited: child.exited,
    readable: parts.readable,
    get hasBegun() {
      return parts.hasBegun;
    },
    get noise() {
      return parts.noise;
    },
    write: (bytes, onSent): MaybePromise<void> => child.write(bytes, onSent),
    end: () => child.end(),
    close: () => child.close(),
    abort: () => child.abort(),
    ending: async () => {
      const ending = await child.ending();
      return { ...ending, said: withoutMarks(ending.said, parts.marks) };
    },
  };
}

export function withoutMarks(text: string, marks: readonly string[]): string {
  let plain = text;
  for (const mark of marks) plain = plain.replaceAll(mark, '');
  return plain.replaceAll(/\n\n+/g, '\n').trim();
}

interface StderrAfter {
  readonly take: (text: string) => void;
  readonly marks: readonly string[];
}

/** Before the mark login shells and sudo talk. */
export function stderrAfter(mark: string, onStderr: SessionRequest['onStderr']): StderrAfter {
  let before = '';
  let isAfter = false;
  return {
    marks: [mark],
    take(text) {
      if (onStderr === undefined) return;
      if (isAfter) {
        onStderr(text);
        return;
      }
      before = (before + text).slice(-noiseMax);
      const at = before.indexOf(`${mark}\n`);
      if (at < 0) return;
      isAfter = true;
      const rest = before.slice(at + mark.length + 1);
      before = '';
      if (rest !== '') onStderr(rest);
    },
  };
}

const noiseMax = 64 * 1024;

/** Where it takes no more, that is met where its output ends. */
export async function writeAnyway(child: RunningProcess, bytes: Uint8Array): Promise<void> {
  try {
    await child.write(bytes);
  } catch {
    // It said why on stderr.
  }
}
