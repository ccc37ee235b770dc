/**
 * Begins a session of root where the password must be typed on a terminal: doas always wants that, sudo with `requiretty`.
 * A session with a terminal carries the password and nothing else; the data go through named pipes in a private
 * directory on the host, and through a session without a terminal to us, byte for byte.
 */
import { FerryError } from '../error.ts';
import type { RunningProcess } from '../system/process.ts';
import { quoteShellWord } from '../system/shell-words.ts';
import { plainText } from '../wire/transport.ts';
import { findMark } from './after-mark.ts';
import {
  beginningShell,
  beginSession,
  makeMark,
  stderrAfter,
  withoutMarks,
  wrapProcess,
  writeAnyway,
  type Session,
  type SessionRequest,
} from './begin-session.ts';
import { lost } from './host-login.ts';
import type { PasswordDialog } from './password-dialog.ts';
import { saysWrong, writeSecret } from './password-session.ts';
import type { BeginLimits, RootScene } from './root-scene.ts';
import { sessionError } from './session-error.ts';

/** Undefined where the password was wrong. */
export async function beginOnTerminal(
  scene: RootScene,
  request: SessionRequest,
  dialog: PasswordDialog,
  { limit, signal }: BeginLimits,
): Promise<Session | undefined> {
  const { login, name, root } = scene;
  if (login.isHere) {
    const why = `${root.how} wants a terminal for the password`;
    throw new FerryError('denied', `cannot become root on "${name}": ${why}`, {
      hint: `run ferry as root, or let ${root.how} ask for no password`,
    });
  }
  await using cleanup = new AsyncDisposableStack();
  const mark = makeMark();
  const stderr = stderrAfter(mark, request.onStderr);
  const pipes = await beginSession(login, { line: pipesLine(), onStderr: stderr.take });
  cleanup.defer(() => pipes.abort());
  const onAbort = (): void => void pipes.abort();
  signal.addEventListener('abort', onAbort);
  cleanup.defer(async () => signal.removeEventListener('abort', onAbort));
  const source = pipes.readable[Symbol.asyncIterator]();
  const directory = await firstLine(source);
  signal.throwIfAborted();
  // It becomes part of a command.
  if (directory === undefined || !/^\/[\w./-]+$/.test(directory)) throw await noPipes(name, pipes);
  const terminal = await becomeRoot(scene, request, { directory, mark }, dialog, { limit, signal });
  if (terminal === undefined) return undefined;
  cleanup.defer(() => terminal.abort());
  await writeAnyway(pipes, Buffer.from('go\n'));
  const kept = cleanup.move();
  // Root's shell says its mark through the pipes too; what comes after that is what was asked for.
  const found = await findMark({ [Symbol.asyncIterator]: () => source }, mark);
  if (!found.isFound) {
    await kept[Symbol.asyncDispose]();
    throw sessionError(name, await pipes.ending(), found.noise);
  }
  await writeAnyway(pipes, Buffer.from(`${request.line}\n`));
  return joined(
    pipes,
    kept,
    wrapProcess(pipes, { readable: found.rest, noise: '', hasBegun: true, marks: [mark] }),
  );
}

/** The process that carries the data, which takes the other one with it. */
function joined(pipes: RunningProcess, both: AsyncDisposable, session: Session): Session {
  return {
    ...session,
    get isRunning() {
      return pipes.isRunning;
    },
    close: async () => {
      await pipes.close();
      await both[Symbol.asyncDispose]();
    },
    abort: async () => {
      await both[Symbol.asyncDispose]();
    },
  };
}

/**
 * Makes the pipes, says where, and opens them when it is told that root's shell does so too: opening waits for the other
 * side, and were there none, it would wait for ever.
 */
function pipesLine(): string {
  return [
    'umask 077',
    'ferry_pipes=$(mktemp -d) || exit 1',
    `trap 'rm -rf "$ferry_pipes"' EXIT`,
    'trap "exit 1" HUP INT TERM',
    'mkfifo "$ferry_pipes/in" "$ferry_pipes/out" "$ferry_pipes/err" || exit 1',
    'echo "$ferry_pipes"',
    'IFS= read -r ferry_go || exit 1',
    'exec 3<&0 </dev/null',
    'cat "$ferry_pipes/out" & ferry_out=$!',
    'cat "$ferry_pipes/err" >&2 & ferry_err=$!',
    'cat <&3 >"$ferry_pipes/in" & ferry_in=$!',
    'exec 3<&-',
    'wait $ferry_out $ferry_err',
    'kill $ferry_in 2>/dev/null',
  ].join(';');
}

