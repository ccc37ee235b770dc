/**
 * How root is reached at one host, as far as it is known. Until the first who needs a password is in, the others wait: a
 * wrong password is tried once, not by all of them, and when nobody was let in, nobody asks again.
 */
import { isFerryError } from '../error.ts';
import { unlessAborted } from '../system/pause.ts';
import type { RootAccess } from './survey.ts';

export class RootDoor {
  /** The best one first; those that turn out not to let this user in are taken out. */
  readonly ways: Set<RootAccess>;
  #isOpen = false;
  #refusal: unknown;
  #first: Promise<unknown> | undefined;

  constructor(ways: Iterable<RootAccess>) {
    this.ways = new Set(ways);
  }

  /** @throws what `begin` throws; `signal.reason` */
  async through<T>(signal: AbortSignal | undefined, begin: () => Promise<T>): Promise<T> {
    while (!this.#isOpen) {
      if (this.#refusal !== undefined) throw this.#refusal;
      if (this.#first === undefined) return await this.#goFirst(begin);
      await unlessAborted(this.#first, signal);
    }
    return await begin();
  }

  async #goFirst<T>(begin: () => Promise<T>): Promise<T> {
    const turn = Promise.withResolvers<void>();
    this.#first = turn.promise;
    try {
      const result = await begin();
      this.#isOpen = true;
      return result;
    } catch (error) {
      if (isFerryError(error, 'denied')) this.#refusal = error;
      throw error;
    } finally {
      this.#first = undefined;
      turn.resolve();
    }
  }
}
