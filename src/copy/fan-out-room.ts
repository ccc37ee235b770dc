/**
 * What all readings of one source share: the memory for what was read and not taken yet by everybody who wants it, and
 * the turns, where the source can't be read several times at once.
 */

/** A reading, as the others see it. */
export interface RoomHolder {
  /** Bytes that it holds. */
  readonly held: number;
  /** Parts from those who have taken the least, so that less is held; false where there is nothing to gain. */
  shed(): boolean;
  /** Something is different: there is room, or somebody waits for a turn. */
  wake(): void;
}

export interface SharedRoomOptions {
  readonly bytesMax: number;
  /** Readings that may be under way at the same time. */
  readonly turns: number;
}

export class SharedRoom {
  readonly #bytesMax: number;
  readonly #holders = new Set<RoomHolder>();
  #bytes = 0;
  #turns: number;
  readonly #waiting: (() => void)[] = [];

  constructor({ bytesMax, turns }: SharedRoomOptions) {
    this.#bytesMax = bytesMax;
    this.#turns = turns;
  }

  get isFull(): boolean {
    return this.#bytes >= this.#bytesMax;
  }

  /** Bytes that a reading may hold without being in the way of the others. */
  get share(): number {
    return this.#bytesMax / 2 / Math.max(1, this.#holders.size);
  }

  /** Bytes that a turn may take once others wait for theirs. */
  get turnBytes(): number {
    return this.#bytesMax * 4;
  }

  enter(holder: RoomHolder): void {
    this.#holders.add(holder);
  }

  leave(holder: RoomHolder): void {
    this.#holders.delete(holder);
  }

  take(bytes: number): void {
    this.#bytes += bytes;
  }

  give(bytes: number): void {
    const wasFull = this.isFull;
    this.#bytes -= bytes;
    if (!wasFull || this.isFull) return;
    for (const holder of this.#holders) holder.wake();
  }

  /** Frees room where the most is held. False where that is not enough. */
  makeRoom(): boolean {
    while (this.isFull) {
      const most = [...this.#holders].reduce((a, b) => (b.held > a.held ? b : a));
      if (!most.shed()) return false;
    }
    return true;
  }

  /** Whether somebody waits for a turn. */
  get isWanted(): boolean {
    return this.#waiting.length > 0;
  }

  /** Waits for a turn, which must be given back. */
  async turn(): Promise<void> {
    if (this.#turns > 0) {
      this.#turns--;
      return;
    }
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#waiting.push(resolve);
    for (const holder of this.#holders) holder.wake();
    await promise;
  }

  giveTurn(): void {
    const next = this.#waiting.shift();
    if (next === undefined) this.#turns++;
    else next();
  }
}
