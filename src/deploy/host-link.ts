/**
 * A connection to a host that comes back: an activation may restart its sshd or change its network, and whoever waits
 * for the end of it must then log in anew.
 */
import { FerryError, isFerryError, messageOf } from '../error.ts';
import type { HostConnection } from '../host/host-connection.ts';
import { pause } from '../system/pause.ts';

/** Between attempts to reach a host; doubled each time. */
const pauseMs = 500;
const pauseMaxMs = 5000;
/** Of one attempt: a host that swallows packets must not use up all the time there is. */
const attemptMs = 15_000;

export class HostLink implements AsyncDisposable {
  #connection: HostConnection;
  readonly #signal: AbortSignal | undefined;
  readonly #left: Promise<void>[] = [];
  #wasOutOfReach = false;

  /** The connection is closed with this. */
  constructor(connection: HostConnection, signal?: AbortSignal) {
    this.#connection = connection;
    this.#signal = signal;
  }

  /** Whether it could not be reached at some time, though it could before. */
  get wasOutOfReach(): boolean {
    return this.#wasOutOfReach;
  }

  get connection(): HostConnection {
    return this.#connection;
  }

  /**
   * Replaces the connection by a new one, which shows that the host can be reached; tries until `deadline`, in
   * milliseconds of `performance.now`.
   * @throws FerryError `unavailable` when it could not be reached by then, and at once what trying again can't mend.
   */
  async renew(deadline: number): Promise<HostConnection> {
    let waitMs = pauseMs;
    for (;;) {
      const leftMs = deadline - performance.now();
      try {
        const fresh = await this.#reconnect(Math.max(1, Math.min(leftMs, attemptMs)));
        this.#left.push(closed(this.#connection));
        this.#connection = fresh;
        return fresh;
      } catch (error) {
        this.#signal?.throwIfAborted();
        if (!isFerryError(error, 'unavailable')) throw error;
        this.#wasOutOfReach = true;
        if (deadline - performance.now() <= waitMs) throw unreachable(this.#connection, error);
      }
      await pause(waitMs, this.#signal);
      waitMs = Math.min(2 * waitMs, pauseMaxMs);
    }
  }

  /** Does something over the connection, and again over a new one each time it breaks, until `deadline`. */
  async persist<T>(deadline: number, work: (connection: HostConnection) => Promise<T>): Promise<T> {
    for (;;) {
      try {
        return await work(this.#connection);
      } catch (error) {
        this.#signal?.throwIfAborted();
        if (!isFerryError(error, 'unavailable') || performance.now() >= deadline) throw error;
      }
      await this.renew(deadline);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([...this.#left, closed(this.#connection)]);
  }

  async #reconnect(withinMs: number): Promise<HostConnection> {
    const timeout = AbortSignal.timeout(Math.ceil(withinMs));
    const signal = this.#signal === undefined ? timeout : AbortSignal.any([this.#signal, timeout]);
    try {
      return await this.#connection.reconnect({ signal });
    } catch (error) {
      this.#signal?.throwIfAborted();
      if (!timeout.aborted) throw error;
      const seconds = Math.ceil(withinMs / 1000);
      throw new FerryError('unavailable', `no answer within ${seconds} s`, { cause: error });
    }
  }
}

/** What is gone anyway may fail to say goodbye. */
async function closed(connection: HostConnection): Promise<void> {
  try {
    await connection[Symbol.asyncDispose]();
  } catch {
    // It is not needed any more.
  }
}

function unreachable({ host }: HostConnection, cause: unknown): FerryError {
  return new FerryError('unavailable', `cannot reach "${host.name}" again: ${messageOf(cause)}`, {
    cause,
  });
}
