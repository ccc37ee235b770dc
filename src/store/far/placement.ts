/**
 * Over which of several connections the paths of a push go. Each is worked on in order, so a path goes over a connection
 * when all it refers to is valid, or went over the same connection before it.
 */
import { otherReferences, type PathInfo } from '../../format/path-info.ts';
import type { StorePath } from '../../format/store-path.ts';

export class Placement<Lane extends { readonly bytes: number }> {
  /** Of the paths that were sent: where they are on their way, or that they failed. Those that are neither are valid. */
  readonly #states = new Map<StorePath, Lane | 'failed'>();

  sent(path: StorePath, lane: Lane): void {
    this.#states.set(path, lane);
  }

  added(path: StorePath): void {
    this.#states.delete(path);
  }

  failed(path: StorePath): void {
    this.#states.set(path, 'failed');
  }

  /** A path that it refers to and that could not be added. */
  failedReference(info: PathInfo): StorePath | undefined {
    return otherReferences(info).find((path) => this.#states.get(path) === 'failed');
  }

  /** Whether it must go where something else went. */
  isBound(info: PathInfo): boolean {
    return otherReferences(info).some((path) => this.#states.has(path));
  }

  /**
   * The one lane that all its references are on, or the one with the least to do where they are on none; undefined where
   * they are on several: then some must arrive first.
   */
  choose(info: PathInfo, lanes: readonly Lane[]): Lane | undefined {
    const needed = new Set<Lane>();
    for (const reference of otherReferences(info)) {
      const state = this.#states.get(reference);
      if (state !== undefined && state !== 'failed') needed.add(state);
    }
    const [first, ...others] = needed;
    if (first === undefined) {
      return lanes.reduce((best, lane) => (lane.bytes < best.bytes ? lane : best));
    }
    return others.length === 0 ? first : undefined;
  }
}
