/** The order of a copy: each path after all that it refers to, so that a store is closed at every moment. */
import { FerryError } from '../error.ts';
import type { PathInfo } from '../format/path-info.ts';
import { compareStorePaths, type StorePath } from '../format/store-path.ts';

/**
 * References first; among equals by base name, which is the order that Nix itself takes (depth first over sorted sets).
 * Only edges within the set count. Iterative: chains may be as long as the closure.
 * @throws FerryError `corrupt` for a cycle between different paths.
 */
export function sortTopologically(infos: readonly PathInfo[]): PathInfo[] {
  const byPath = new Map<StorePath, PathInfo>(infos.map((info) => [info.path, info]));
  const state = new Map<StorePath, 'open' | 'done'>();
  const sorted: PathInfo[] = [];
  const stack: { info: PathInfo; next: number }[] = [];
  const starts = [...byPath.keys()].sort(compareStorePaths);
  for (const start of starts) {
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
    const info = byPath.get(path);
    if (info === undefined || state.get(path) === 'done') return;
    if (state.get(path) === 'open') {
      throw new FerryError('corrupt', `the references of "${path}" form a cycle`, { path });
    }
    state.set(path, 'open');
    stack.push({ info, next: 0 });
  }
}
