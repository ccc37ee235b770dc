/** The connections of one store: opened when they are first needed, and again after one has failed. */
import { FerryError } from '../../error.ts';
import type { StorePath } from '../../format/store-path.ts';

/** What there is to know of a connection to keep several of them. */
export interface Reusable {
  readonly isAlive: boolean;
  /** Finds out whether it still is, where there is reason to doubt that. */
  confirm?(signal: AbortSignal | undefined): Promise<void>;
  close(): Promise<void>;
}

export interface ConnectionsOptions<C extends Reusable> {
  /** Opens one more. */
  readonly open: (signal: AbortSignal | undefined) => Promise<C>;
  readonly max: number;
  /** Protects paths at the far end for as long as the connection stands. */
  readonly hold: (
    connection: C,
    paths: readonly StorePath[],
    signal: AbortSignal | undefined,
  ) => Promise<unknown>;
}

export class Connections<C extends Reusable> {
  readonly max: number;
  /** What the first connection protects: protected again when it must be replaced. */
  readonly held: Set<StorePath> = new Set();
  readonly #open: ConnectionsOptions<C>['open'];
  readonly #hold: ConnectionsOptions<C>['hold'];
  readonly #slots: (Promise<C> | undefined)[] = [];
  #isClosed = false;

  constructor({ open, max, hold }: ConnectionsOptions<C>) {
    this.#open = open;
    this.#hold = hold;
    this.max = max;
  }

  async first(signal?: AbortSignal): Promise<C> {
    return await this.at(0, signal);
  }

  /** The connection of that number, alive. Any but the first waits for the first, whose authentication it shares. */
  async at(index: number, signal?: AbortSignal): Promise<C> {
    signal?.throwIfAborted();
    if (this.#isClosed) throw new FerryError('internal', 'the store is closed');
    const open = this.#slots[index];
    if (open !== undefined) {
      const connection = await open;
      await connection.confirm?.(signal);
      if (connection.isAlive || this.#isClosed) return connection;
      await connection.close();
      // Another caller may have replaced it meanwhile.
      if (this.#slots[index] !== open) return await this.at(index, signal);
    }
    const opening = this.#openSlot(index, signal);
    this.#slots[index] = opening;
    opening.catch(() => {
      if (this.#slots[index] === opening) this.#slots[index] = undefined;
    });
    return await opening;
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    await Promise.all(
      this.#slots.map(async (slot) => {
        const connection = await slot?.catch(() => undefined);
        await connection?.close();
      }),
    );
  }

  async #openSlot(index: number, signal: AbortSignal | undefined): Promise<C> {
    if (index > 0) await this.first(signal);
    const connection = await this.#open(signal);
    try {
      if (index === 0 && this.held.size > 0) await this.#hold(connection, [...this.held], signal);
      return connection;
    } catch (error) {
      await connection.close();
      throw error;
    }
  }
}
