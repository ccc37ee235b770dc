/** One connection to a server, remade as needed, and what is on it: with HTTP/1.1 answers come in order, with 2 they don't. */
import type { Client, Dispatcher } from 'undici';
import { Exchange, type ExchangeOwner, type WireRequest } from './exchange.ts';

/** What the server allows, and more than is ever useful. */
export const STREAMS_MAX = 100;

/** A connection that was lost this young, with requests waiting on it, may be lost because of them. */
const YOUNG_ANSWERS = 50;

export interface LaneEvents {
  heard(isBeginning: boolean): void;
  /**
   * Room became free, or it came to be known what the connection can do. Undici is in the middle of something then: no
   * request may be put on it before it is done.
   */
  changed(): void;
  /** It was lost while requests waited for answers behind others. */
  lostWhilePipelining(): void;
  /** A request in line was answered as if it were malformed. */
  refusedInLine(): void;
}

export class Lane {
  readonly client: Client;
  readonly #events: LaneEvents;
  readonly #running = new Set<Exchange>();
  isH2 = false;
  /** Something long is on it. */
  isTaken = false;
  /** When the far end was last heard on it, or could begin to be. */
  heardAt = 0;
  #answered = 0;
  #isAborting = false;
  /** Since it last was idle. */
  #wasPipelined = false;

  constructor(makeClient: (onProtocol: (isH2: boolean) => void) => Client, events: LaneEvents) {
    this.#events = events;
    this.client = makeClient((isH2) => {
      this.isH2 = isH2;
    });
    this.client.on('connect', () => {
      this.heardAt = performance.now();
      events.changed();
    });
    this.client.on('disconnect', () => this.#disconnected());
    this.client.on('connectionError', () => events.changed());
  }

  get runningCount(): number {
    return this.#running.size;
  }

  get isConnected(): boolean {
    return this.client.stats.connected;
  }

  /** Whether an HTTP/1.1 connection was seen to outlive an answer. */
  get isProven(): boolean {
    return this.isConnected && this.#answered > 0;
  }

  ask(request: WireRequest): Exchange {
    const exchange: Exchange = new Exchange(
      request,
      this.#ownerOf(() => exchange),
    );
    if (this.#running.size === 0) this.heardAt = performance.now();
    else this.#wasPipelined = true;
    this.#running.add(exchange);
    if (!request.isShort && !this.isH2) this.isTaken = true;
    const { body } = request;
    const options: Dispatcher.DispatchOptions & { servername?: string } = {
      method: request.method,
      path: request.path,
      headers: request.headers,
      body: typeof body === 'function' ? (body() as unknown as Uint8Array) : (body ?? null),
      // Else it waits until the answer before it begins, and a HEAD ends the connection.
      blocking: false,
      reset: false,
    };
    try {
      this.client.dispatch(options, exchange);
    } catch (error) {
      exchange.onResponseError(NO_CONTROLLER, error as Error);
    }
    return exchange;
  }

  /** Ends the connection for good; what was on it fails with `error`. */
  retire(error: Error): void {
    for (const exchange of this.#running) exchange.drop(error);
    this.client.destroy(error, () => {});
  }

  get isShared(): boolean {
    return !this.isH2 && this.#running.size > 1;
  }

  #ownerOf(exchange: () => Exchange): ExchangeOwner {
    const isShared = (): boolean => this.isShared;
    return {
      isReused: this.#answered > 0,
      isInLine: !this.isH2 && this.#running.size > 0,
      get isShared() {
        return isShared();
      },
      heard: (isBeginning) => {
        this.heardAt = performance.now();
        this.#events.heard(isBeginning);
      },
      becameLong: () => {
        if (!this.isH2) this.isTaken = true;
      },
      refusedInLine: () => this.#events.refusedInLine(),
      aborting: () => {
        this.#isAborting = true;
      },
      done: (isComplete) => {
        this.#running.delete(exchange());
        if (isComplete) this.#answered += 1;
        if (this.#running.size === 0) {
          this.isTaken = false;
          this.#wasPipelined = false;
        }
        this.heardAt = performance.now();
        this.#events.changed();
      },
    };
  }

  #disconnected(): void {
    const wasAborted = this.#isAborting;
    const answered = this.#answered;
    this.#isAborting = false;
    this.#answered = 0;
    const isYoung = answered < YOUNG_ANSWERS && !this.isH2;
    if (isYoung && this.#wasPipelined && !wasAborted && this.#running.size > 0) {
      this.#events.lostWhilePipelining();
    }
    this.#events.changed();
  }
}

/** For requests that undici refused to take at all. */
const NO_CONTROLLER: Dispatcher.DispatchController = {
  aborted: true,
  paused: false,
  reason: null,
  abort: () => {},
  pause: () => {},
  resume: () => {},
};
