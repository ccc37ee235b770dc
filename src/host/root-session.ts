/** Begins sessions of root where the user who logs in isn't: by sudo or doas, with a password where they want one. */
import { beginSession, type Session, type SessionRequest } from './begin-session.ts';
import type { HostFacts } from './host-facts.ts';
import type { HostLogin } from './host-login.ts';
import type { HostScene } from './host-scene.ts';
import type { RootAccess } from './survey.ts';

export interface RootScene {
  readonly name: string;
  readonly login: HostLogin;
  readonly root: RootAccess;
  readonly facts: HostFacts;
  readonly scene: HostScene;
  readonly signal?: AbortSignal | undefined;
}

/** @throws FerryError `denied` */
export async function beginAsRoot(
  { login, root }: RootScene,
  request: SessionRequest,
): Promise<Session> {
  const words = root.how === 'sudo' ? [root.program, '-n', '--'] : [root.program, '-n'];
  return await beginSession(login, request, words);
}
