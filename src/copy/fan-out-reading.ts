/**
 * One pass over a source for several readers. Each NAR is read once, and whoever wants it is given the same bytes, each
 * at its own pace within the room that there is. Where that is full and somebody waits, those who lag behind are parted
 * with: they go on with a reading of their own.
 */
import { shareChunk, releaseChunk } from '../bytes/release.ts';
import { FerryError, isFerryError } from '../error.ts';
import { printStorePath, type StorePath } from '../format/store-path.ts';
import type { NarStream, Store } from '../store/store.ts';
import type { FanOutReader, SharedChunk } from './fan-out-reader.ts';
import type { RoomHolder, SharedRoom } from './fan-out-room.ts';

export interface ReadingContext {
  readonly source: Store;
  readonly room: SharedRoom;
  /** All that any reader may want, in the order of all of them. */
  readonly order: readonly StorePath[];
  /** Gives readers who lag behind a reading of their own. */
  readonly part: (readers: readonly FanOutReader[]) => void;
}

/** Bytes that are read ahead of the fastest, while no other reading waits for the source. */
const AHEAD_BYTES = 4 * 1024 * 1024;

/** How it goes on: there is a use for the next chunk, for none of this path, or others are to have the source. */
type Verdict = 'read' | 'pass' | 'stop';

export class Reading implements RoomHolder {
  readonly #context: ReadingContext;
  readonly #readers = new Set<FanOutReader>();
  #held = 0;
  #hasBegun = false;
  /** Bytes that were given out during this turn. */
  #turnBytes = 0;
  #pass: AbortController | undefined;
  #changed = Promise.withResolvers<void>();

  /** Nothing is read before one of its readers waits for something. */
  constructor(context: ReadingContext) {
    this.#context = context;
    context.room.enter(this);
    void this.#run();
  }

  get held(): number {
    return this.#held;
  }

  /** Before it has begun. */
  join(reader: FanOutReader): void {
    this.#readers.add(reader);
  }

  /** The reader has everything, has left, or goes on elsewhere. */
  leave(reader: FanOutReader): void {
    this.#readers.delete(reader);
    this.wake();
  }

