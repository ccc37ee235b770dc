/**
 * Checks a whole store, as `nix-store --verify` does: that valid paths are there, that `.links` and the paths have the
 * contents that they had; and puts in order what can be. No garbage is collected meanwhile.
 */
import { closeSync } from 'node:fs';
import { join } from 'node:path';
import { isFerryError } from '../../error.ts';
import { formatHash, hashesEqual, type Hash } from '../../format/hash.ts';
import type { PathInfo } from '../../format/path-info.ts';
import { printStorePath, type StorePath } from '../../format/store-path.ts';
import { forEachAtOnce } from '../../system/at-once.ts';
import { openLockFile, waitForLock } from '../../system/flock.ts';
import type { TreeWorkers } from '../../system/tree-jobs.ts';
import type { CallOptions } from '../store.ts';
import { linksDirOf } from './links-dir.ts';
import { checkExistence, type ExistenceContext } from './verify-existence.ts';
import { removeLink, verifyLinks } from './verify-links.ts';

export interface VerifyStoreOptions extends CallOptions {
  /** Read and hash everything; else only look whether it is there. */
  readonly checkContents?: boolean | undefined;
  /**
   * Makes broken paths whole again, and says which it could not, and why. Without it they are only told of. Damaged
   * links are removed where it is given.
   */
  readonly repair?:
    | ((paths: readonly StorePath[]) => Promise<ReadonlyMap<StorePath, unknown>>)
    | undefined;
  /** Something begins or was found, in the order in which it happens. */
  readonly onEvent?: ((event: VerifyStoreEvent) => void) | undefined;
  /** Called as contents are hashed: bytes of NAR since the last call. */
  readonly onBytes?: ((bytes: number) => void) | undefined;
}

export type VerifyStoreEvent =
  | { readonly type: 'reading' }
  /** A garbage collection is waited for. */
  | { readonly type: 'waiting' }
  | { readonly type: 'checking-existence' }
  /** It was taken out of the database, unless what is there refers to it. */
  | { readonly type: 'disappeared'; readonly path: StorePath; readonly isRemoved: boolean }
  | { readonly type: 'checking-links' }
  | { readonly type: 'checking-link'; readonly name: string }
  /** `link` is where it lies; `got` the name that it should have, absent where it can't be read. */
  | {
      readonly type: 'link-modified';
      readonly link: string;
      readonly expected: string;
      readonly got?: string | undefined;
      readonly problem?: string | undefined;
    }
  | { readonly type: 'link-removed'; readonly link: string }
  | { readonly type: 'checking-contents'; readonly paths: number }
  | { readonly type: 'checking-path'; readonly path: StorePath }
  | {
      readonly type: 'modified';
      readonly path: StorePath;
      readonly expected: Hash;
      readonly got: Hash;
    }
  /** What the database lacked is in it now. */
  | { readonly type: 'hash-added'; readonly path: StorePath }
  | { readonly type: 'size-added'; readonly path: StorePath; readonly narSize: number }
  /** It could not be looked at. */
  | { readonly type: 'failed'; readonly path: StorePath; readonly error: unknown }
  | { readonly type: 'repaired'; readonly path: StorePath }
  | {
      readonly type: 'repair-failed';
      readonly path: StorePath;
      readonly error: unknown;
      /** Whether there is nothing of it; else it is damaged. */
      readonly isGone: boolean;
    };

export interface VerifiedStore {
  /** Paths and links that were found to be damaged, or could not be looked at, and still are. */
  readonly errorsLeft: number;
}

export interface VerifyStoreContext extends ExistenceContext {
  readonly stateDir: string;
  readonly workers: TreeWorkers;
}

/** @throws FerryError `denied`, and what asking the database throws */
export async function verifyStore(
  context: VerifyStoreContext,
  options: VerifyStoreOptions,
): Promise<VerifiedStore> {
  const { stateDir, store } = context;
  const { onEvent, signal, checkContents, repair } = options;
  onEvent?.({ type: 'reading' });
  const lock = openLockFile(join(stateDir, 'gc.lock'));
  try {
    if (!store.flock.tryLock(lock, 'shared')) {
      onEvent?.({ type: 'waiting' });
      await waitForLock(store.flock, lock, 'shared', signal);
    }
    onEvent?.({ type: 'checking-existence' });
    const { present, needed } = await checkExistence(
      context,
      (path, isRemoved) => onEvent?.({ type: 'disappeared', path, isRemoved }),
      signal,
    );
    const broken = [...needed];
    let errorsLeft = 0;
    if (checkContents === true) {
      errorsLeft += await checkLinks(context, options);
      const found = await new ContentsCheck(context, options).run(present);
      broken.push(...found.broken);
      errorsLeft += found.failed;
    }
    if (repair === undefined || broken.length === 0) {
      return { errorsLeft: errorsLeft + broken.length };
    }
    const failures = await repair(broken);
    const gone = new Set(needed);
    for (const path of broken) {
      if (!failures.has(path)) {
        onEvent?.({ type: 'repaired', path });
        continue;
      }
      const isGone = gone.has(path);
      onEvent?.({ type: 'repair-failed', path, error: failures.get(path), isGone });
    }
    return { errorsLeft: errorsLeft + failures.size };
  } finally {
    closeSync(lock);
  }
}

