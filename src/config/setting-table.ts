/**
 * The settings of nix.conf that bear on what ferry does: name, kind and value without any configuration. Everything
 * else (the files, the flags, `ferry config show`) comes from this table. (Nix manual, "nix.conf".)
 */
import { existsSync } from 'node:fs';
import type { Environment } from './environment.ts';
import {
  booleanKind,
  featuresKind,
  listKind,
  numberKind,
  optionalPathKind,
  pathKind,
  setKind,
  textKind,
  type SettingKind,
} from './setting-kinds.ts';

/** The values, named as in nix.conf with their units behind. */
export interface SettingValues {
  /** `store`: the store that is meant where none is named; NIX_REMOTE where nothing else says. */
  readonly store: string;
  /** `substituters`: stores that have what is missing, asked by priority and then in this order. */
  readonly substituters: readonly string[];
  /** `trusted-substituters`: what users that aren't trusted may add to those. */
  readonly trustedSubstituters: readonly string[];
  /** `trusted-public-keys`: as text, perhaps malformed: `config/trusted-keys.ts` reads them. */
  readonly trustedPublicKeys: readonly string[];
  /** `require-sigs`: whether paths from elsewhere need a signature by a trusted key. */
  readonly requireSigs: boolean;
  /** `secret-key-files`: what is built here is signed with them, and their public halves are trusted. */
  readonly secretKeyFiles: readonly string[];
  /** `trusted-users`: user names, and groups as `@group`. */
  readonly trustedUsers: readonly string[];
  /** `allowed-users`: who may talk to the daemon at all; `*` is everybody. */
  readonly allowedUsers: readonly string[];
  /** `substitute`: whether substituters are asked. */
  readonly substitute: boolean;
  readonly alwaysAllowSubstitutes: boolean;
  /** `fallback`: build what a substituter failed to give. */
  readonly fallback: boolean;
  /** `builders-use-substitutes`: a far builder fetches by itself what it can. */
  readonly buildersUseSubstitutes: boolean;
  /** `max-substitution-jobs`: paths fetched at a time. */
  readonly maxSubstitutionJobs: number;
  /** `http-connections`: 0 is without limit. */
  readonly httpConnections: number;
  readonly http2: boolean;
  /** `connect-timeout`: 0 is without limit. */
  readonly connectTimeoutSeconds: number;
  /** `stalled-download-timeout`: silence after which a download counts as dead. */
  readonly stalledDownloadTimeoutSeconds: number;
  /** `download-attempts`, in Nix 2.36 `filetransfer-retry-attempts`. */
  readonly downloadAttempts: number;
  /** `download-speed`: KiB per second, 0 is without limit. */
  readonly downloadSpeedKiB: number;
  /** `download-buffer-size`, in bytes. */
  readonly downloadBufferSize: number;
  /** `filetransfer-retry-delay` of Nix 2.36: before the first repetition; it doubles with each. */
  readonly filetransferRetryDelayMs: number;
  /** `filetransfer-retry-delay-rate-limited`: the same after 429 and 503. */
  readonly filetransferRetryDelayRateLimitedMs: number;
  /** `filetransfer-retry-max-delay`. */
  readonly filetransferRetryMaxDelayMs: number;
  /** `filetransfer-retry-jitter`: whether the delays vary, so that many machines don't come back at once. */
  readonly filetransferRetryJitter: boolean;
  /** `netrc-file`: passwords for hosts; it need not exist. */
  readonly netrcFile: string;
  /** `ssl-cert-file`: certificates of authorities that are trusted; empty is none but those of the system. */
  readonly sslCertFile: string;
  readonly userAgentSuffix: string;
  /** `narinfo-cache-negative-ttl`: for how long a cache is believed not to have a path. */
  readonly narinfoCacheNegativeTtlSeconds: number;
  readonly narinfoCachePositiveTtlSeconds: number;
  /** `narinfo-cache-meta-ttl`: for how long `nix-cache-info` is believed. */
  readonly narinfoCacheMetaTtlSeconds: number;
  /** `keep-derivations`: the garbage collector keeps the derivations of what is live. */
  readonly keepDerivations: boolean;
  /** `keep-outputs`: the garbage collector keeps the outputs of derivations that are live. */
  readonly keepOutputs: boolean;
  readonly autoOptimiseStore: boolean;
  /** `min-free`, in bytes: less than that starts the garbage collector. */
  readonly minFree: number;
  /** `max-free`, in bytes: how much it then frees; `Infinity` is all it can. */
  readonly maxFree: number;
  /** `min-free-check-interval`: for so long nobody looks again how much is free. */
  readonly minFreeCheckIntervalSeconds: number;
  /** How many jobs a build may run at once; 0 is as many as the machine can. */
  readonly cores: number;
  /** `gc-reserved-space`, in bytes. */
  readonly gcReservedSpace: number;
  readonly fsyncMetadata: boolean;
  readonly fsyncStorePaths: boolean;
  readonly syncBeforeRegistering: boolean;
  readonly useSqliteWal: boolean;
  /** `nar-buffer-size`, in bytes. */
  readonly narBufferSize: number;
  /** `ignored-acls`: extended attributes that a path may keep. */
  readonly ignoredAcls: readonly string[];
  readonly buildUsersGroup: string;
  /** `post-build-hook`: a program; empty is none. */
  readonly postBuildHook: string;
  /** `warn-large-path-threshold`, in bytes; 0 is never. */
  readonly warnLargePathThreshold: number;
  /** `use-case-hack`: names that differ in case alone get a suffix, on macOS. */
  readonly useCaseHack: boolean;
  /** `allow-symlinked-store`, or NIX_IGNORE_SYMLINK_STORE=1. */
  readonly ignoreSymlinkedStore: boolean;
  readonly useXdgBaseDirectories: boolean;
  readonly experimentalFeatures: readonly string[];
}

