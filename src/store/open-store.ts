/** From a URI to an open store: the one place that knows which kinds there are. */
import { readEnvironment, type Environment } from '../config/environment.ts';
import { loadSettings, type Settings } from '../config/settings.ts';
import { parseStoreUri, type Parameters, type StoreUri } from '../config/store-uri.ts';
import { uriWithoutSecrets } from '../config/uri-without-secrets.ts';
import { FerryError } from '../error.ts';
import type { PrepareSsh } from '../system/ssh.ts';
import { openTreeWorkers } from '../system/threads/tree-workers.ts';
import type { TreeWorkers } from '../system/tree-jobs.ts';
import {
  chooseAuto,
  defaultLocations,
  localParameters,
  openLocal,
  type LocalContext,
} from './open-local.ts';
import type { Store } from './store.ts';
import { substituterParameters, substituterParametersOf } from './wrap/substituter-parameters.ts';

/** What a store needs from outside; all of it has quiet defaults. */
export interface OpenStoreOptions {
  /** Default: this process's. */
  readonly env?: Environment | undefined;
  /** Default: nix.conf and what else counts, by `env`. */
  readonly settings?: Settings | undefined;
  /** Threads for file trees, to be shared by several stores. Without them the store starts its own, and ends them. */
  readonly workers?: TreeWorkers | undefined;
  /** What the far end says on the side (ssh, the remote program), line by line. */
  readonly onDiagnostic?: ((line: string) => void) | undefined;
  /** How the programs at the far end of ssh are reached; by default a connection of its own for each store. */
  readonly prepareSsh?: PrepareSsh | undefined;
  /** Settings that were changed for this one use: a daemon is told of them. */
  readonly overrides?: ReadonlyMap<string, string> | undefined;
}

/**
 * Opens a store for reading and writing; nothing is written before something is added. Without a URI it is this
 * machine's own, as the setting `store` and `NIX_REMOTE` say.
 *
 * ```ts
 * import { openStore } from 'nix-ferry';
 *
 * await using store = await openStore('/tmp/no-such-store');
 * console.log(store.storeDir); // /nix/store
 * console.log([...(await store.queryValidPaths([]))].length); // 0
 * ```
 *
 * @throws FerryError `usage` for what is no store URI, `unsupported` for kinds that can't be opened.
 */
export async function openStore(uri?: string, options: OpenStoreOptions = {}): Promise<Store> {
  const env = options.env ?? readEnvironment();
  const settings = options.settings ?? loadSettings(env);
  const ownWorkers = options.workers === undefined ? openTreeWorkers() : undefined;
  const workers = options.workers ?? ownWorkers;
  if (workers === undefined) throw new FerryError('internal', 'no workers');
  try {
    const { onDiagnostic, overrides, prepareSsh } = options;
    const context = { env, settings, workers, onDiagnostic, overrides, prepareSsh };
    const store = await openKind(uri ?? settings.store, context);
    return ownWorkers === undefined ? store : disposingAlso(store, ownWorkers);
  } catch (error) {
    await ownWorkers?.[Symbol.asyncDispose]();
    throw error;
  }
}

interface Context extends LocalContext {
  readonly onDiagnostic: ((line: string) => void) | undefined;
  readonly overrides: ReadonlyMap<string, string> | undefined;
  readonly prepareSsh: PrepareSsh | undefined;
}

async function openKind(text: string, context: Context): Promise<Store> {
  const uri = parseStoreUri(text);
  const withParameters = substituterParametersOf(uri.parameters);
  return withParameters(await openUri(text, uri, context));
}

async function openUri(text: string, uri: StoreUri, context: Context): Promise<Store> {
  const warn = (known: readonly string[]): void => {
    warnOfUnknown(text, uri.parameters, known, context);
  };
  switch (uri.kind) {
    case 'auto': {
      const choice = chooseAuto(context.env, uri.parameters);
      if (choice.kind === 'daemon') return openDaemon(uri, context, warn);
      warn(localParameters);
      return openLocal(choice.root, uri.parameters, context);
    }
    case 'local':
      warn(localParameters);
      return openLocal(uri.root, uri.parameters, context);
    case 'ssh': {
      const { openSshStore, sshParameters } = await import('./serve/open-ssh-store.ts');
      warn(sshParameters);
      return openSshStore(uri, context);
    }
    case 'daemon':
      return openDaemon(uri, context, warn);
    case 'ssh-ng': {
      const { openSshNgStore } = await import('./worker/open-ssh-ng-store.ts');
      const { sshParameters } = await import('./far/ssh-far-end.ts');
      warn(sshParameters);
      // Another machine is told what was said for this command, and not what stands in the user's files: as a rule that
      // is meant for this one, and may have passwords.
      return openSshNgStore(uri, context);
    }
    case 'bundle': {
      const { openBundleUri } = await import('./bundle/open-bundle-uri.ts');
      warn([]);
      return await openBundleUri(uri.path);
    }
    case 'file':
    case 'http':
    case 'https':
    case 's3': {
      const { openCache } = await import('./open-cache.ts');
      return openCache(uri, context, warn);
    }
  }
}

async function openDaemon(
  uri: Pick<Extract<StoreUri, { kind: 'daemon' }>, 'socket' | 'parameters'>,
  context: Context,
  warn: (known: readonly string[]) => void,
): Promise<Store> {
  const { daemonParameters, openDaemonStore } = await import('./worker/open-daemon-store.ts');
  warn(daemonParameters);
  const overrides = context.settings.overridden;
  return openDaemonStore(uri, { ...context, overrides, defaults: defaultLocations(context.env) });
}

/** Whoever copies to a store signs by these; binary caches do so by themselves. */
const SIGNING_PARAMETERS: readonly string[] = ['secret-key', 'secret-keys'];
const PARAMETERS_OF_ALL: readonly string[] = [...SIGNING_PARAMETERS, ...substituterParameters];

/** Nix warns of them too, and goes on. */
function warnOfUnknown(
  text: string,
  parameters: Parameters,
  known: readonly string[],
  { onDiagnostic }: Context,
): void {
  for (const name of parameters.keys()) {
    if (!known.includes(name) && !PARAMETERS_OF_ALL.includes(name))
      onDiagnostic?.(
        `warning: store "${uriWithoutSecrets(text)}" has an unknown parameter "${name}"`,
      );
  }
}

function disposingAlso(store: Store, workers: TreeWorkers): Store {
  return Object.assign(store, {
    [Symbol.asyncDispose]: disposeBoth(store[Symbol.asyncDispose].bind(store), workers),
  });
}

function disposeBoth(dispose: () => PromiseLike<void>, workers: TreeWorkers): () => Promise<void> {
  return async () => {
    try {
      await dispose();
    } finally {
      await workers[Symbol.asyncDispose]();
    }
  };
}
