/** One connection that paths are sent over: what is on its way, in order, until the far end says that it is valid. */
import type { PathInfo } from '../../format/path-info.ts';
import { addToStoreNar } from '../../wire/serve/protocol.ts';
import type { Sink } from '../far/far-connection.ts';
import type { ServeConnection } from './connection.ts';

/** A path that was sent, or is being sent, and isn't acknowledged. */
export interface Sent {
  readonly info: PathInfo;
  /** Its NAR, where it was kept to be sent again. */
  readonly chunks?: readonly Uint8Array[] | undefined;
  readonly answer: Promise<unknown>;
}

export interface LaneEvents {
  onAcknowledged(info: PathInfo): void;
  onFailed(): void;
}

export class Lane {
  readonly index: number;
  connection: ServeConnection;
  /** In the order in which they were sent. */
  readonly unacknowledged: Sent[] = [];
  /** Bytes of NAR of those. */
  bytes = 0;
  failure: { readonly error: unknown } | undefined;
  readonly #events: LaneEvents;
  /** Connections before this one that failed. */
  #generation = 0;

  constructor(index: number, connection: ServeConnection, events: LaneEvents) {
    this.index = index;
    this.connection = connection;
    this.#events = events;
  }

  /**
   * Sends one path. Done when all of it was handed over, or could not be: `failure` tells.
   * @param body writes the head, which it is given, and the NAR.
   */
  async send(
    info: PathInfo,
    chunks: readonly Uint8Array[] | undefined,
    body: (sink: Sink, head: Uint8Array) => Promise<void>,
  ): Promise<void> {
    const { connection } = this;
    const { written, answer } = connection.exchange(
      (sink) => body(sink, connection.encode(addToStoreNar, info)),
      (reader) => addToStoreNar.response.read(reader, connection.context),
    );
    this.unacknowledged.push({ info, chunks, answer });
    this.bytes += info.narSize;
    void this.#hear(info, answer, this.#generation);
    await written.catch(() => {});
  }

  async #hear(info: PathInfo, answer: Promise<unknown>, generation: number): Promise<void> {
    try {
      await answer;
    } catch (error) {
      // Those behind it fail with it: theirs is the same error.
      if (this.#generation !== generation || this.failure !== undefined) return;
      this.failure = { error };
      this.#events.onFailed();
      return;
    }
    this.unacknowledged.shift();
    this.bytes -= info.narSize;
    this.#events.onAcknowledged(info);
  }

  /** Waits until the far end has answered, or can't any more, for all that was sent so far. */
  async answered(): Promise<void> {
    await Promise.allSettled(this.unacknowledged.map(({ answer }) => answer));
  }

  /** Forgets what was on its way over a connection that failed. */
  takeLost(): Sent[] {
    this.#generation++;
    this.bytes = 0;
    this.failure = undefined;
    return this.unacknowledged.splice(0);
  }
}
