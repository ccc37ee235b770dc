/**
 * In which order hosts are made live, and when it stops. Hosts come as they are ready, so that one that is slow to copy
 * to keeps nobody waiting whose turn it could be.
 */
import { FerryError } from '../error.ts';
import type { DeployOutcome } from './events.ts';

export type Strategy =
  /** All as soon as they are ready. */
  | { readonly kind: 'all' }
  /** So many at a time. */
  | { readonly kind: 'rolling'; readonly count: number }
  /** So many first; the rest, all at once, when these are live. */
  | { readonly kind: 'canary'; readonly count: number };

/** @throws FerryError `usage` */
export function parseStrategy(text: string): Strategy {
  if (text === 'all') return { kind: 'all' };
  const match = /^(rolling|canary)(?::([1-9]\d{0,5}))?$/.exec(text);
  if (match === null) {
    throw new FerryError('usage', `"${text}" is no strategy`, {
      hint: 'a strategy is all, rolling:N or canary:N, as in rolling:2',
    });
  }
  const kind = match[1] === 'rolling' ? 'rolling' : 'canary';
  return { kind, count: Number(match[2] ?? 1) };
}

/** Whether all that was asked for was done there. */
export function isGood(outcome: DeployOutcome): boolean {
  switch (outcome) {
    case 'live':
    case 'unchanged':
    case 'at-next-boot':
    case 'done':
      return true;
    case 'rolled-back':
    case 'unreachable':
    case 'refused':
    case 'failed':
    case 'skipped':
    case 'unknown':
      return false;
  }
}

/** What went wrong once its generation was to be changed, which says something about the generation. */
function isAlarming(outcome: DeployOutcome): boolean {
  return outcome === 'rolled-back' || outcome === 'unknown';
}

export interface TurnsOptions {
  readonly strategy: Strategy;
  /**
   * More hosts than these may not fail, for whatever reason; then no further host gets its turn. By default hosts that
   * were refused or could not be copied to count for nothing, and `rolling` and `canary` stop at the first that went
   * back.
   */
  readonly maxFailures?: number | undefined;
}

/** Hands out turns. A turn that was given must be followed by `ended` of that host. */
export class Turns {
  readonly #strategy: Strategy;
  readonly #maxFailures: number | undefined;
  readonly #waiting: PromiseWithResolvers<boolean>[] = [];
  #running = 0;
  #canariesGiven = 0;
  #canariesGood = 0;
  #failures = 0;
  #isAlarmed = false;

  constructor({ strategy, maxFailures }: TurnsOptions) {
    this.#strategy = strategy;
    this.#maxFailures = maxFailures;
  }

  get isStopped(): boolean {
    if (this.#maxFailures !== undefined) return this.#failures > this.#maxFailures;
    return this.#isAlarmed && this.#strategy.kind !== 'all';
  }

  /** Resolves when this host may go ahead: with true, or with false when it never will. */
  async take(): Promise<boolean> {
    const turn = Promise.withResolvers<boolean>();
    this.#waiting.push(turn);
    this.#advance();
    return await turn.promise;
  }

  /** A host has come to its end. @param hadTurn whether `take` let it go ahead */
  ended(outcome: DeployOutcome, hadTurn: boolean): void {
    if (hadTurn) this.#running--;
    if (!isGood(outcome) && outcome !== 'skipped') this.#failures++;
    if (isAlarming(outcome)) this.#isAlarmed = true;
    // A canary that didn't sing is no canary: the next host takes its place, unless that stops everything.
    if (hadTurn && isGood(outcome)) this.#canariesGood++;
    else if (hadTurn) this.#canariesGiven--;
    this.#advance();
  }

  /** No host will come any more, or get a turn. */
  stop(): void {
    for (const turn of this.#waiting.splice(0)) turn.resolve(false);
  }

  #advance(): void {
    if (this.isStopped) {
      this.stop();
      return;
    }
    while (this.#waiting.length > 0 && this.#mayGo()) {
      this.#running++;
      this.#canariesGiven++;
      this.#waiting.shift()?.resolve(true);
    }
  }

  #mayGo(): boolean {
    const strategy = this.#strategy;
    switch (strategy.kind) {
      case 'all':
        return true;
      case 'rolling':
        return this.#running < strategy.count;
      case 'canary':
        return this.#canariesGood >= strategy.count || this.#canariesGiven < strategy.count;
    }
  }
}
