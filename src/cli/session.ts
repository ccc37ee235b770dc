/** What commands that touch stores share: the settings, the worker threads, and stores opened with both. */
import { existsSync } from 'node:fs';
import { loadSettings, type Settings } from '../config/settings.ts';
import { FerryError } from '../error.ts';
import { openStore, type OpenStoreOptions } from '../store/open-store.ts';
import type { Store } from '../store/store.ts';
import type { TreeWorkers } from '../system/tree-jobs.ts';
import { openTreeWorkers } from '../system/threads/tree-workers.ts';
import { say, type CommandContext } from './context.ts';
import { realStoreDirOf } from './as-local-store.ts';
import { printable } from './errors.ts';

/** What is different for one store. */
export interface SpecialOpening {
  /** How the programs at the far end of ssh are reached. */
  readonly prepareSsh?: OpenStoreOptions['prepareSsh'];
  /** In front of the lines of its far end. */
  readonly name?: string | undefined;
}

export interface Session extends AsyncDisposable {
  readonly settings: Settings;
  readonly workers: TreeWorkers;
  /** When to stop. */
  readonly signal: AbortSignal;
  /** The store of a URI, or this machine's own. It is closed with the session. */
  open(uri: string | undefined, special?: SpecialOpening): Promise<Store>;
  /** The same, to read from it: a store on this machine must be there. */
  openExisting(uri: string | undefined): Promise<Store>;
  /** Closes it with the session. */
  use<Resource extends AsyncDisposable>(resource: Resource): Resource;
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
    signal: context.signal,
    onLine: (line) => void say(context, line).catch(() => {}),
    async open(uri, { prepareSsh, name } = {}) {
      const opening = openStore(uri, {
        settings,
        env: context.env,
        workers,
        overrides: context.overrides,
        prepareSsh,
        onDiagnostic: (line) => {
          // The far end complains when we leave in the middle: that is no news.
          if (context.signal.aborted) return;
          session.onLine(printable(name === undefined ? line : `${name}: ${line}`));
        },
      });
      return resources.use(await untilAborted(opening, context.signal));
    },
    use: (resource) => resources.use(resource),
    async openExisting(uri) {
      const store = await session.open(uri);
      requireThere(store);
      return store;
    },
    [Symbol.asyncDispose]: () => resources.disposeAsync(),
  };
  for (const text of settings.warnings) session.onLine(printable(`warning: ${text}`));
  return session;
}

/** A login may take its time, and must be left at once all the same; what opens after that is closed again. */
async function untilAborted(opening: Promise<Store>, signal: AbortSignal): Promise<Store> {
  signal.throwIfAborted();
  const aborted = Promise.withResolvers<never>();
  const onAbort = (): void => aborted.reject(signal.reason);
  signal.addEventListener('abort', onAbort);
  try {
    return await Promise.race([opening, aborted.promise]);
  } catch (error) {
    void opening.then((store) => store[Symbol.asyncDispose]()).catch(() => {});
    throw error;
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}

/** A store that isn't there looks empty, which would make a mistyped directory look like missing paths. */
function requireThere(store: Store): void {
  const realDir = realStoreDirOf(store);
  if (realDir === undefined || existsSync(realDir)) return;
  throw new FerryError('not-found', `there is no store in "${realDir}"`, {
    path: realDir,
    store: store.uri,
  });
}
