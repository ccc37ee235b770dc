/** Follows an activation on a host over one session: what it prints, and how it goes on. */
import { randomBytes } from 'node:crypto';
import { FerryError } from '../../error.ts';
import type { HostConnection } from '../../host/host-connection.ts';
import type { ActivationState } from '../activation-state.ts';
import { StateReader } from './parse-state.ts';
import { assignments } from './request.ts';
import { printable, runScript, type AgentOptions } from './run-script.ts';
import { followScript } from './script-client.ts';
import { commonClientScript } from './script-common.ts';

/** How far a log was read. Kept by whoever follows again over another connection, so that no line comes twice. */
export interface LogPosition {
  lines: number;
  /** Of what was told of it. */
  characters?: number | undefined;
}

export interface FollowOptions extends AgentOptions {
  /** A line that the activation printed, fit for a terminal. */
  readonly onLine?: ((line: string) => void) | undefined;
  /** Called for the state as it is found, and each time it changes. */
  readonly onState?: ((state: ActivationState) => void) | undefined;
  /** Where to begin in the log; it is moved on. By default at its beginning. */
  readonly position?: LogPosition | undefined;
  /** Follow it to its end, also while it waits for a decision. */
  readonly pastWaiting?: boolean | undefined;
  /** In milliseconds of `performance.now`: by then it has come to its end, or will not be followed any more. Default: never. */
  readonly deadline?: number | undefined;
}

/** Of one session; then it is followed by another. */
const sessionSeconds = 600;
/** Agents keep less, so what comes beyond it is none of theirs. */
const logMaxCharacters = 4 << 20;

/**
 * @returns its state when it has come to its end, is lost, or waits and nobody has decided yet. It may be called again.
 * @throws FerryError `unavailable` where the connection breaks, `not-found` where there is no such activation, `failed` where it
 *   has not come to an end by the deadline
 */
export async function followActivation(
  connection: HostConnection,
  id: string,
  options: FollowOptions = {},
): Promise<ActivationState> {
  const { asRoot, signal, position = { lines: 0 }, deadline = Number.POSITIVE_INFINITY } = options;
  const doing = `follow the activation "${id}"`;
  for (;;) {
    const leftMs = deadline - performance.now();
    if (leftMs <= 0) {
      const what = `the activation "${id}" on "${connection.host.name}"`;
      throw new FerryError('failed', `${what} takes longer than it may, and nobody there ends it`);
    }
    const seconds = Math.min(sessionSeconds, Math.ceil(leftMs / 1000));
    const mark = randomBytes(8).toString('hex');
    const session = new FollowSession(mark, position, options);
    const values = assignments({
      id,
      mark,
      from: String(position.lines),
      past_waiting: options.pastWaiting === true ? '1' : '',
      duration: String(seconds),
    });
    await runScript(connection, doing, `${values}${commonClientScript}${followScript}`, {
      asRoot,
      signal,
      timeoutMs: (seconds + 60) * 1000,
      onLine: (line) => session.take(line),
    });
    const { state, isDone } = session.end();
    if (isDone && state !== undefined) return state;
  }
}

class FollowSession {
  readonly #mark: string;
  readonly #position: LogPosition;
  readonly #options: FollowOptions;
  readonly #reader = new StateReader();
  #state: ActivationState | undefined;
  #ended: 'done' | 'again' | undefined;
  #failed: { readonly error: unknown } | undefined;

  constructor(mark: string, position: LogPosition, options: FollowOptions) {
    this.#mark = `${mark} `;
    this.#position = position;
    this.#options = options;
  }

  /** Never throws: what goes wrong is said in the end. */
  take(line: string): void {
    if (this.#failed !== undefined) return;
    try {
      this.#take(line);
    } catch (error) {
      this.#failed = { error };
    }
  }

  /** @throws FerryError `protocol` */
  end(): { state: ActivationState | undefined; isDone: boolean } {
    if (this.#failed !== undefined) throw this.#failed.error;
    if (this.#ended === undefined || !this.#reader.isBetween) {
      throw new FerryError('protocol', 'what the host says of an activation ends early');
    }
    return { state: this.#state, isDone: this.#ended === 'done' };
  }

  #take(line: string): void {
    // Without the mark it is the rest of a line that somebody cut elsewhere than we do.
    if (!line.startsWith(this.#mark) || this.#ended !== undefined) return;
    const text = line.slice(this.#mark.length);
    if (text.startsWith('L ')) {
      this.#position.lines += 1;
      this.#position.characters = (this.#position.characters ?? 0) + text.length;
      if (this.#position.characters <= logMaxCharacters) {
        this.#options.onLine?.(printable(text.slice(2)));
      }
    } else if (text.startsWith('S ')) {
      const state = this.#reader.take(text.slice(2));
      if (state === undefined) return;
      this.#state = state;
      this.#options.onState?.(state);
    } else if (text === 'done' || text === 'again') {
      this.#ended = text;
    } else if (text !== '.') {
      const said = JSON.stringify(text.slice(0, 80));
      throw new FerryError('protocol', `cannot follow an activation: the host says ${said}`);
    }
  }
}
