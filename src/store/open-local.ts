/** A local store from its URI, the settings and the environment: which directories, which trust, whether it can be had. */
import { accessSync, constants, existsSync } from 'node:fs';
import { join } from 'node:path';
import { formatBytes } from '../bytes/format-bytes.ts';
import { logDirOf, stateDirOf, storeDirOf, type Environment } from '../config/environment.ts';
import type { Settings } from '../config/settings.ts';
import { booleanParameter, type Parameters } from '../config/store-uri.ts';
import { loadTrustedKeys } from '../config/trusted-keys.ts';
import { parseStorePath, type StoreDir, type StorePath } from '../format/store-path.ts';
import { groupIdOf } from '../system/groups.ts';
import type { TreeWorkers } from '../system/tree-jobs.ts';
import { openLocalStore, type LocalStore } from './local/local-store.ts';
import { locateStore, type DefaultLocations } from './local/locations.ts';
import { daemonSocketOf, locateDaemonStore } from './worker/daemon-socket.ts';

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
  /** Told of what happens that nobody asked for, a line each. */
  readonly onDiagnostic?: ((line: string) => void) | undefined;
}

/**
 * @param root the directory of `local:///DIR`, or of a URI that is just a directory.
 * @throws FerryError `usage` for parameters that make no sense, and what opening throws.
 */
export async function openLocal(
  root: string | undefined,
  parameters: Parameters,
  { env, settings, workers, onDiagnostic }: LocalContext,
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
    autoOptimise: settings.autoOptimiseStore,
    syncMetadata: settings.fsyncMetadata,
    useWal: settings.useSqliteWal,
    gcReservedSpace: settings.gcReservedSpace,
    allowSymlinkedStore: settings.ignoreSymlinkedStore,
    buildGroup: buildGroupOf(env, settings),
    autoCollect: {
      minFree: settings.minFree,
      maxFree: settings.maxFree,
      checkIntervalMs: settings.minFreeCheckIntervalSeconds * 1000,
      keepOutputs: settings.keepOutputs,
      keepDerivations: settings.keepDerivations,
      onBegin: (maxFreed) => {
        const most = maxFreed === Infinity ? '' : `, ${formatBytes(maxFreed)} at the most`;
        onDiagnostic?.(`less than min-free is free: collecting garbage${most}`);
      },
    },
    heldLocks: heldLocksOf(env, locations.storeDir),
  });
}

export type AutoChoice =
  | { readonly kind: 'local'; readonly root?: string | undefined }
  | { readonly kind: 'daemon' };

/**
 * Where `auto` leads on this machine, as in Nix: its own store for who may write to it, else its daemon where there is
 * one, else (on Linux, where there is no store at all) one below the home directory.
 */
export function chooseAuto(env: Environment, parameters: Parameters): AutoChoice {
  const locations = locateDaemonStore(parameters, defaultLocations(env));
  if (env.isRoot || isWritable(locations.stateDir)) return { kind: 'local' };
  if (existsSync(daemonSocketOf(env, locations))) return { kind: 'daemon' };
  const { NIX_STORE_DIR: storeDir, NIX_STATE_DIR: state } = env.variables;
  const isMoved = storeDir !== undefined || state !== undefined || parameters.size > 0;
  if (isMoved || process.platform !== 'linux' || existsSync(locations.stateDir)) {
    return { kind: 'local' };
  }
  const root = join(env.nixDataHome, 'root');
  return { kind: 'local', root };
}

function isWritable(dir: string): boolean {
  try {
    accessSync(dir, constants.R_OK | constants.W_OK);
    return true;
  } catch {
    return false;
  }
}

/** The machine's own directories: those that Nix was built with, or moved by variables. */
export function defaultLocations(env: Environment): DefaultLocations {
  return { storeDir: storeDirOf(env), stateDir: stateDirOf(env), logDir: logDirOf(env) };
}

function buildGroupOf(env: Environment, settings: Settings): number | undefined {
  return env.isRoot && settings.buildUsersGroup !== ''
    ? groupIdOf(settings.buildUsersGroup)
    : undefined;
}

/** What a build hook is told: paths in full, separated by blanks. */
function heldLocksOf({ variables }: Environment, storeDir: StoreDir): Set<StorePath> {
  const words = (variables['NIX_HELD_LOCKS'] ?? '').split(' ').filter((word) => word !== '');
  return new Set(words.map((word) => parseStorePath(storeDir, word)));
}
