/** The order of a copy: each path after all that it refers to, so that a store is closed at every moment. */
import { FerryError } from '../error.ts';
import type { PathInfo } from '../format/path-info.ts';
import { compareStorePaths, type StorePath } from '../format/store-path.ts';

export interface OrderOptions {
  /**
   * Which paths are come to first, each with what it refers to in front of it. Default: by base name, which is the order
   * that Nix itself takes (depth first over sorted sets).
   */
  readonly by?: ((a: PathInfo, b: PathInfo) => number) | undefined;
}

/** For who works on several at a time: what takes longest is not left for the end. */
export function largestFirst(a: PathInfo, b: PathInfo): number {
  return b.narSize - a.narSize || compareStorePaths(a.path, b.path);
}

/** Bytes of NAR below which Nix's own order is kept, which people know from what is printed. */
const ORDER_MATTERS_BYTES = 64 << 20;

/**
 * In which order paths of so many bytes are sent that are sorted already: the large ones come as early as they can, one
 * that came last would be at work alone.
 */
export function orderToSend(sorted: readonly PathInfo[], narSize: number): readonly PathInfo[] {
  return narSize < ORDER_MATTERS_BYTES ? sorted : sortTopologically(sorted, { by: largestFirst });
}

/**
 * References first. Only edges within the set count. Iterative: chains may be as long as the closure.
 * @throws FerryError `corrupt` for a cycle between different paths.
 */
export function sortTopologically(
  infos: readonly PathInfo[],
  { by = byPath }: OrderOptions = {},
): PathInfo[] {
  const all = new Map<StorePath, PathInfo>(infos.map((info) => [info.path, info]));
  const state = new Map<StorePath, 'open' | 'done'>();
  const sorted: PathInfo[] = [];
  const stack: { info: PathInfo; next: number }[] = [];
  for (const { path: start } of [...all.values()].sort(by)) {
    visit(start);
    for (let top = stack.at(-1); top !== undefined; top = stack.at(-1)) {
      const reference = top.info.references[top.next++];
      if (reference === undefined) {
        state.set(top.info.path, 'done');
        sorted.push(top.info);
        stack.pop();
      } else if (reference !== top.info.path) {
        visit(reference);
      }
    }
  }
  return sorted;

  function visit(path: StorePath): void {
    const info = all.get(path);
    if (info === undefined || state.get(path) === 'done') return;
    if (state.get(path) === 'open') {
      throw new FerryError('corrupt', `the references of "${path}" form a cycle`, { path });
    }
    state.set(path, 'open');
    stack.push({ info, next: 0 });
  }
}

function byPath(a: PathInfo, b: PathInfo): number {
  return compareStorePaths(a.path, b.path);
}