  wake(): void {
    if (this.#readers.size === 0) this.#pass?.abort();
    this.#changed.resolve();
    this.#changed = Promise.withResolvers();
  }

  shed(): boolean {
    const readers = [...this.#readers];
    const most = Math.max(0, ...readers.map(({ backlog }) => backlog));
    if (most === 0) return false;
    // Those who are near one another go on together.
    const lagging = readers.filter(({ backlog }) => backlog * 2 >= most);
    for (const reader of lagging) {
      this.#readers.delete(reader);
      reader.drop();
    }
    this.#context.part(lagging);
    this.wake();
    return true;
  }

  async #run(): Promise<void> {
    const { room } = this.#context;
    try {
      while (await this.#somebodyWaits()) {
        await room.turn();
        try {
          await this.#readThrough();
        } finally {
          room.giveTurn();
        }
      }
    } catch (error) {
      for (const reader of this.#readers) reader.giveUp(error);
    } finally {
      room.leave(this);
    }
  }

  /** @returns false when there is nobody left. */
  async #somebodyWaits(): Promise<boolean> {
    // All who begin at the same time are to be there.
    await Promise.resolve();
    for (;;) {
      if (this.#readers.size === 0) return false;
      if (this.#isStarving() || this.#isRunningOut()) return true;
      await this.#changed.promise;
    }
  }

  /** Whether it should go on where it had to stop for others, rather than let its readers wait. */
  #isRunningOut(): boolean {
    const { room } = this.#context;
    if (!this.#hasBegun || room.isFull) return false;
    return this.#some(({ next, backlog }) => next !== undefined && backlog < room.share / 2);
  }

  /** Reads on from where the last of its readers is, until they have all of it or others have waited long enough. */
  async #readThrough(): Promise<void> {
    const { source, order } = this.#context;
    const wanted = new Set<StorePath>();
    for (const reader of this.#readers) for (const path of reader.wanted) wanted.add(path);
    const paths = order.filter((path) => wanted.has(path));
    this.#turnBytes = 0;
    this.#hasBegun = true;
    this.#pass = new AbortController();
    const { signal } = this.#pass;
    try {
      if (this.#readers.size === 0) return;
      for await (const nar of source.readNars(paths, { signal })) {
        if (!(await this.#share(nar))) return;
      }
      this.#requireAllGiven(wanted);
    } catch (error) {
      if (this.#readers.size > 0) this.#lose(error, wanted);
    } finally {
      this.#pass = undefined;
    }
  }

  /** A source that left something out would be asked for it for ever. */
  #requireAllGiven(wanted: ReadonlySet<StorePath>): void {
    for (const { next } of this.#readers) {
      if (next === undefined || !wanted.has(next)) continue;
      throw new FerryError('internal', `the NAR of "${next}" did not come`, { path: next });
    }
  }

  /** @returns false where this pass is over. */
  async #share(nar: NarStream): Promise<boolean> {
    let offset = 0;
    let verdict = await this.#verdict(nar.path);
    if (verdict !== 'read') {
      await passBy(nar);
      return verdict === 'pass';
    }
    let failure: { readonly error: unknown } | undefined;
    try {
      for await (const chunk of nar) {
        const { length } = chunk;
        this.#give(nar.path, chunk, offset);
        offset += length;
        verdict = await this.#verdict(nar.path);
        if (verdict !== 'read') break;
      }
    } catch (error) {
      failure = { error };
    }
    if (verdict !== 'read') return verdict === 'pass';
    for (const reader of this.#at(nar.path)) reader.giveEnd(failure);
    return true;
  }

  /** Waits until the next chunk of this path has a use. */
  async #verdict(path: StorePath): Promise<Verdict> {
    const { room } = this.#context;
    for (;;) {
      if (this.#readers.size === 0) return 'stop';
      if (this.#at(path).length === 0) return 'pass';
      const isLong = room.isWanted && this.#turnBytes >= room.turnBytes;
      if (!isLong && this.#mayRead()) return 'read';
      // Who is parted with may have been the only one to want it.
      if (this.#at(path).length === 0) continue;
      if (room.isWanted) return 'stop';
      await this.#changed.promise;
    }
  }

  #mayRead(): boolean {
    const { room } = this.#context;
    if (!room.isFull) {
      const ahead = room.isWanted ? room.share : Math.min(room.share, AHEAD_BYTES);
      return this.#some(({ next, backlog }) => next !== undefined && backlog < ahead);
    }
    return this.#isStarving() && (this.#held === 0 || room.makeRoom() || this.#held === 0);
  }

  #give(path: StorePath, chunk: Uint8Array, offset: number): void {
    const takers: { readonly reader: FanOutReader; readonly view: Uint8Array }[] = [];
    for (const reader of this.#at(path)) {
      const lacking = reader.lacking(offset, chunk.length);
      if (lacking === 0) continue;
      const view = lacking === chunk.length ? chunk : chunk.subarray(chunk.length - lacking);
      takers.push({ reader, view });
    }
    if (takers.length === 0) {
      releaseChunk(chunk);
      return;
    }
    shareChunk(chunk, takers.length);
    const shared = this.#hold(chunk.length, takers.length);
    this.#turnBytes += chunk.length;
    for (const { reader, view } of takers) reader.give(view, shared);
  }

  /** Counts bytes until all who were given them have taken them. */
  #hold(bytes: number, takers: number): SharedChunk {
    const { room } = this.#context;
    let left = takers;
    this.#held += bytes;
    room.take(bytes);
    return {
      taken: () => {
        left--;
        if (left > 0) return;
        this.#held -= bytes;
        room.give(bytes);
      },
    };
  }

  /**
   * The source has given up. Where it says which path that is about, only those who want that path are concerned, if
   * anybody still does, and the others begin anew.
   */
  #lose(error: unknown, asked: ReadonlySet<StorePath>): void {
    const { storeDir } = this.#context.source;
    const about = isFerryError(error) ? error.path : undefined;
    const lost = [...asked].find(
      (path) => path === about || printStorePath(storeDir, path) === about,
    );
    // They stay until they have taken what was read: it counts, and may have to be dropped.
    for (const reader of this.#readers) {
      if (lost === undefined || reader.wanted.includes(lost)) reader.giveUp(error);
    }
  }

  /** Who is to be given this path now. */
  #at(path: StorePath): FanOutReader[] {
    return [...this.#readers].filter((reader) => reader.next === path);
  }

  #isStarving(): boolean {
    return this.#some(({ isStarving }) => isStarving);
  }

  #some(holds: (reader: FanOutReader) => boolean): boolean {
    for (const reader of this.#readers) if (holds(reader)) return true;
    return false;
  }
}

/** Takes what the contract wants taken of a NAR that nobody will read. */
async function passBy(nar: NarStream): Promise<void> {
  if (nar.tree !== undefined || nar.isIndependent === true) return;
  for await (const _ of nar) break;
}
