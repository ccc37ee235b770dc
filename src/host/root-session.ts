/** Begins sessions of root where the user who logs in isn't: by sudo or doas, with a password where they want one. */
import { FerryError } from '../error.ts';
import { beginSession, type Session, type SessionRequest } from './begin-session.ts';
import { PasswordDialog } from './password-dialog.ts';
import { beginWithPassword } from './password-session.ts';
import type { RootDoor } from './root-door.ts';
import type { BeginLimits, RootScene } from './root-scene.ts';
import { RootRefused } from './session-error.ts';
import type { RootAccess } from './survey.ts';
import { beginOnTerminal } from './terminal-session.ts';
import { TimeLimit } from './time-limit.ts';

/** To become root once the password is typed. */
const beginMs = 120_000;

/**
 * By the first of the ways that lets this user in.
 * @throws FerryError `denied`, `unavailable`; `signal.reason`
 */
export async function beginAsRoot(
  scene: Omit<RootScene, 'root'>,
  door: RootDoor,
  request: SessionRequest,
): Promise<Session> {
  return await door.through(scene.signal, () => beginByAny(scene, door.ways, request));
}

async function beginByAny(
  scene: Omit<RootScene, 'root'>,
  ways: Set<RootAccess>,
  request: SessionRequest,
): Promise<Session> {
  for (;;) {
    const [root] = ways;
    if (root === undefined) throw new FerryError('internal', 'there is no way to become root');
    try {
      return await beginBy({ ...scene, root }, request);
    } catch (error) {
      if (!(error instanceof RootRefused) || [...ways].every((way) => way === root)) throw error;
      ways.delete(root);
    }
  }
}

async function beginBy(scene: RootScene, request: SessionRequest): Promise<Session> {
  const { login, root } = scene;
  if (!root.needsPassword) {
    const words = root.how === 'sudo' ? [root.program, '-n', '--'] : [root.program, '-n'];
    return await beginSession(login, request, words);
  }
  const dialog = new PasswordDialog(scene);
  const begin = root.needsTerminal ? beginOnTerminal : beginWithPassword;
  for (;;) {
    const session = await within(scene, (limits) => begin(scene, request, dialog, limits));
    if (session !== undefined) return session;
    // It has given up, after fewer attempts than we have.
    dialog.refused();
    if (!dialog.hasTriesLeft) throw dialog.wrong();
  }
}

async function within<T>(
  { name, signal }: RootScene,
  begin: (limits: BeginLimits) => Promise<T>,
): Promise<T> {
  const late = new AbortController();
  const limit = new TimeLimit(beginMs, () => late.abort());
  const signals = signal === undefined ? late.signal : AbortSignal.any([late.signal, signal]);
  try {
    return await begin({ limit, signal: signals });
  } catch (error) {
    signal?.throwIfAborted();
    if (!limit.isLate) throw error;
    const seconds = Math.round(beginMs / 1000);
    throw new FerryError('unavailable', `cannot become root on "${name}" within ${seconds} s`);
  } finally {
    limit.end();
  }
}
