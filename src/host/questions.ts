/**
 * Questions to the person in front of the terminal: one at a time, whatever the number of hosts that want to know
 * something, and none twice whose answer was right.
 */
import { LocalSecrets, type Secret } from './local-secrets.ts';
import type { AskSecret } from './host-scene.ts';

export interface Question {
  /** What is shown. */
  readonly text: string;
  /** Under which the answer is remembered; undefined for one that is good for once. */
  readonly name: string | undefined;
  /** The answer that was refused: another one is wanted. */
  readonly refused?: number | undefined;
  readonly isVisible?: boolean | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface Answer extends Secret {
  /** Somebody typed it just now. */
  readonly isNew: boolean;
}

export class Questions {
  readonly #ask: AskSecret;
  readonly #secrets = new LocalSecrets();
  /** Resolves when nothing is asked any more. */
  #last: Promise<unknown> = Promise.resolve();

  constructor(ask: AskSecret) {
    this.#ask = ask;
  }

  /** Undefined where there is nobody to ask. @throws signal.reason */
  async answer(question: Question): Promise<Answer | undefined> {
    const turn = this.#last.then(() => this.#answerNow(question));
    this.#last = turn.catch(() => {});
    return await turn;
  }

  /** It was refused, and nobody asks again at once. */
  forget(name: string, serial: number): void {
    this.#secrets.forget(name, serial);
  }

  wipe(): void {
    this.#secrets.wipe();
  }

  async #answerNow(question: Question): Promise<Answer | undefined> {
    const { text, name, refused, isVisible, signal } = question;
    signal?.throwIfAborted();
    if (name !== undefined) {
      if (refused !== undefined) this.#secrets.forget(name, refused);
      // Somebody else may have asked the same while this one waited.
      const known = this.#secrets.get(name);
      if (known !== undefined) return { ...known, isNew: false };
    }
    const typed = await this.#ask(text, { isVisible, signal });
    signal?.throwIfAborted();
    if (typed === undefined) return undefined;
    return { ...this.#secrets.remember(name, typed), isNew: true };
  }
}

/** One for each way to ask, so that all hosts of a command share it. */
const known = new WeakMap<AskSecret, Questions>();

export function questionsOf(ask: AskSecret): Questions {
  let questions = known.get(ask);
  if (questions === undefined) {
    questions = new Questions(ask);
    known.set(ask, questions);
  }
  return questions;
}

/** Forgets all that was typed. */
export function wipeSecrets(ask: AskSecret): void {
  known.get(ask)?.wipe();
  known.delete(ask);
}
