/**
 * One server: the connections to it, who may use them, and whether it is alive.
 *
 * Short requests come first and share connections: over HTTP/1.1 a few are written ahead of their answers once a
 * connection was seen to outlive an answer (pipelining); a server that can't take it gets them one at a time from then
 * on. Long ones (NARs, uploads) have a connection to themselves, of which some are kept back for short ones.
 */
import type { Client } from 'undici';
import { FerryError } from '../../error.ts';
import { DeadHostError, StaleConnectionError } from './connect-error.ts';
import type { DeadHosts, Death } from './dead-hosts.ts';
import type { Exchange, WireAnswer, WireRequest } from './exchange.ts';
import { Lane, STREAMS_MAX } from './lane.ts';

export interface ServerOptions {
  /** What the memory of dead hosts knows it by. */
  readonly name: string;
  readonly makeClient: (onProtocol: (isH2: boolean) => void) => Client;
  readonly connectionsMax: number;
  /** Short requests on one HTTP/1.1 connection. */
  readonly pipelining: number;
  /** Whether HTTP/2 may come of a connection: then one is tried first, it may be enough. */
  readonly mayBeH2: boolean;
  readonly deadHosts: DeadHosts;
}

interface Job {
  readonly request: WireRequest;
  readonly start: (exchange: Exchange) => void;
  readonly fail: (error: unknown) => void;
}

/** More connections help where one is held back by its window; each of them carries many requests. */
const H2_LANES_MAX = 4;
const H2_LANE_COMFORT = 32;

/** How often a connection may be lost with requests in line on it before that is taken for the reason. */
const STRIKES_MAX = 2;

/** A server that goes silent so long with requests in line on a connection perhaps never saw them. */
const PIPELINE_PATIENCE_MS = 10_000;

export class Server {
  readonly #options: ServerOptions;
  readonly #lanes: Lane[] = [];
  readonly #short: Job[] = [];
  readonly #long: Job[] = [];
  readonly #sleepers = new Set<(error: Error) => void>();
  #pipelining: number;
  #strikes = 0;
  #longCount = 0;
  #hasConnected = false;
  #isClosed = false;
  #isPumpDue = false;
  /** When it last gave an answer that isn't a failure of its own, or part of one. */
  #heardAt = Number.NEGATIVE_INFINITY;
  #watch: NodeJS.Timeout | undefined;

  constructor(options: ServerOptions) {
    this.#options = options;
    this.#pipelining = options.pipelining;
  }

  get isIdle(): boolean {
    const isAsked = this.#short.length + this.#long.length + this.#sleepers.size > 0;
    return !isAsked && this.#lanes.every((lane) => lane.runningCount === 0);
  }

  wasHeardSince(time: number): boolean {
    return this.#heardAt >= time;
  }

  /** Puts the request on a connection, as soon as there is one to put it on. @throws what connections throw */
  async ask(request: WireRequest, signal: AbortSignal | undefined): Promise<WireAnswer> {
    signal?.throwIfAborted();
    this.#throwIfUnusable();
    const exchange = await this.#turn(request, signal);
    if (signal === undefined) return await exchange.answer;
    const onAbort = (): void => exchange.drop(signal.reason);
    if (signal.aborted) onAbort();
    signal.addEventListener('abort', onAbort, { once: true });
    exchange.onDone(() => signal.removeEventListener('abort', onAbort));
    return await exchange.answer;
  }

  /** A pause that ends early, with an error, when the server turns out to be dead. */
  async pause(ms: number, signal: AbortSignal | undefined): Promise<void> {
    signal?.throwIfAborted();
    this.#throwIfUnusable();
    await new Promise<void>((resolve, reject) => {
      const settle = (act: () => void): void => {
        clearTimeout(timer);
        this.#sleepers.delete(wake);
        signal?.removeEventListener('abort', onAbort);
        act();
      };
      const timer = setTimeout(() => settle(resolve), ms);
      const wake = (error: Error): void => settle(() => reject(error));
      const onAbort = (): void => settle(() => reject(signal?.reason));
      this.#sleepers.add(wake);
      signal?.addEventListener('abort', onAbort, { once: true });
    });
  }

