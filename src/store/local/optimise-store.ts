/**
 * Lets equal files of a store share their contents, as `nix-store --optimise` does: one file, under all its names, which
 * also stands in `.links` under its hash. Nix may do the same at the same time.
 */
import { join } from 'node:path';
import { isFerryError } from '../../error.ts';
import type { StorePath } from '../../format/store-path.ts';
import { forEachAtOnce } from '../../system/at-once.ts';
import type { LinkedInodes, ShareNote, ShareResult } from '../../system/link-jobs.ts';
import type { TreeWorkers } from '../../system/tree-jobs.ts';
import type { CallOptions } from '../store.ts';
import type { ReadableStore, WritableStore } from './connection.ts';
import { linksDirOf } from './links-dir.ts';

export interface OptimiseOptions extends CallOptions {
  /** Change nothing, only count. */
  readonly dryRun?: boolean | undefined;
  readonly onEvent?: ((event: OptimiseEvent) => void) | undefined;
}

export type OptimiseEvent =
  /** So many paths are gone through, and there are so many links. */
  | { readonly type: 'start'; readonly paths: number; readonly links: number }
  | { readonly type: 'begin'; readonly path: StorePath }
  /** One path is done. */
  | { readonly type: 'path'; readonly path: StorePath }
  | { readonly type: 'note'; readonly note: ShareNote }
  /** A path could not be gone through; the others are all the same. */
  | { readonly type: 'failed'; readonly path: StorePath; readonly error: unknown };

export interface Optimised {
  readonly filesLinked: number;
  /** Bytes of the files that were replaced. */
  readonly bytesFreed: number;
  /** Paths that could not be gone through. */
  readonly failed: number;
}

export interface OptimiseContext {
  readonly realDir: string;
  readonly workers: TreeWorkers;
  /** Only read in a dry run. */
  readonly store: ReadableStore & Partial<Pick<WritableStore, 'tempRoots'>>;
}

/** Paths that are held against garbage collection at a time. */
const CHUNK = 500;

/** @throws FerryError `denied`, and what asking the database throws */
export async function optimiseStore(
  context: OptimiseContext,
  { dryRun = false, onEvent, signal }: OptimiseOptions,
): Promise<Optimised> {
  const { realDir, workers, store } = context;
  const linksDir = linksDirOf(realDir);
  const paths = await store.db.read(() => store.queries.allPaths(), signal);
  const linked = await workers.linkedInodes(linksDir, { signal });
  onEvent?.({ type: 'start', paths: paths.length, links: linked.length });
  const sum = new Sum();
  for (let at = 0; at < paths.length; at += CHUNK) {
    const chunk = paths.slice(at, at + CHUNK);
    if (!dryRun) await store.tempRoots?.add(chunk, signal);
    const valid = await store.db.read(() => chunk.filter((p) => store.queries.isValid(p)), signal);
    await shareEach(context, valid, { dryRun, linksDir, linked, sum, onEvent, signal });
  }
  return sum.optimised();
}

interface Run extends OptimiseOptions {
  readonly dryRun: boolean;
  readonly linksDir: string;
  readonly linked: LinkedInodes;
  readonly sum: Sum;
}

async function shareEach(
  { realDir, workers, store }: OptimiseContext,
  paths: Iterable<StorePath>,
  { dryRun, linksDir, linked, sum, onEvent, signal }: Run,
): Promise<void> {
  // Twice as many as there are threads: each then finds its next job waiting.
  await forEachAtOnce(paths, workers.width * 2, async (path) => {
    const tree = join(realDir, path);
    onEvent?.({ type: 'begin', path });
    try {
      const request = { tree, linksDir, temporaryDir: realDir, linked, dryRun, signal };
      const result = await workers.share(request);
      sum.add(result);
      for (const note of result.notes) onEvent?.({ type: 'note', note });
    } catch (error) {
      signal?.throwIfAborted();
      if (isFerryError(error, 'internal')) throw error;
      // Somebody may have deleted it meanwhile, whatever we hold.
      if (await store.db.read(() => store.queries.isValid(path), signal)) {
        sum.failed++;
        onEvent?.({ type: 'failed', path, error });
      }
    }
    onEvent?.({ type: 'path', path });
  });
}

class Sum {
  failed = 0;
  #filesLinked = 0;
  #bytesFreed = 0;
  /** Of a dry run, by hash: the inode of the file that would become the link. */
  readonly #first = new Map<string, number>();

  add({ filesLinked, bytesFreed, unlinked }: ShareResult): void {
    this.#filesLinked += filesLinked;
    this.#bytesFreed += bytesFreed;
    for (const { hash, inode, size } of unlinked) {
      const first = this.#first.get(hash);
      if (first === undefined) {
        this.#first.set(hash, inode);
      } else if (first !== inode) {
        this.#filesLinked++;
        this.#bytesFreed += size;
      }
    }
  }

  optimised(): Optimised {
    return { filesLinked: this.#filesLinked, bytesFreed: this.#bytesFreed, failed: this.failed };
  }
}
