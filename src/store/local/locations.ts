/** Where a local store lies: what the parameters of its URI mean as directories, and how it is named to people. */
import { join, resolve } from 'node:path';
import { parseStoreDir, type StoreDir } from '../../format/store-path.ts';

export interface StoreLocations {
  /** What paths are called in the database and in each other's contents. */
  readonly storeDir: StoreDir;
  /** Where they are on this machine's file system. */
  readonly realDir: string;
  /** Database, roots, locks, profiles. */
  readonly stateDir: string;
  /** Logs of builds. */
  readonly logDir: string;
  /** How messages name it; also a URI that leads to it. */
  readonly uri: string;
}

/** The parameters of a local store's URI that say where it lies; all may be absent. */
export interface LocationParameters {
  /** A directory that the others default to lie below. */
  readonly root?: string | undefined;
  readonly store?: string | undefined;
  readonly real?: string | undefined;
  readonly state?: string | undefined;
  readonly log?: string | undefined;
}

/** The machine's own, from its settings and environment. */
export type DefaultLocations = Pick<StoreLocations, 'storeDir' | 'stateDir' | 'logDir'>;

/**
 * Relative directories count from the working directory.
 * @throws FerryError `usage` for a logical store directory that isn't absolute.
 */
export function locateStore(
  parameters: LocationParameters,
  defaults: DefaultLocations,
): StoreLocations {
  const root = parameters.root === undefined ? undefined : resolve(parameters.root);
  const storeDir =
    parameters.store === undefined ? defaults.storeDir : parseStoreDir(parameters.store);
  const below = (dir: string, otherwise: string): string =>
    root === undefined ? otherwise : join(root, dir);
  return {
    storeDir,
    realDir: resolve(parameters.real ?? below('nix/store', storeDir)),
    stateDir: resolve(parameters.state ?? below('nix/var/nix', defaults.stateDir)),
    logDir: resolve(parameters.log ?? below('nix/var/log/nix', defaults.logDir)),
    uri: formatUri(root, parameters),
  };
}

/** `local`, or the root alone where it says everything, or all that was given. */
function formatUri(root: string | undefined, parameters: LocationParameters): string {
  const { store, real, state, log } = parameters;
  const others = Object.entries({ store, real, state, log }).filter(
    (pair): pair is [string, string] => pair[1] !== undefined,
  );
  if (others.length === 0) return root ?? 'local';
  const all = root === undefined ? others : [['root', root] as const, ...others];
  const query = all.map(
    ([name, value]) => `${name}=${encodeURI(value).replace(/[?#&]/g, encodeURIComponent)}`,
  );
  return `local?${query.join('&')}`;
}
