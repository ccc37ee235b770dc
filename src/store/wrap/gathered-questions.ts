/**
 * Questions about single paths, gathered into few about many: the contract of a store knows only sets, while a walk
 * along references has no sets, only one path after the other.
 */
import type { StorePath } from '../../format/store-path.ts';

export interface GatherOptions {
  /** Questions under way at the same time. What comes meanwhile waits and goes out together. */
  readonly inFlightMax: number;
  /** Paths in one question. */
  readonly pathsMax?: number | undefined;
}

interface Waiting<Answer> {
  readonly path: StorePath;
  readonly resolve: (answer: Answer | undefined) => void;
  readonly reject: (error: unknown) => void;
}

/** What is asked before the event loop has turned goes out together, spread over all questions that may be under way. */
export class GatheredQuestions<Answer> {
  readonly #ask: (paths: StorePath[]) => Promise<ReadonlyMap<StorePath, Answer>>;
  readonly #inFlightMax: number;
  readonly #pathsMax: number;
  readonly #queue: Waiting<Answer>[] = [];
  #inFlight = 0;
  #isScheduled = false;

  /** @param ask answers for those that it has an answer for. */
  constructor(
    ask: (paths: StorePath[]) => Promise<ReadonlyMap<StorePath, Answer>>,
    { inFlightMax, pathsMax = 1000 }: GatherOptions,
  ) {
    this.#ask = ask;
    this.#inFlightMax = inFlightMax;
    this.#pathsMax = pathsMax;
  }

  /** @throws whatever the question failed with that this path was part of. */
  ask(path: StorePath): Promise<Answer | undefined> {
    return new Promise((resolve, reject) => {
      this.#queue.push({ path, resolve, reject });
      this.#schedule();
    });
  }

  #schedule(): void {
    if (this.#isScheduled || this.#inFlight >= this.#inFlightMax) return;
    this.#isScheduled = true;
    setImmediate(() => {
      this.#isScheduled = false;
      this.#send();
    });
  }

  #send(): void {
    while (this.#queue.length > 0 && this.#inFlight < this.#inFlightMax) {
      const share = Math.ceil(this.#queue.length / (this.#inFlightMax - this.#inFlight));
      const some = this.#queue.splice(0, Math.min(share, this.#pathsMax));
      this.#inFlight++;
      void this.#answer(some);
    }
  }

  /** Never rejects: those who asked are told. */
  async #answer(some: readonly Waiting<Answer>[]): Promise<void> {
    try {
      const answers = await this.#ask(some.map(({ path }) => path));
      for (const { path, resolve } of some) resolve(answers.get(path));
    } catch (error) {
      for (const { reject } of some) reject(error);
    } finally {
      this.#inFlight--;
      if (this.#queue.length > 0) this.#schedule();
    }
  }
}
