/** The connections of one store: opened when they are first needed, and again after one has failed. */
import { FerryError } from '../../error.ts';
import type { StorePath } from '../../format/store-path.ts';
import { queryValidPaths } from '../../wire/serve/protocol.ts';
import type { ServeConnection } from './connection.ts';

export type OpenConnection = (signal: AbortSignal | undefined) => Promise<ServeConnection>;

export class ServeConnections {
  readonly max: number;
  /** What the first connection protects: protected again when it must be replaced. */
  readonly held: Set<StorePath> = new Set();
  readonly #open: OpenConnection;
  readonly #slots: (Promise<ServeConnection> | undefined)[] = [];
  #isClosed = false;

  constructor(open: OpenConnection, max: number) {
    this.#open = open;
    this.max = max;
  }

  async first(signal?: AbortSignal): Promise<ServeConnection> {
    return await this.at(0, signal);
  }

  /** The connection of that number, alive. Any but the first waits for the first, whose authentication it shares. */
  async at(index: number, signal?: AbortSignal): Promise<ServeConnection> {
    signal?.throwIfAborted();
    if (this.#isClosed) throw new FerryError('internal', 'the store is closed');
    const open = this.#slots[index];
    if (open !== undefined) {
      const connection = await open;
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

  async #openSlot(index: number, signal: AbortSignal | undefined): Promise<ServeConnection> {
    if (index > 0) await this.first(signal);
    const connection = await this.#open(signal);
    if (index === 0 && this.held.size > 0) {
      const paths = [...this.held];
      await connection.ask(queryValidPaths, { lock: true, substitute: false, paths }, signal);
    }
    return connection;
  }
}
