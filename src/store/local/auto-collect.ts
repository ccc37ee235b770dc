/**
 * Collects garbage by itself where a disk runs full (settings `min-free` and `max-free`): whoever adds paths asks for room
 * before each. (Nix manual, "min-free".)
 */
import { unlessAborted } from '../../system/pause.ts';

export interface AutoCollectSettings {
  /** Setting `min-free`, in bytes: with less than that free it begins; 0 is never. */
  readonly minFree: number;
  /** Setting `max-free`, in bytes: so much is free when it ends, if there is as much garbage. */
  readonly maxFree: number;
  /** Setting `min-free-check-interval`: for so long nobody looks again. */
  readonly checkIntervalMs: number;
}

export interface AutoCollectDoors {
  /** Bytes that are free. */
  readonly freeBytes: () => number;
  /** Collects garbage until so many bytes are freed. */
  readonly collect: (maxFreed: number, signal: AbortSignal) => Promise<void>;
  /** Milliseconds of a clock that only goes forward. */
  readonly now: () => number;
}

/** After a collection that freed next to nothing no other is worth its time before some of what is free is used up. */
const WORTHWHILE = 0.97;

export class AutoCollector implements AsyncDisposable {
  readonly #settings: AutoCollectSettings;
  readonly #doors: AutoCollectDoors;
  readonly #closing = new AbortController();
  #lookedAt = Number.NEGATIVE_INFINITY;
  #freeAfterLast = Infinity;
  #running: Promise<void> | undefined;

  constructor(settings: AutoCollectSettings, doors: AutoCollectDoors) {
    this.#settings = settings;
    this.#doors = doors;
  }

  /**
   * Returns when there is as much room as can be had. A collection that fails is no reason not to add: the disk itself
   * says when it is full.
   * @throws the signal's reason
   */
  async makeRoom(signal?: AbortSignal): Promise<void> {
    this.#running ??= this.#start();
    if (this.#running !== undefined) await unlessAborted(this.#running, signal);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort();
    await this.#running;
  }

  #start(): Promise<void> | undefined {
    const { minFree, maxFree, checkIntervalMs } = this.#settings;
    const { freeBytes, now } = this.#doors;
    if (this.#closing.signal.aborted || now() < this.#lookedAt + checkIntervalMs) return undefined;
    const free = freeBytes();
    this.#lookedAt = now();
    if (free >= Math.min(minFree, maxFree) || free > this.#freeAfterLast * WORTHWHILE) {
      return undefined;
    }
    return this.#collect(maxFree - free);
  }

  async #collect(maxFreed: number): Promise<void> {
    const { collect, freeBytes, now } = this.#doors;
    try {
      await collect(maxFreed, this.#closing.signal);
      this.#freeAfterLast = freeBytes();
    } catch {
      // Somebody else's garbage, a store that can't be deleted from, or the end of it all.
    } finally {
      this.#running = undefined;
      this.#lookedAt = now();
    }
  }
}
