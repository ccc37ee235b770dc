/** What commands that touch stores share: the settings, the worker threads, and stores opened with both. */
import { loadSettings, type Settings } from '../config/settings.ts';
import { openStore } from '../store/open-store.ts';
import type { Store } from '../store/store.ts';
import type { TreeWorkers } from '../system/tree-jobs.ts';
import { openTreeWorkers } from '../system/threads/tree-workers.ts';
import { say, type CommandContext } from './context.ts';
import { printable } from './errors.ts';

export interface Session extends AsyncDisposable {
  readonly settings: Settings;
  readonly workers: TreeWorkers;
  /** The store of a URI, or this machine's own. It is closed with the session. */
  open(uri: string | undefined): Promise<Store>;
  /** Where lines of the far ends go: ssh's complaints, a server's warnings. May be redirected at any time. */
  onLine: (line: string) => void;
}

export function openSession(context: CommandContext): Session {
  const resources = new AsyncDisposableStack();
  const settings = loadSettings(context.env, context.overrides);
  const workers = resources.use(openTreeWorkers());
  const session: Session = {
    settings,
    workers,
    onLine: (line) => void say(context, line).catch(() => {}),
    async open(uri) {
      const store = await openStore(uri, {
        settings,
        env: context.env,
        workers,
        onDiagnostic: (line) => session.onLine(printable(line)),
      });
      return resources.use(store);
    },
    [Symbol.asyncDispose]: () => resources.disposeAsync(),
  };
  return session;
}
