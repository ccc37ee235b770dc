/**
 * Begins a session of root by sudo with a password, which goes through its stdin, once it has asked for it in words that
 * we chose.
 */
import type { RunningProcess } from '../system/process.ts';
import { quoteShellWord } from '../system/shell-words.ts';
import type { Ending } from '../wire/transport.ts';
import { findMark } from './after-mark.ts';
import {
  beginningShell,
  makeMark,
  stderrAfter,
  withoutMarks,
  wrapProcess,
  writeAnyway,
  type Session,
  type SessionRequest,
} from './begin-session.ts';
import type { PasswordDialog } from './password-dialog.ts';
import type { BeginLimits, RootScene } from './root-scene.ts';
import { isRefusal, sessionError } from './session-error.ts';

/** Undefined where the password was wrong and sudo asks no more. */
export async function beginWithPassword(
  scene: RootScene,
  request: SessionRequest,
  dialog: PasswordDialog,
  { limit, signal }: BeginLimits,
): Promise<Session | undefined> {
  const { login, root, name } = scene;
  const mark = makeMark();
  const prompt = makeMark();
  const marks = [prompt, mark];
  const sudo = [root.program, '-S', '-p', prompt, '--'].map(quoteShellWord);
  const words = [...sudo, beginningShell(mark), ...(request.words ?? [])];
  const over = new AbortController();
  const asking = AbortSignal.any([signal, over.signal]);
  const failed = Promise.withResolvers<never>();
  failed.promise.catch(() => {});
  const started = Promise.withResolvers<RunningProcess>();
  const give = async (): Promise<void> => {
    const child = await started.promise;
    void child.exited.then(() => over.abort());
    await writeSecret(child, await limit.pausedFor(dialog.next(asking)));
  };
  // When sudo has ended, why is what it said, and nobody is to be asked any more.
  const onFailed = (error: unknown): void => {
    if (!over.signal.aborted) failed.reject(error);
  };
  const prompts = countOf(prompt, () => void give().catch(onFailed));
  const stderr = stderrAfter(mark, request.onStderr);
  const child = await login.start(`exec ${words.join(' ')}`, {
    onStderr: (text) => {
      prompts(text);
      stderr.take(text);
    },
  });
  started.resolve(child);
  const onAbort = (): void => {
    failed.reject(signal.reason);
  };
  signal.addEventListener('abort', onAbort);
  try {
    signal.throwIfAborted();
    const found = await Promise.race([findMark(child.readable, mark), failed.promise]);
    if (found.isFound) {
      await writeAnyway(child, Buffer.from(`${request.line}\n`));
      return wrapProcess(child, {
        readable: found.rest,
        noise: found.noise,
        hasBegun: true,
        marks,
      });
    }
    const ending = await child.ending();
    await child.abort();
    if (dialog.hasGiven && saysWrong(ending)) return undefined;
    const said = dialog.withoutPasswords(withoutMarks(ending.said, marks));
    throw sessionError(name, { ...ending, said }, dialog.withoutPasswords(found.noise));
  } catch (error) {
    await child.abort();
    throw error;
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}

/**
 * Whether they gave up for a wrong password, of which they tell in the language of the host: what isn't known to be
 * anything else is that.
 */
export function saysWrong({ said, status }: Ending): boolean {
  return status === 1 && !isRefusal(said);
}

/** The bytes are gone from memory once they are gone. */
export async function writeSecret(child: RunningProcess, bytes: Uint8Array): Promise<void> {
  try {
    await child.write(bytes, () => void bytes.fill(0));
  } catch {
    // It is gone, and said why.
  }
}

/** Calls for each time that the text, cut however, has the mark in it. */
function countOf(mark: string, onFound: () => void): (text: string) => void {
  let rest = '';
  return (text) => {
    const parts = (rest + text).split(mark);
    rest = (parts.pop() ?? '').slice(-mark.length);
    for (const _ of parts) onFound();
  };
}
