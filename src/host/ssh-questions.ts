/** ssh's own questions (password, passphrase, host key), asked by us: not on its terminal, and none twice. */
import type { SshCalls } from '../system/ssh-calls.ts';
import type { HostScene } from './host-scene.ts';
import type { SshUri } from './host-login.ts';
import type { TimeLimit } from './time-limit.ts';

export interface SshAnswers extends AsyncDisposable {
  /** What ssh must be started with; empty where it is to ask by itself. */
  readonly variables: Readonly<Record<string, string>>;
  /** What is to stand still while somebody is asked. */
  readonly limit: (limit: TimeLimit | undefined) => void;
}

export async function answerSsh(_options: {
  readonly name: string;
  readonly uri: SshUri;
  readonly calls: SshCalls;
  readonly scene: HostScene;
}): Promise<SshAnswers> {
  return { variables: {}, limit: () => {}, [Symbol.asyncDispose]: async () => {} };
}
