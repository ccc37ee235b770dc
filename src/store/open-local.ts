/** A local store from its URI, the settings and the environment: which directories, which trust, whether it can be had. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { storeDirOf, type Environment } from '../config/environment.ts';
import type { Settings } from '../config/settings.ts';
import { booleanParameter, type Parameters } from '../config/store-uri.ts';
import { loadTrustedKeys } from '../config/trusted-keys.ts';
import { groupIdOf } from '../system/groups.ts';
import type { TreeWorkers } from '../system/tree-jobs.ts';
import { openLocalStore, type LocalStore } from './local/local-store.ts';
import { locateStore, type DefaultLocations } from './local/locations.ts';

/** The parameters that a local store's URI may have. */
export const localParameters: readonly string[] = [
  'root',
  'store',
  'real',
  'state',
  'log',
  'require-sigs',
  'read-only',
];

export interface LocalContext {
  readonly env: Environment;
  readonly settings: Settings;
  readonly workers: TreeWorkers;
}

/**
 * @param root the directory of `local:///DIR`, or of a URI that is just a directory.
 * @throws FerryError `usage` for parameters that make no sense, and what opening throws.
 */
export async function openLocal(
  root: string | undefined,
  parameters: Parameters,
  { env, settings, workers }: LocalContext,
): Promise<LocalStore> {
  const locations = locateStore(
    {
      root: root ?? parameters.get('root'),
      store: parameters.get('store'),
      real: parameters.get('real'),
      state: parameters.get('state'),
      log: parameters.get('log'),
    },
    defaultLocations(env),
  );
  return openLocalStore({
    ...locations,
    workers,
    readOnly: booleanParameter(parameters, 'read-only'),
    requireSigs: booleanParameter(parameters, 'require-sigs') ?? settings.requireSigs,
    trustedKeys: loadTrustedKeys(settings).keys,
    syncStorePaths: settings.fsyncStorePaths,
    syncMetadata: settings.fsyncMetadata,
    useWal: settings.useSqliteWal,
    gcReservedSpace: settings.gcReservedSpace,
    allowSymlinkedStore: settings.ignoreSymlinkedStore,
    buildGroup: buildGroupOf(env, settings),
  });
}

/**
 * Where `auto` leads on this machine: its own store, or one below the home directory for who may not have that and
 * where there is none (as Nix does on Linux).
 */
export function autoRoot(env: Environment, parameters: Parameters): string | undefined {
  const { NIX_STORE_DIR: storeDir, NIX_STATE_DIR: state } = env.variables;
  const isMoved = storeDir !== undefined || state !== undefined || parameters.size > 0;
  if (env.isRoot || isMoved || process.platform !== 'linux') return undefined;
  return existsSync(defaultLocations(env).stateDir)
    ? undefined
    : join(env.variables['NIX_DATA_HOME'] ?? join(env.dataHome, 'nix'), 'root');
}

/** The machine's own directories: those that Nix was built with, or moved by variables. */
export function defaultLocations(env: Environment): DefaultLocations {
  const { variables } = env;
  return {
    storeDir: storeDirOf(env),
    stateDir: variables['NIX_STATE_DIR'] ?? '/nix/var/nix',
    logDir: variables['NIX_LOG_DIR'] ?? '/nix/var/log/nix',
  };
}

function buildGroupOf(env: Environment, settings: Settings): number | undefined {
  return env.isRoot && settings.buildUsersGroup !== ''
    ? groupIdOf(settings.buildUsersGroup)
    : undefined;
}
