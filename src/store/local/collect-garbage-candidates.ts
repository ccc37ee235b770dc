/** What could be deleted, in the order in which Nix deletes it: as the store directory lists it, referrers first. */
import { opendirSync } from 'node:fs';
import { basename } from 'node:path';
import { setImmediate as breathe } from 'node:timers/promises';
import { isStorePathBaseName, type StorePath } from '../../format/store-path.ts';
import { errnoOf, translateOsError } from '../../system/os-error.ts';
import type { CallOptions } from '../store.ts';
import type { Liveness } from './collect-garbage-liveness.ts';
import { linksDirOf } from './links-dir.ts';

/** Something in the store directory that nothing needs. */
export type Candidate =
  /** A valid path; its NAR has so many bytes. */
  | { readonly kind: 'path'; readonly name: StorePath; readonly narSize: number }
  /** What has the name of a path but isn't valid: left by a crash, or a lock. */
  | { readonly kind: 'unregistered'; readonly name: StorePath }
  /** What can't be a path. */
  | { readonly kind: 'other'; readonly name: string };

/** Entries that are read before everything else gets its turn. */
const AT_ONCE = 4000;

/** The names in a store directory in its own order; none where there is no store. */
export async function namesInStore(
  realDir: string,
  { signal }: CallOptions = {},
): Promise<string[]> {
  const names: string[] = [];
  const linksName = basename(linksDirOf(realDir));
  try {
    using directory = opendirSync(realDir, { bufferSize: 256 });
    for (let entry = directory.readSync(); entry !== null; entry = directory.readSync()) {
      // A name that is no UTF-8 can't be told again: it stays.
      const isLegible = !entry.name.includes('\ufffd');
      if (isLegible && entry.name !== linksName) names.push(entry.name);
      if (names.length % AT_ONCE !== 0) continue;
      await breathe();
      signal?.throwIfAborted();
    }
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT') throw translateOsError(error, 'list', realDir);
  }
  return names;
}

/**
 * What isn't needed when its turn comes. With a path go all that need it, which are before it in the list.
 * @param isHeld by a temporary root, which there can also be of what isn't valid
 */
export function* candidates(
  names: readonly string[],
  liveness: Liveness,
  isHeld: (path: StorePath) => boolean,
): Generator<Candidate> {
  const { graph } = liveness;
  const isDone = new Uint8Array(graph.paths.length);
  for (const name of names) {
    if (!isStorePathBaseName(name)) {
      yield { kind: 'other', name };
      continue;
    }
    const node = graph.numbers.get(name);
    if (node === undefined) {
      if (!isHeld(name)) yield { kind: 'unregistered', name };
      continue;
    }
    if (isDone[node] === 1 || liveness.isLive(node)) continue;
    for (const dead of referrersFirst(liveness, groupOf(liveness, node, isDone))) {
      // Something else may have been found out since about what refers to it.
      if (liveness.isLive(dead)) continue;
      const path = graph.paths[dead];
      if (path !== undefined) {
        yield { kind: 'path', name: path, narSize: graph.narSizes[dead] ?? 0 };
      }
    }
  }
}

/** A node with all that need it, and that weren't met before; sorted. */
function groupOf(liveness: Liveness, start: number, isDone: Uint8Array): number[] {
  const needing = liveness.needing();
  const group = [start];
  isDone[start] = 1;
  // The list grows while it is gone through.
  for (const node of group) {
    for (const { node: other } of needing(node)) {
      if (isDone[other] === 1 || liveness.isLive(other)) continue;
      isDone[other] = 1;
      group.push(other);
    }
  }
  return group.sort((a, b) => a - b);
}

/** Depth first over sorted sets, as Nix does it, and then from the end. */
function referrersFirst({ graph }: Liveness, group: readonly number[]): number[] {
  if (group.length === 1) return [...group];
  const { offsets, targets } = graph;
  /** By node of the group: the reference that is looked at next. */
  const next = new Map(group.map((node) => [node, offsets[node] ?? 0]));
  const isMet = new Set<number>();
  const order: number[] = [];
  for (const start of group) {
    if (isMet.has(start)) continue;
    isMet.add(start);
    const stack = [start];
    for (let node = stack.at(-1); node !== undefined; node = stack.at(-1)) {
      const at = next.get(node) ?? 0;
      if (at === offsets[node + 1]) {
        order.push(node);
        stack.pop();
        continue;
      }
      next.set(node, at + 1);
      const target = targets[at] ?? 0;
      // A cycle, which no Nix makes, ends here too.
      if (!next.has(target) || isMet.has(target)) continue;
      isMet.add(target);
      stack.push(target);
    }
  }
  return order.reverse();
}
