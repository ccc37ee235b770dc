/** Whether the files that share their contents still have them: each entry in `.links` is compared with its name. */
import { unlinkSync } from 'node:fs';
import { opendir } from 'node:fs/promises';
import { join } from 'node:path';
import type { StorePath } from '../../format/store-path.ts';
import type { DamagedLink } from '../../system/link-jobs.ts';
import { errnoOf, translateOsError } from '../../system/os-error.ts';
import type { TreeWorkers } from '../../system/tree-jobs.ts';
import type { CallOptions } from '../store.ts';
import { linksDirOf } from './links-dir.ts';

export interface VerifyLinksOptions extends CallOptions {
  /** Before a link is read. */
  readonly onLink?: ((name: string) => void) | undefined;
  readonly onDamaged: (link: DamagedLink) => void;
}

/** Links that one thread reads at a time. */
const BATCH = 256;

/** Reads all of them. There may be millions: their names are never all in memory. */
export async function verifyLinks(
  workers: TreeWorkers,
  linksDir: string,
  { onLink, onDamaged, signal }: VerifyLinksOptions,
): Promise<void> {
  const running = new Set<Promise<void>>();
  const check = async (names: string[]): Promise<void> => {
    const damaged = await workers.checkLinks({ linksDir, names, signal });
    for (const link of damaged) onDamaged(link);
  };
  try {
    for await (const names of namesIn(linksDir)) {
      signal?.throwIfAborted();
      for (const name of names) onLink?.(name);
      const job = check(names).finally(() => running.delete(job));
      running.add(job);
      job.catch(() => {});
      if (running.size >= workers.width * 2) await Promise.race(running);
    }
    await Promise.all(running);
  } finally {
    await Promise.allSettled(running);
  }
}

/**
 * Removes those that share the contents of broken paths and are damaged too: they would come to harm other paths.
 * @returns how many
 */
export async function removeDamagedLinks(
  workers: TreeWorkers,
  realDir: string,
  paths: Iterable<StorePath>,
  signal: AbortSignal | undefined,
): Promise<number> {
  const linksDir = linksDirOf(realDir);
  const trees = Array.from(paths, (path) => join(realDir, path));
  const names = await workers.sharedLinks({ linksDir, trees, signal });
  if (names.length === 0) return 0;
  const damaged = await workers.checkLinks({ linksDir, names, signal });
  for (const { name } of damaged) removeLink(linksDir, name);
  return damaged.length;
}

/** The contents stay, under all their other names. */
export function removeLink(linksDir: string, name: string): void {
  const link = join(linksDir, name);
  try {
    unlinkSync(Buffer.concat([Buffer.from(`${linksDir}/`), Buffer.from(name, 'latin1')]));
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT') throw translateOsError(error, 'remove', link);
  }
}

async function* namesIn(linksDir: string): AsyncGenerator<string[], undefined, undefined> {
  try {
    await using directory = await opendir(linksDir, { encoding: 'latin1', bufferSize: BATCH });
    let names: string[] = [];
    for await (const { name } of directory) {
      names.push(name);
      if (names.length < BATCH) continue;
      yield names;
      names = [];
    }
    if (names.length > 0) yield names;
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT') throw translateOsError(error, 'read', linksDir);
  }
}
