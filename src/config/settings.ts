/**
 * The settings that bear on copying, from nix.conf, the user's files, NIX_CONFIG and the command line; later wins.
 * What ferry doesn't know is kept out silently: nix.conf is written for Nix, which has many more.
 */
import { join } from 'node:path';
import { FerryError } from '../error.ts';
import type { Environment } from './environment.ts';
import { parseConfig, readConfigFile, type Assignment } from './nix-conf.ts';

export interface Settings {
  /** The store that is meant where none is named. */
  readonly store: string;
  readonly requireSigs: boolean;
  readonly trustedPublicKeys: readonly string[];
  readonly secretKeyFiles: readonly string[];
  readonly substituters: readonly string[];
  readonly substitute: boolean;
  readonly fsyncMetadata: boolean;
  readonly fsyncStorePaths: boolean;
  readonly useSqliteWal: boolean;
  readonly ignoreSymlinkedStore: boolean;
  readonly buildUsersGroup: string;
  readonly gcReservedSpace: number;
  /** Files and variables that were read, in the order in which they count. */
  readonly sources: readonly string[];
}

const DEFAULTS: Readonly<Record<string, string>> = {
  store: 'auto',
  'require-sigs': 'true',
  'trusted-public-keys': 'cache.nixos.org-1:6NCHdD59X431o0gWypbMrAURkbJ16ZPMQFGspcDShjY=',
  'secret-key-files': '',
  substituters: 'https://cache.nixos.org/',
  substitute: 'true',
  'fsync-metadata': 'true',
  'fsync-store-paths': 'false',
  'use-sqlite-wal': 'true',
  'allow-symlinked-store': 'false',
  'build-users-group': '',
  'gc-reserved-space': String(8 << 20),
};

const ALIASES: Readonly<Record<string, string>> = {
  'binary-caches': 'substituters',
  'binary-cache-public-keys': 'trusted-public-keys',
};

/**
 * @param overrides from the command line, `--option NAME VALUE`.
 * @throws FerryError `usage` for a malformed file or value.
 */
export function loadSettings(
  env: Environment,
  overrides: ReadonlyMap<string, string> = new Map(),
): Settings {
  const { variables } = env;
  const files = [join(confDir(env), 'nix.conf'), ...userFiles(env).reverse()];
  const assignments = files.flatMap(readConfigFile);
  if (variables['NIX_CONFIG'] !== undefined) {
    assignments.push(...parseConfig(variables['NIX_CONFIG'], 'NIX_CONFIG'));
  }
  for (const [name, value] of overrides) {
    assignments.push({ name, value, origin: 'the command line' });
  }
  const values = new Map<string, Assignment>();
  for (const assignment of assignments) apply(values, assignment);
  const { text, list, bool, bytes } = readersOf(values);
  return {
    store: text('store'),
    requireSigs: bool('require-sigs'),
    trustedPublicKeys: list('trusted-public-keys'),
    secretKeyFiles: list('secret-key-files'),
    substituters: list('substituters'),
    substitute: bool('substitute'),
    fsyncMetadata: bool('fsync-metadata'),
    fsyncStorePaths: bool('fsync-store-paths'),
    useSqliteWal: bool('use-sqlite-wal'),
    ignoreSymlinkedStore:
      bool('allow-symlinked-store') || variables['NIX_IGNORE_SYMLINK_STORE'] === '1',
    buildUsersGroup: text('build-users-group'),
    gcReservedSpace: bytes('gc-reserved-space'),
    sources: [...new Set(assignments.map(({ origin }) => origin.replace(/:\d+$/, '')))],
  };
}

function confDir(env: Environment): string {
  return env.variables['NIX_CONF_DIR'] ?? '/etc/nix';
}

/** The user's files, the one that counts most first. */
function userFiles({ variables, configHome }: Environment): string[] {
  const named = variables['NIX_USER_CONF_FILES'];
  if (named !== undefined) return named.split(':').filter((file) => file !== '');
  const nixHome = variables['NIX_CONFIG_HOME'] ?? join(configHome, 'nix');
  const shared = (variables['XDG_CONFIG_DIRS'] ?? '/etc/xdg').split(':');
  const dirs = shared.filter((dir) => dir !== '').map((dir) => join(dir, 'nix'));
  return [nixHome, ...dirs].map((dir) => join(dir, 'nix.conf'));
}

function apply(values: Map<string, Assignment>, assignment: Assignment): void {
  const isExtra = assignment.name.startsWith('extra-');
  const plain = isExtra ? assignment.name.slice('extra-'.length) : assignment.name;
  const name = ALIASES[plain] ?? plain;
  const known = DEFAULTS[name];
  if (known === undefined) return;
  const before = values.get(name)?.value ?? known;
  const value = isExtra ? `${before} ${assignment.value}`.trim() : assignment.value;
  values.set(name, { ...assignment, name, value });
}

function readersOf(values: ReadonlyMap<string, Assignment>): {
  text: (name: string) => string;
  list: (name: string) => string[];
  bool: (name: string) => boolean;
  bytes: (name: string) => number;
} {
  const text = (name: string): string => values.get(name)?.value ?? DEFAULTS[name] ?? '';
  const wrong = (name: string, wanted: string): FerryError =>
    new FerryError(
      'usage',
      `setting ${name} is "${text(name)}" (${values.get(name)?.origin ?? 'default'}), not ${wanted}`,
    );
  return {
    text,
    list: (name) =>
      text(name)
        .split(/\s+/)
        .filter((word) => word !== ''),
    bool(name) {
      if (/^(true|yes|1)$/.test(text(name))) return true;
      if (/^(false|no|0)$/.test(text(name))) return false;
      throw wrong(name, 'true or false');
    },
    bytes(name) {
      const match = /^(\d{1,15})([KMGT]?)$/i.exec(text(name));
      if (match === null) throw wrong(name, 'a number of bytes');
      const power = ' KMGT'.indexOf((match[2] ?? '').toUpperCase() || ' ');
      return Number(match[1]) * 1024 ** power;
    },
  };
}