interface Meeting {
  /** Where the pipes are. */
  readonly directory: string;
  readonly mark: string;
}

/** The session with the terminal, once root's shell is there and about to open the pipes. */
async function becomeRoot(
  { login, root, name }: RootScene,
  request: SessionRequest,
  { directory, mark }: Meeting,
  dialog: PasswordDialog,
  { limit, signal }: BeginLimits,
): Promise<RunningProcess | undefined> {
  const asks = makeMark();
  const isIn = makeMark();
  const prompt = makeMark();
  const become = root.how === 'sudo' ? [root.program, '-p', prompt, '--'] : [root.program];
  const open = `echo ${isIn};exec <${directory}/in >${directory}/out 2>${directory}/err;`;
  const words = [
    ...become.map(quoteShellWord),
    beginningShell(mark, open),
    ...(request.words ?? []),
  ];
  const child = await login.start(
    `exec /bin/sh -c 'echo ${asks};exec "$@"' ferry ${words.join(' ')}`,
    { hasTerminal: true },
  );
  const asked = root.how === 'sudo' ? new RegExp(prompt) : /doas \([^()\r\n]*\) password: ?$/;
  const onAbort = (): void => void child.abort();
  signal.addEventListener('abort', onAbort);
  const over = new AbortController();
  void child.exited.then(() => over.abort(lost(name)));
  const asking = AbortSignal.any([signal, over.signal]);
  let seen = '';
  let isAfter = false;
  const decoder = new TextDecoder();
  const chunks = child.readable[Symbol.asyncIterator]();
  try {
    for (let next = await chunks.next(); next.done !== true; next = await chunks.next()) {
      seen = (seen + decoder.decode(next.value, { stream: true })).slice(-seenMax);
      const at = isAfter ? -1 : endOf(asks, seen);
      if (at >= 0) {
        isAfter = true;
        seen = seen.slice(at);
      }
      if (isAfter && endOf(isIn, seen) >= 0) {
        void drain(chunks);
        return child;
      }
      if (isAfter && asked.test(seen)) {
        seen = '';
        await writeSecret(child, await limit.pausedFor(dialog.next(asking)));
      }
    }
    signal.throwIfAborted();
    const ending = await child.ending();
    const all = withoutMarks(plainText(`${seen}\n${ending.said}`), [asks, isIn, prompt]);
    const said = dialog.withoutPasswords(all);
    if (dialog.hasGiven && saysWrong({ ...ending, said })) return undefined;
    throw sessionError(name, { ...ending, said }, '');
  } catch (error) {
    await child.abort();
    signal.throwIfAborted();
    throw error;
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}

const seenMax = 16 * 1024;

/** Where the line with the mark ends; -1 where it isn't there. How a line ends depends on the terminal's modes. */
function endOf(mark: string, text: string): number {
  const at = text.indexOf(mark);
  const end = at < 0 ? -1 : text.indexOf('\n', at);
  return end < 0 ? -1 : end + 1;
}

/** Nothing that it prints may hold it up. */
async function drain(chunks: AsyncIterator<Uint8Array>): Promise<void> {
  try {
    while ((await chunks.next()).done !== true);
  } catch {
    // It is gone.
  }
}

/** Byte for byte: what follows the line isn't there yet. Undefined where there is none. */
async function firstLine(source: AsyncIterator<Uint8Array>): Promise<string | undefined> {
  let text = '';
  while (text.length < 4096) {
    const next = await source.next();
    if (next.done === true) return undefined;
    text += Buffer.from(next.value).toString('utf8');
    const end = text.indexOf('\n');
    if (end >= 0) return text.slice(0, end);
  }
  return undefined;
}

async function noPipes(name: string, pipes: Session): Promise<FerryError> {
  return sessionError(name, await pipes.ending(), pipes.noise);
}
