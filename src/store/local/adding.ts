/**
 * One path on its way into the store: unpacked beside its final name, compared with what its info says, moved into
 * place. It isn't valid yet then; until it is registered its lock is held and whatever lies there may be removed.
 */
import { renameSync } from 'node:fs';
import { join } from 'node:path';
import { FerryError, isFerryError, messageOf } from '../../error.ts';
import { formatHash, hashesEqual, type Hash } from '../../format/hash.ts';
import { isContentAddressed, type PathInfo } from '../../format/path-info.ts';
import { hashPartOf, printStorePath, type StoreDir } from '../../format/store-path.ts';
import { exists } from '../../system/exists.ts';
import { translateOsError } from '../../system/os-error.ts';
import type {
  ContentAddressRequest,
  TreeDigest,
  TreeWorkers,
  UnpackRequest,
} from '../../system/tree-jobs.ts';
import { syncDirectory } from '../../system/sync-directory.ts';
import { linksDirOf } from './links-dir.ts';

export interface AddingContext {
  readonly storeDir: StoreDir;
  readonly realDir: string;
  readonly workers: TreeWorkers;
  /** Setting `fsync-store-paths`. */
  readonly syncStorePaths: boolean;
  /** Waits until there is as much room as can be had, where that is looked after. */
  readonly makeRoom?: ((signal: AbortSignal) => Promise<void>) | undefined;
  /** Setting `auto-optimise-store`: what is added shares the contents of equal files that are there. */
  readonly autoOptimise?: boolean | undefined;
}

/**
 * Where a path is unpacked. It has the hash part of the path, so that the temporary root of the path protects it from
 * Nix's garbage collection, and one name for all time, so that what a killed process left is found and removed.
 */
export function unpackingName(info: PathInfo): string {
  return `${hashPartOf(info.path)}-unpacking.ferry`;
}

type UnpackOptions = Pick<UnpackRequest, 'onBytes' | 'signal'> & {
  /** Where the contents come from says more of an error than the path does. */
  readonly describe?: ((error: FerryError) => FerryError) | undefined;
  /** Moves what was unpacked to its final name. By default whatever lies there is removed before. */
  readonly place?: ((temporary: string, final: string) => Promise<void>) | undefined;
};

/** @throws FerryError `corrupt` for a content address that can't be that of the path. */
export function requireProperAddress(storeDir: StoreDir, info: PathInfo): void {
  if (info.ca === undefined || isContentAddressed(storeDir, info)) return;
  const path = printStorePath(storeDir, info.path);
  throw new FerryError(
    'corrupt',
    `cannot add path "${path}": it claims to be content-addressed but isn't`,
    { path },
  );
}

/**
 * The caller holds the lock on the path. When this has failed, nothing is left of it.
 * @throws FerryError `corrupt` when contents and info disagree, `no-space`, `denied`; whatever the source throws.
 */
export async function unpackPath(
  context: AddingContext,
  info: PathInfo,
  source: UnpackRequest['source'],
  { describe, place, ...options }: UnpackOptions,
): Promise<void> {
  const { realDir, workers, syncStorePaths } = context;
  const temporary = join(realDir, unpackingName(info));
  const final = join(realDir, info.path);
  if (exists(temporary)) await workers.remove(temporary);
  try {
    const digest = await workers.unpack({
      source,
      target: temporary,
      narSize: info.narSize,
      ca: addressRequest(info),
      sync: syncStorePaths,
      ...options,
    });
    compare(context.storeDir, info, digest);
    if (context.autoOptimise === true) {
      const linksDir = linksDirOf(realDir);
      const { signal } = options;
      await workers.share({ tree: temporary, linksDir, temporaryDir: realDir, signal });
    }
    if (place !== undefined) {
      await place(temporary, final);
    } else {
      if (exists(final)) await workers.remove(final);
      renameSync(temporary, final);
    }
    if (syncStorePaths) syncDirectory(realDir);
  } catch (error) {
    await workers.remove(temporary);
    throw naming(context.storeDir, info, error, describe);
  }
}

/** Takes a path that was moved into place, but can't become valid, out of the store again. */
export async function removeUnregistered(context: AddingContext, info: PathInfo): Promise<void> {
  await context.workers.remove(join(context.realDir, info.path));
}

function addressRequest({ ca, path, references }: PathInfo): ContentAddressRequest | undefined {
  if (ca === undefined) return undefined;
  const selfHashPart = references.includes(path) ? hashPartOf(path) : undefined;
  return { method: ca.method, algorithm: ca.hash.algorithm, selfHashPart };
}

function compare(storeDir: StoreDir, info: PathInfo, digest: TreeDigest): void {
  if (!hashesEqual(digest.narHash, info.narHash)) {
    throw mismatch(storeDir, info, 'hash', [info.narHash], [digest.narHash]);
  }
  if (digest.narSize !== info.narSize) {
    const path = printStorePath(storeDir, info.path);
    throw new FerryError(
      'corrupt',
      `size mismatch importing path "${path}": specified ${info.narSize} bytes, got ${digest.narSize}`,
      { path },
    );
  }
  const { ca } = info;
  if (ca === undefined) return;
  const hashes = digest.caHashes ?? [];
  if (!hashes.some((hash) => hashesEqual(hash, ca.hash))) {
    throw mismatch(storeDir, info, 'content address', [ca.hash], hashes);
  }
}

function mismatch(
  storeDir: StoreDir,
  info: PathInfo,
  what: string,
  specified: readonly Hash[],
  got: readonly Hash[],
): FerryError {
  const path = printStorePath(storeDir, info.path);
  const print = (hashes: readonly Hash[]): string =>
    hashes.map((hash) => formatHash(hash, 'sri')).join(' or ');
  return new FerryError(
    'corrupt',
    `${what} mismatch importing path "${path}": specified ${print(specified)}, got ${print(got)}`,
    { path },
  );
}

/** What is wrong with a NAR or tree, found by a worker that doesn't know which path it works on. */
function naming(
  storeDir: StoreDir,
  info: PathInfo,
  error: unknown,
  describe: UnpackOptions['describe'],
): unknown {
  const path = printStorePath(storeDir, info.path);
  if (isFerryError(error, 'corrupt') && error.path === undefined) {
    if (describe !== undefined) return describe(error);
    return new FerryError('corrupt', `cannot add path "${path}": ${messageOf(error)}`, {
      path,
      cause: error,
      ...(error.offset === undefined ? {} : { offset: error.offset }),
    });
  }
  return translateOsError(error, 'add', path);
}
