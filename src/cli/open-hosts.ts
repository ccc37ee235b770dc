/** How commands reach hosts: with the session's settings and threads, and questions asked on the terminal. */
import type { HostConnection } from '../host/host-connection.ts';
import type { HostTarget } from '../host/host-target.ts';
import { openHost } from '../host/open-host.ts';
import { wipeSecrets } from '../host/questions.ts';
import { openAskSecret } from './ask-secret.ts';
import type { CommandContext } from './context.ts';
import { printable } from './errors.ts';
import type { Session } from './session.ts';

export interface HostOpener {
  /** Logged in and surveyed; the caller closes it. One question at a time is asked, whatever the number of hosts. */
  open(
    target: HostTarget,
    options?: { readonly signal?: AbortSignal | undefined },
  ): Promise<HostConnection>;
}

/** What is typed is forgotten when the session is closed. */
export function hostOpener(context: CommandContext, session: Session): HostOpener {
  const { env, overrides } = context;
  const askSecret = openAskSecret(context);
  session.use({ [Symbol.asyncDispose]: async () => wipeSecrets(askSecret) });
  return {
    open: (target, { signal = session.signal } = {}) =>
      openHost(target, {
        env,
        overrides,
        settings: session.settings,
        workers: session.workers,
        askSecret,
        signal,
        onDiagnostic: (line) => {
          // A host complains when we leave in the middle: that is no news.
          if (!signal.aborted) session.onLine(printable(line));
        },
      }),
  };
}