export interface SettingDefinition<T> {
  /** As nix.conf spells it. */
  readonly name: string;
  readonly kind: SettingKind<T>;
  /** Its value where nothing is configured. */
  readonly initial: (env: Environment) => T;
  /** Older and newer spellings. */
  readonly aliases: readonly string[];
}

const CACHE_NIXOS_ORG = 'cache.nixos.org-1:6NCHdD59X431o0gWypbMrAURkbJ16ZPMQFGspcDShjY=';
const CERTIFICATES = [
  '/etc/ssl/certs/ca-certificates.crt',
  '/nix/var/nix/profiles/default/etc/ssl/certs/ca-bundle.crt',
];

export const settingTable: {
  readonly [Key in keyof SettingValues]: SettingDefinition<SettingValues[Key]>;
} = {
  store: {
    ...define('store', textKind, 'auto'),
    initial: ({ variables }) => variables['NIX_REMOTE'] || 'auto',
  },
  substituters: define('substituters', listKind, ['https://cache.nixos.org/'], 'binary-caches'),
  trustedSubstituters: define('trusted-substituters', setKind, [], 'trusted-binary-caches'),
  trustedPublicKeys: define(
    'trusted-public-keys',
    listKind,
    [CACHE_NIXOS_ORG],
    'binary-cache-public-keys',
  ),
  requireSigs: define('require-sigs', booleanKind, true),
  secretKeyFiles: define('secret-key-files', listKind, []),
  trustedUsers: define('trusted-users', listKind, ['root']),
  allowedUsers: define('allowed-users', listKind, ['*']),
  substitute: define('substitute', booleanKind, true, 'build-use-substitutes'),
  alwaysAllowSubstitutes: define('always-allow-substitutes', booleanKind, false),
  fallback: define('fallback', booleanKind, false, 'build-fallback'),
  buildersUseSubstitutes: define('builders-use-substitutes', booleanKind, false),
  maxSubstitutionJobs: define('max-substitution-jobs', numberKind, 16, 'substitution-max-jobs'),
  httpConnections: define('http-connections', numberKind, 25, 'binary-caches-parallel-connections'),
  http2: define('http2', booleanKind, true),
  connectTimeoutSeconds: define('connect-timeout', numberKind, 15),
  stalledDownloadTimeoutSeconds: define('stalled-download-timeout', numberKind, 300),
  downloadAttempts: define('download-attempts', numberKind, 5, 'filetransfer-retry-attempts'),
  downloadSpeedKiB: define('download-speed', numberKind, 0),
  downloadBufferSize: define('download-buffer-size', numberKind, 1 << 20),
  filetransferRetryDelayMs: define('filetransfer-retry-delay', numberKind, 100),
  filetransferRetryDelayRateLimitedMs: define(
    'filetransfer-retry-delay-rate-limited',
    numberKind,
    5000,
  ),
  filetransferRetryMaxDelayMs: define('filetransfer-retry-max-delay', numberKind, 60_000),
  filetransferRetryJitter: define('filetransfer-retry-jitter', booleanKind, true),
  netrcFile: {
    ...define('netrc-file', pathKind, ''),
    initial: ({ confDir }) => `${confDir}/netrc`,
  },
  sslCertFile: {
    ...define('ssl-cert-file', optionalPathKind, ''),
    initial: ({ variables }) =>
      variables['NIX_SSL_CERT_FILE'] ||
      variables['SSL_CERT_FILE'] ||
      (CERTIFICATES.find((file) => existsSync(file)) ?? ''),
  },
  userAgentSuffix: define('user-agent-suffix', textKind, ''),
  narinfoCacheNegativeTtlSeconds: define('narinfo-cache-negative-ttl', numberKind, 3600),
  narinfoCachePositiveTtlSeconds: define('narinfo-cache-positive-ttl', numberKind, 2_592_000),
  narinfoCacheMetaTtlSeconds: define('narinfo-cache-meta-ttl', numberKind, 604_800),
  keepDerivations: define('keep-derivations', booleanKind, true, 'gc-keep-derivations'),
  keepOutputs: define('keep-outputs', booleanKind, false, 'gc-keep-outputs'),
  autoOptimiseStore: define('auto-optimise-store', booleanKind, false),
  minFree: define('min-free', numberKind, 0),
  maxFree: define('max-free', numberKind, Infinity),
  minFreeCheckIntervalSeconds: define('min-free-check-interval', numberKind, 5),
  cores: define('cores', numberKind, 0, 'build-cores'),
  gcReservedSpace: define('gc-reserved-space', numberKind, 8 << 20),
  fsyncMetadata: define('fsync-metadata', booleanKind, true),
  fsyncStorePaths: define('fsync-store-paths', booleanKind, false),
  syncBeforeRegistering: define('sync-before-registering', booleanKind, false),
  useSqliteWal: define('use-sqlite-wal', booleanKind, true),
  narBufferSize: define('nar-buffer-size', numberKind, 32 << 20),
  ignoredAcls: define('ignored-acls', setKind, [
    'security.csm',
    'security.selinux',
    'system.nfs4_acl',
  ]),
  buildUsersGroup: {
    ...define('build-users-group', textKind, ''),
    initial: ({ isRoot }) => (isRoot ? 'nixbld' : ''),
  },
  postBuildHook: define('post-build-hook', textKind, ''),
  warnLargePathThreshold: define('warn-large-path-threshold', numberKind, 0),
  useCaseHack: {
    ...define('use-case-hack', booleanKind, false),
    initial: ({ platform }) => platform === 'darwin',
  },
  ignoreSymlinkedStore: {
    ...define('allow-symlinked-store', booleanKind, false),
    initial: ({ variables }) => variables['NIX_IGNORE_SYMLINK_STORE'] === '1',
  },
  useXdgBaseDirectories: define('use-xdg-base-directories', booleanKind, false),
  experimentalFeatures: define('experimental-features', featuresKind, []),
};

function define<T>(
  name: string,
  kind: SettingKind<T>,
  initial: T,
  ...aliases: readonly string[]
): SettingDefinition<T> {
  return { name, kind, initial: () => initial, aliases };
}
