/** A binary cache from its URI, the settings and the environment: where it lies, how it is written, what is remembered of it. */
import { isAbsolute, join, normalize } from 'node:path';
import { storeDirOf, type Environment } from '../config/environment.ts';
import { readSecretKeyFile } from '../config/key-file.ts';
import type { Settings } from '../config/settings.ts';
import { booleanParameter, type Parameters, type StoreUri } from '../config/store-uri.ts';
import { FerryError } from '../error.ts';
import { compressions, parseCompression, type Compression } from '../format/compression.ts';
import { formatDigest, hashBytes } from '../format/hash.ts';
import type { SecretKey } from '../format/signature.ts';
import { parseStoreDir } from '../format/store-path.ts';
import type { TreeWorkers } from '../system/tree-jobs.ts';
import type { CacheWriting } from './cache/cache-options.ts';
import { openCacheStore, type CacheStore } from './cache/cache-store.ts';
import { openDiskCache, type DiskCache } from './cache/disk-cache.ts';
import { openFileObjects } from './cache/file-objects.ts';
import type { Objects } from './cache/objects.ts';

export type CacheUri = Extract<StoreUri, { kind: 'file' | 'http' | 'https' | 's3' }>;

export interface CacheContext {
  readonly env: Environment;
  readonly settings: Settings;
  readonly workers: TreeWorkers;
  readonly onDiagnostic?: ((line: string) => void) | undefined;
}

/** The parameters of every binary cache (Nix manual, "Binary cache store"). */
const COMMON: readonly string[] = [
  'store',
  'compression',
  'compression-level',
  'parallel-compression',
  'write-nar-listing',
  'index-debug-info',
  'local-nar-cache',
  'path-info-cache-size',
  'system-features',
];
/** Those of caches that are asked over HTTP. */
const ENCODINGS: readonly string[] = ['narinfo-compression', 'ls-compression', 'log-compression'];

/** Nix's default is xz, which is a tenth smaller and takes twenty times as long. */
const COMPRESSION_DEFAULT: Compression = 'zstd';

interface OpenedObjects {
  readonly objects: Objects;
  /** Tells it from all others, without secrets; absent where nothing is to be remembered of it. */
  readonly identity?: string | undefined;
  readonly parameters: readonly string[];
}

/**
 * @param warn told of all parameters that it may have
 * @throws FerryError `usage` for parameters that make no sense, and what opening throws.
 */
export async function openCache(
  uri: CacheUri,
  context: CacheContext,
  warn: (known: readonly string[]) => void,
): Promise<CacheStore> {
  const { env, workers, onDiagnostic } = context;
  const { parameters } = uri;
  const writing = writingOf(parameters);
  const store = parameters.get('store');
  const storeDir = store === undefined ? storeDirOf(env) : parseStoreDir(store);
  const { objects, identity, parameters: known } = await openObjects(uri, context);
  warn([...COMMON, ...known]);
  return await openCacheStore({
    objects,
    storeDir,
    workers,
    writing,
    temporaryDir: env.variables['TMPDIR'] || '/tmp',
    disk: identity === undefined ? undefined : await remember(`${identity} ${storeDir}`, context),
    onDiagnostic,
  });
}

async function openObjects(uri: CacheUri, context: CacheContext): Promise<OpenedObjects> {
  const { settings } = context;
  const { parameters } = uri;
  switch (uri.kind) {
    case 'file': {
      if (!isAbsolute(uri.path)) {
        throw new FerryError('usage', `"file://${uri.path}" does not name an absolute path`, {
          hint: `a cache in a directory is written file:///DIRECTORY`,
        });
      }
      const objects = openFileObjects({
        directory: normalize(uri.path).replace(/(?!^)\/+$/, ''),
        sync: settings.fsyncStorePaths,
        indexDebugInfo: booleanParameter(parameters, 'index-debug-info'),
      });
      return { objects, parameters: [] };
    }
    case 'http':
    case 'https': {
      const { openHttpObjects } = await import('./cache/http-objects.ts');
      const { httpObjectsOptions, httpParameters } = await import('./cache/http-options.ts');
      const url = `${uri.kind}://${uri.authority}${uri.path}`;
      const objects = await openHttpObjects(httpObjectsOptions(url, parameters, context));
      const identity = `${objects.uri} ${identityOfUser(uri.authority)}`;
      return { objects, identity, parameters: [...ENCODINGS, ...httpParameters] };
    }
    case 's3': {
      const { openS3Objects } = await import('./cache/s3-objects.ts');
      const { s3Parameters } = await import('./cache/s3-location.ts');
      const { s3ObjectsOptions } = await import('./cache/s3-options.ts');
      const objects = openS3Objects(s3ObjectsOptions(uri, context));
      const { identity } = objects;
      return { objects, identity, parameters: [...ENCODINGS, ...s3Parameters] };
    }
  }
}

/** Different users may see different things; who they are is nobody's business. Passwords could be guessed from a hash. */
function identityOfUser(authority: string): string {
  const at = authority.lastIndexOf('@');
  if (at < 0) return '';
  const [user = ''] = authority.slice(0, at).split(':', 1);
  return formatDigest(hashBytes('sha256', user));
}

function remember(identity: string, { env, settings }: CacheContext): Promise<DiskCache> {
  return openDiskCache({
    file: join(env.cacheHome, 'ferry', 'narinfo-v1.sqlite'),
    identity,
    positiveTtlMs: settings.narinfoCachePositiveTtlSeconds * 1000,
    negativeTtlMs: settings.narinfoCacheNegativeTtlSeconds * 1000,
    metaTtlMs: settings.narinfoCacheMetaTtlSeconds * 1000,
  });
}

function writingOf(parameters: Parameters): CacheWriting {
  return {
    compression: compressionParameter(parameters, 'compression') ?? COMPRESSION_DEFAULT,
    level: levelParameter(parameters),
    parallel: booleanParameter(parameters, 'parallel-compression'),
    secretKeys: secretKeysOf(parameters),
    writesListing: booleanParameter(parameters, 'write-nar-listing') ?? false,
    indexesDebugInfo: booleanParameter(parameters, 'index-debug-info') ?? false,
    encodings: {
      narInfo: compressionParameter(parameters, 'narinfo-compression'),
      listing: compressionParameter(parameters, 'ls-compression'),
      log: compressionParameter(parameters, 'log-compression'),
    },
  };
}

function compressionParameter(parameters: Parameters, name: string): Compression | undefined {
  const value = parameters.get(name);
  if (value === undefined || value === '') return undefined;
  const compression = parseCompression(value);
  if (compression !== undefined) return compression;
  throw new FerryError('usage', `store parameter ${name}="${value}" is not a compression`, {
    hint: `the compressions are ${compressions.join(', ')}`,
  });
}

/** −1 is what the method does by itself. */
function levelParameter(parameters: Parameters): number | undefined {
  const value = parameters.get('compression-level');
  if (value === undefined || value === '-1') return undefined;
  if (/^\d{1,3}$/.test(value)) return Number(value);
  throw new FerryError('usage', `store parameter compression-level="${value}" is not a level`);
}

function secretKeysOf(parameters: Parameters): SecretKey[] {
  const one = parameters.get('secret-key') ?? '';
  const several = parameters.get('secret-keys')?.split(',') ?? [];
  const files = new Set([one, ...several].filter((file) => file !== ''));
  return [...files].map(readSecretKeyFile);
}