  /** Nobody needs to ask it for a while: all that wait for their turn fail. */
  die(death: Death): void {
    this.#options.deadHosts.add(this.#options.name, death);
    this.#failWaiting(new DeadHostError(death));
  }

  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    clearInterval(this.#watch);
    const error = closedError();
    this.#failWaiting(error);
    for (const lane of this.#lanes) lane.retire(error);
    await Promise.all(this.#lanes.map((lane) => lane.client.destroy(error).catch(() => {})));
  }

  #throwIfUnusable(): void {
    if (this.#isClosed) throw closedError();
    const death = this.#options.deadHosts.deathOf(this.#options.name);
    if (death !== undefined) throw new DeadHostError(death);
  }

  #failWaiting(error: Error): void {
    for (const job of [...this.#short.splice(0), ...this.#long.splice(0)]) job.fail(error);
    for (const wake of this.#sleepers) wake(error);
  }

  async #turn(request: WireRequest, signal: AbortSignal | undefined): Promise<Exchange> {
    return await new Promise<Exchange>((resolve, reject) => {
      const queue = request.isShort ? this.#short : this.#long;
      const settled = (): void => signal?.removeEventListener('abort', onAbort);
      const job: Job = {
        request,
        start: (exchange) => {
          settled();
          resolve(exchange);
        },
        fail: (error) => {
          settled();
          reject(error as Error);
        },
      };
      const onAbort = (): void => {
        const index = queue.indexOf(job);
        if (index >= 0) queue.splice(index, 1);
        job.fail(signal?.reason);
      };
      signal?.addEventListener('abort', onAbort, { once: true });
      queue.push(job);
      this.#pump();
    });
  }

  /** Once undici is done with what it tells us of. */
  #pumpSoon(): void {
    if (this.#isPumpDue || this.#isClosed) return;
    this.#isPumpDue = true;
    setImmediate(() => {
      this.#isPumpDue = false;
      this.#pump();
    });
  }

  #pump(): void {
    for (;;) {
      const lane = this.#short.length > 0 ? this.#laneForShort() : undefined;
      const short = lane === undefined ? undefined : this.#short.shift();
      if (lane !== undefined && short !== undefined) {
        short.start(lane.ask(short.request));
        if (lane.isShared) this.#watchLanes();
        continue;
      }
      const longLane = this.#long.length > 0 ? this.#laneForLong() : undefined;
      const long = longLane === undefined ? undefined : this.#long.shift();
      if (longLane === undefined || long === undefined) return;
      this.#longCount += 1;
      const exchange = longLane.ask(long.request);
      exchange.onDone(() => {
        this.#longCount -= 1;
        this.#pumpSoon();
      });
      long.start(exchange);
    }
  }

  #laneForShort(): Lane | undefined {
    if (this.#isH2) return this.#laneOfH2();
    const busy = this.#lanes.filter((lane) => lane.runningCount > 0 && !lane.isTaken);
    const isEnough = this.#long.length > 0 && this.#hasRoomForLong && busy.length >= this.#keptBack;
    const own = isEnough ? undefined : (this.#idleLane() ?? this.#newLane());
    if (own !== undefined) return own;
    return least(busy.filter((lane) => lane.isProven && lane.runningCount < this.#pipelining));
  }

  #laneForLong(): Lane | undefined {
    if (!this.#hasRoomForLong) return undefined;
    return this.#isH2 ? this.#laneOfH2() : (this.#idleLane() ?? this.#newLane());
  }

  /** A connection that was HTTP/2 will be so again. */
  get #isH2(): boolean {
    return this.#lanes.some((lane) => lane.isH2);
  }

  #laneOfH2(): Lane | undefined {
    const open = this.#lanes.filter(
      (lane) => lane.isH2 && lane.isConnected && lane.runningCount < STREAMS_MAX,
    );
    const best = least(open);
    if (best !== undefined && best.runningCount < H2_LANE_COMFORT) return best;
    return this.#idleLane() ?? this.#newLane() ?? best;
  }

  /** Those that are connected first. */
  #idleLane(): Lane | undefined {
    const idle = this.#lanes.filter((lane) => lane.runningCount === 0);
    return idle.find((lane) => lane.isConnected) ?? idle[0];
  }

  #newLane(): Lane | undefined {
    const { connectionsMax, mayBeH2, makeClient } = this.#options;
    const lanesMax = this.#isH2 ? Math.min(H2_LANES_MAX, connectionsMax) : connectionsMax;
    const mustWait = mayBeH2 && !this.#hasConnected && this.#lanes.length > 0;
    if (this.#lanes.length >= lanesMax || mustWait || this.#isClosed) return undefined;
    const lane = new Lane(makeClient, {
      heard: (isBeginning) => {
        this.#heardAt = performance.now();
        if (isBeginning) this.#options.deadHosts.delete(this.#options.name);
      },
      changed: () => {
        this.#hasConnected ||= lane.isConnected;
        this.#pumpSoon();
      },
      lostWhilePipelining: () => {
        this.#strikes += 1;
        if (this.#strikes >= STRIKES_MAX) this.#pipelining = 1;
      },
      refusedInLine: () => {
        this.#pipelining = 1;
      },
    });
    this.#lanes.push(lane);
    return lane;
  }

  /** Connections that are for short requests alone. */
  get #keptBack(): number {
    const { connectionsMax } = this.#options;
    return connectionsMax > 1 ? Math.max(1, Math.floor(connectionsMax / 4)) : 0;
  }

  get #hasRoomForLong(): boolean {
    return this.#longCount < this.#options.connectionsMax - this.#keptBack;
  }

  #watchLanes(): void {
    this.#watch ??= setInterval(() => {
      const shared = this.#lanes.filter((lane) => lane.isShared);
      if (shared.length === 0) {
        clearInterval(this.#watch);
        this.#watch = undefined;
      }
      for (const lane of shared) {
        if (performance.now() - lane.heardAt < PIPELINE_PATIENCE_MS) continue;
        this.#pipelining = 1;
        this.#lanes.splice(this.#lanes.indexOf(lane), 1);
        lane.retire(new StaleConnectionError('the server stopped answering requests in line'));
      }
    }, 1000).unref();
  }
}

function least(lanes: readonly Lane[]): Lane | undefined {
  return lanes.reduce<Lane | undefined>(
    (best, lane) => (best === undefined || lane.runningCount < best.runningCount ? lane : best),
    undefined,
  );
}

function closedError(): FerryError {
  return new FerryError('unavailable', 'the connections to the server were closed');
}
