/**
 * A stream that is read ahead of who wants it, into memory that it shares with others of its kind. The one whose turn it
 * is goes on whatever the others hold, so that they never wait for one another.
 */

/** Bytes that all of them together may hold, but for the one whose turn it is. */
export class AheadRoom {
  readonly #max: number;
  readonly #waiting = new Set<() => void>();
  #bytes = 0;

  constructor(bytesMax: number) {
    this.#max = bytesMax;
  }

  get isFull(): boolean {
    return this.#bytes >= this.#max;
  }

  take(bytes: number): void {
    this.#bytes += bytes;
  }

  give(bytes: number): void {
    this.#bytes -= bytes;
    if (this.isFull) return;
    for (const wake of this.#waiting) wake();
  }

  /** @param wake called whenever there is room */
  watch(wake: () => void): () => void {
    this.#waiting.add(wake);
    return () => this.#waiting.delete(wake);
  }
}

/** Bytes that the one whose turn it is may hold. */
const OWN_MAX = 4 * 1024 * 1024;

export class AheadStream {
  readonly #room: AheadRoom;
  readonly #ready: Uint8Array[] = [];
  readonly #running: Promise<void>;
  readonly #unwatch: () => void;
  #held = 0;
  #isTurn = false;
  #isEnded = false;
  #isStopped = false;
  #failure: { readonly error: unknown } | undefined;
  #changed = Promise.withResolvers<void>();

  /** Begins at once. Chunks are its own, and then the reader's. */
  constructor(source: AsyncIterable<Uint8Array>, room: AheadRoom) {
    this.#room = room;
    this.#unwatch = room.watch(() => this.#change());
    this.#running = this.#run(source);
  }

  /** All of it, once; from then on it is its turn. @throws what the source throws */
  async *read(): AsyncGenerator<Uint8Array, void, undefined> {
    this.#isTurn = true;
    this.#change();
    for (;;) {
      const chunk = this.#ready.shift();
      if (chunk !== undefined) {
        this.#release(chunk.length);
        yield chunk;
      } else if (this.#failure !== undefined) {
        throw this.#failure.error;
      } else if (this.#isEnded) {
        return;
      } else {
        await this.#changed.promise;
      }
    }
  }

  /** Ends it wherever it is; resolves when the source is closed. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#change();
    await this.#running;
    for (const chunk of this.#ready.splice(0)) this.#release(chunk.length);
  }

  async #run(source: AsyncIterable<Uint8Array>): Promise<void> {
    try {
      for await (const chunk of source) {
        this.#ready.push(chunk);
        this.#held += chunk.length;
        this.#room.take(chunk.length);
        this.#change();
        while (this.#mustWait()) await this.#changed.promise;
        if (this.#isStopped) break;
      }
    } catch (error) {
      this.#failure = { error };
    } finally {
      this.#isEnded = true;
      this.#unwatch();
      this.#change();
    }
  }

  #mustWait(): boolean {
    if (this.#isStopped) return false;
    return this.#isTurn ? this.#held >= OWN_MAX : this.#room.isFull;
  }

  #release(bytes: number): void {
    this.#held -= bytes;
    this.#room.give(bytes);
    this.#change();
  }

  #change(): void {
    this.#changed.resolve();
    this.#changed = Promise.withResolvers();
  }
}
