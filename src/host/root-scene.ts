/** What it takes to become root on a host. */
import type { HostFacts } from './host-facts.ts';
import type { HostLogin, SshUri } from './host-login.ts';
import type { HostScene } from './host-scene.ts';
import type { RootAccess } from './survey.ts';
import type { TimeLimit } from './time-limit.ts';

export interface RootScene {
  /** How people call the host. */
  readonly name: string;
  readonly uri: SshUri;
  readonly login: HostLogin;
  readonly root: RootAccess;
  readonly facts: HostFacts;
  readonly scene: HostScene;
  readonly signal?: AbortSignal | undefined;
}

export interface BeginLimits {
  readonly limit: TimeLimit;
  /** Aborted when it takes too long, and with the caller's. */
  readonly signal: AbortSignal;
}
