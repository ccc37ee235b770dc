/**
 * In which order narinfos may be written: each after those of all that its path refers to, so that a cache is closed at
 * every moment. Paths come in any order; a narinfo that is early waits here. Knows nothing of where they are written.
 */
import { otherReferences } from '../../format/path-info.ts';
import type { NarInfo } from '../../format/narinfo.ts';
import type { StorePath } from '../../format/store-path.ts';

interface Waiting {
  readonly narInfo: NarInfo;
  /** What it refers to and isn't there yet. */
  readonly lacks: Set<StorePath>;
}

export class NarInfoOrder {
  readonly #isThere: (path: StorePath) => boolean;
  readonly #waiting = new Map<StorePath, Waiting>();
  /** Who waits for a path. */
  readonly #referrers = new Map<StorePath, Set<StorePath>>();

  /** @param isThere whether the narinfo of a path is in the cache already */
  constructor(isThere: (path: StorePath) => boolean) {
    this.#isThere = isThere;
  }

  /** How many wait. */
  get size(): number {
    return this.#waiting.size;
  }

  /** What is waited for. */
  get lacking(): StorePath[] {
    return [...this.#referrers.keys()];
  }

  /** Whether it may be written at once; else it waits. */
  add(narInfo: NarInfo): boolean {
    const { path } = narInfo.info;
    const lacks = new Set(
      otherReferences(narInfo.info).filter((reference) => !this.#isThere(reference)),
    );
    if (lacks.size === 0) return true;
    this.#waiting.set(path, { narInfo, lacks });
    for (const reference of lacks) {
      const referrers = this.#referrers.get(reference) ?? new Set();
      this.#referrers.set(reference, referrers.add(path));
    }
    return false;
  }

  /** A narinfo is there now: those that waited for nothing else may be written. */
  arrived(path: StorePath): NarInfo[] {
    const ready: NarInfo[] = [];
    for (const referrer of this.#referrers.get(path) ?? []) {
      const waiting = this.#waiting.get(referrer);
      waiting?.lacks.delete(path);
      if (waiting?.lacks.size !== 0) continue;
      this.#waiting.delete(referrer);
      ready.push(waiting.narInfo);
    }
    this.#referrers.delete(path);
    return ready;
  }

  /** A path won't come: those that wait for it won't either, and no longer wait. */
  failed(path: StorePath): StorePath[] {
    const referrers = [...(this.#referrers.get(path) ?? [])];
    this.#referrers.delete(path);
    for (const referrer of referrers) {
      for (const other of this.#waiting.get(referrer)?.lacks ?? []) {
        const others = this.#referrers.get(other);
        others?.delete(referrer);
        if (others?.size === 0) this.#referrers.delete(other);
      }
      this.#waiting.delete(referrer);
    }
    return referrers;
  }
}
