/** What is told of one host during a run: its phases, what it says, and how it ends, once. */
import type { CopyEvent } from '../copy/events.ts';
import { FerryError, isFerryError } from '../error.ts';
import type { DeployOutcome, DeployPhase, HostResult, OnDeployEvent } from './events.ts';
import type { Turns } from './strategy.ts';

export interface StoryOptions {
  readonly turns: Turns;
  readonly onEvent: OnDeployEvent;
  readonly signal?: AbortSignal | undefined;
}

export class HostStory {
  readonly host: string;
  readonly #options: StoryOptions;
  #hasTurn = false;
  #isActivating = false;
  #copied = { copiedPaths: 0, copiedBytes: 0 };
  #result: HostResult | undefined;

  constructor(host: string, options: StoryOptions) {
    this.host = host;
    this.#options = options;
  }

  /** How it ended; undefined as long as it hasn't. */
  get result(): HostResult | undefined {
    return this.#result;
  }

  enter(phase: DeployPhase): void {
    if (phase === 'activating') this.#isActivating = true;
    this.#options.onEvent({ host: this.host, type: 'phase', phase });
  }

  warn(message: string): void {
    this.#options.onEvent({ host: this.host, type: 'warning', message });
  }

  line(line: string): void {
    this.#options.onEvent({ host: this.host, type: 'line', line });
  }

  copy(event: CopyEvent): void {
    if (event.type === 'done') {
      const { copied, narSize } = event.summary;
      this.#copied = { copiedPaths: copied, copiedBytes: narSize };
    }
    this.#options.onEvent({ host: this.host, type: 'copy', event });
  }

  /** Waits for its turn. @returns whether there is one; without, it has been told of as skipped */
  async takeTurn(): Promise<boolean> {
    this.#hasTurn = await this.#options.turns.take();
    this.#options.signal?.throwIfAborted();
    if (!this.#hasTurn) this.end('skipped');
    return this.#hasTurn;
  }

  /** The first end counts. */
  end(outcome: DeployOutcome, facts: Partial<HostResult> = {}): void {
    if (this.#result !== undefined) return;
    this.#result = {
      path: undefined,
      generation: undefined,
      oldGeneration: undefined,
      error: undefined,
      ...this.#copied,
      ...facts,
      host: this.host,
      outcome,
    };
    this.#options.onEvent({ host: this.host, type: 'ended', result: this.#result });
    this.#options.turns.ended(outcome, this.#hasTurn);
  }

  /** Something was in the way before anything was changed. */
  refuse(error: unknown, facts: Partial<HostResult> = {}): void {
    this.fail(isFerryError(error, 'unavailable') ? 'unreachable' : 'refused', error, facts);
  }

  /** @param outcome where it failed by itself, and not because we were told to stop */
  fail(outcome: DeployOutcome, cause: unknown, facts: Partial<HostResult> = {}): void {
    if (this.#options.signal?.aborted !== true)
      return this.end(outcome, { ...facts, error: cause });
    if (!this.#isActivating) return this.end('skipped', facts);
    const message = `"${this.host}" was left alone in its activation: it goes back by itself unless it is confirmed`;
    const hint = 'the same command again confirms it, or begins anew when it has gone back';
    const error = new FerryError('failed', message, { hint });
    this.end('unknown', { ...facts, generation: undefined, error });
  }
}