/** @returns how many are damaged, and still there */
async function checkLinks(
  { realDir, workers }: VerifyStoreContext,
  { onEvent, signal, repair }: VerifyStoreOptions,
): Promise<number> {
  const linksDir = linksDirOf(realDir);
  let left = 0;
  onEvent?.({ type: 'checking-links' });
  await verifyLinks(workers, linksDir, {
    signal,
    onLink: (name) => onEvent?.({ type: 'checking-link', name }),
    onDamaged({ name, got, problem }) {
      const link = join(linksDir, name);
      onEvent?.({ type: 'link-modified', link, expected: name, got, problem });
      if (repair === undefined) {
        left++;
        return;
      }
      try {
        removeLink(linksDir, name);
        onEvent?.({ type: 'link-removed', link });
      } catch {
        // It is no file, say: that it is there still is what counts.
        left++;
      }
    },
  });
  return left;
}

/** Rows that are changed in one transaction. */
const UPDATES_AT_ONCE = 500;

interface Update {
  readonly path: StorePath;
  readonly narHash: Hash;
  readonly narSize: number;
}

class ContentsCheck {
  readonly #context: VerifyStoreContext;
  readonly #options: VerifyStoreOptions;
  readonly #broken: StorePath[] = [];
  #failed = 0;
  #updates: Update[] = [];

  constructor(context: VerifyStoreContext, options: VerifyStoreOptions) {
    this.#context = context;
    this.#options = options;
  }

  async run(present: readonly StorePath[]): Promise<{
    readonly broken: readonly StorePath[];
    readonly failed: number;
  }> {
    const { workers } = this.#context;
    const { onEvent, signal } = this.#options;
    onEvent?.({ type: 'checking-contents', paths: present.length });
    const paths = await this.#largestFirst(present);
    // Twice as many as there are threads: each then finds its next job waiting.
    await forEachAtOnce(paths, workers.width * 2, async (path) => {
      signal?.throwIfAborted();
      await this.#check(path);
    });
    await this.#update();
    return { broken: this.#broken, failed: this.#failed };
  }

  /** One that came last would be at work alone. */
  async #largestFirst(paths: readonly StorePath[]): Promise<StorePath[]> {
    const { storeDir, store } = this.#context;
    const sizes = new Map<string, number>();
    await store.db.read(() => {
      const rows = store.db.query<[string, number | null]>('select path, narSize from ValidPaths');
      // A size that nobody knows may be large.
      for (const [path, size] of rows.all()) sizes.set(path, size ?? Number.MAX_SAFE_INTEGER);
    }, this.#options.signal);
    const sizeOf = (path: StorePath): number => sizes.get(printStorePath(storeDir, path)) ?? 0;
    return paths
      .map((path) => [path, sizeOf(path)] as const)
      .sort(([, a], [, b]) => b - a)
      .map(([path]) => path);
  }

  async #check(path: StorePath): Promise<void> {
    const { realDir, store, workers } = this.#context;
    const { onEvent, onBytes, signal } = this.#options;
    try {
      const info = await store.db.read(() => store.queries.infoOf(path), signal);
      // No garbage is collected, but who doesn't ask for that lock may have deleted it.
      if (info === undefined) return;
      onEvent?.({ type: 'checking-path', path });
      const { narHash: got, narSize } = await workers.hash({
        tree: join(realDir, path),
        onBytes,
        signal,
      });
      if (!isMissing(info.narHash) && !hashesEqual(got, info.narHash)) {
        onEvent?.({ type: 'modified', path, expected: info.narHash, got });
        this.#broken.push(path);
        return;
      }
      await this.#complete(info, got, narSize);
    } catch (error) {
      signal?.throwIfAborted();
      if (isFerryError(error, 'internal')) throw error;
      onEvent?.({ type: 'failed', path, error });
      if (this.#options.repair !== undefined && isDamage(error)) this.#broken.push(path);
      else this.#failed++;
    }
  }

  /** Databases of old have paths without a hash or a size. */
  async #complete({ path, narHash, narSize }: PathInfo, got: Hash, size: number): Promise<void> {
    const { onEvent } = this.#options;
    if (isMissing(narHash)) onEvent?.({ type: 'hash-added', path });
    if (narSize === 0) onEvent?.({ type: 'size-added', path, narSize: size });
    if (!isMissing(narHash) && narSize !== 0) return;
    this.#updates.push({ path, narHash: got, narSize: narSize === 0 ? size : narSize });
    if (this.#updates.length >= UPDATES_AT_ONCE) await this.#update();
  }

  async #update(): Promise<void> {
    const updates = this.#updates;
    this.#updates = [];
    if (updates.length === 0) return;
    const { db } = this.#context.store;
    const statement = db.statement('update ValidPaths set hash = ?, narSize = ? where path = ?');
    await db.transaction(() => {
      for (const { path, narHash, narSize } of updates) {
        const printed = printStorePath(this.#context.storeDir, path);
        statement.run(formatHash(narHash, 'base16'), narSize, printed);
      }
    }, this.#options.signal);
  }
}

/** A hash of zeros stands for none. */
function isMissing({ digest }: Hash): boolean {
  return digest.every((byte) => byte === 0);
}

/** What can't be read, or is nothing that a store path may have, is put in order by taking the path anew. */
function isDamage(error: unknown): boolean {
  return (
    isFerryError(error, 'unavailable') ||
    isFerryError(error, 'unsupported') ||
    isFerryError(error, 'not-found')
  );
}
