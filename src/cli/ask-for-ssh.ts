/**
 * ssh's questions where several logins are under way at once: one at a time on the terminal, each saying for whom, while
 * nothing else is drawn there.
 */
import { parseStoreUri } from '../config/store-uri.ts';
import { wipeSecrets } from '../host/questions.ts';
import { answerSsh } from '../host/ssh-questions.ts';
import { sshDestination } from '../system/ssh-arguments.ts';
import { prepareSsh, type PrepareSsh } from '../system/ssh.ts';
import { prepareSshCalls } from '../system/ssh-calls.ts';
import { openAskSecret } from './ask-secret.ts';
import type { CommandContext } from './context.ts';
import type { Session } from './session.ts';

/** How the far end of a URI is reached; undefined for what isn't reached by ssh. */
export type PrepareSshFor = (uri: string) => PrepareSsh | undefined;

/** What is typed is forgotten when the session is closed. */
export function askForSsh(context: CommandContext, session: Session): PrepareSshFor {
  const { env } = context;
  const askSecret = openAskSecret(context);
  session.use({ [Symbol.asyncDispose]: async () => wipeSecrets(askSecret) });
  return (text) => {
    const uri = parseStoreUri(text);
    if (uri.kind !== 'ssh' && uri.kind !== 'ssh-ng') return undefined;
    if (uri.host === 'localhost') return undefined;
    return async (options) => {
      await using opened = new AsyncDisposableStack();
      const calls = opened.use(await prepareSshCalls({ ...options, needsDirectory: true }));
      const name = sshDestination(uri);
      const onDiagnostic = (line: string): void => session.onLine(line);
      const scene = { env, askSecret, onDiagnostic };
      const answers = opened.use(await answerSsh({ name, uri, calls, scene }));
      const variables = { ...options.env, ...answers.variables };
      const launcher = opened.use(await prepareSsh({ ...options, env: variables }));
      const kept = opened.move();
      return { ...launcher, [Symbol.asyncDispose]: () => kept.disposeAsync() };
    };
  };
}
