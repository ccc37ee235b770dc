/** Infos that were seen lately, so that a second look at a closure costs nothing. Bounded, as is Nix's own memory of them. */
import type { PathInfo } from '../../format/path-info.ts';
import type { StorePath } from '../../format/store-path.ts';

/** The default of Nix's store parameter `path-info-cache-size`. */
const INFOS_MAX = 65_536;

export class RecentInfos {
  readonly #infos = new Map<StorePath, PathInfo>();

  get(path: StorePath): PathInfo | undefined {
    return this.#infos.get(path);
  }

  /** Forgets the oldest one where there are too many. */
  set(path: StorePath, info: PathInfo): void {
    this.#infos.set(path, info);
    if (this.#infos.size <= INFOS_MAX) return;
    for (const oldest of this.#infos.keys()) {
      this.#infos.delete(oldest);
      return;
    }
  }

  delete(path: StorePath): void {
    this.#infos.delete(path);
  }
}
