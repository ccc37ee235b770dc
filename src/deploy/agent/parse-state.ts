/**
 * What a host says of an activation, as text: `activation ID busy|ended|lost`, then the file that the agent keeps. It
 * is foreign: read strictly, within limits.
 */
import { FerryError } from '../../error.ts';
import type { ActivationPhase, ActivationState } from '../activation-state.ts';

/** Of one answer. */
export const stateMaxCharacters: number = 64 * 1024;

/** As the agent writes them; `lost` is never written, somebody else finds it out. */
const writtenPhases: ReadonlySet<string> = new Set<ActivationPhase>([
  'prepared',
  'activating',
  'waiting',
  'rolling-back',
  'live',
  'rolled-back',
  'stuck',
]);

/** Takes the lines of one state after the other. A reader that failed stays failed. */
export class StateReader {
  #head: { readonly id: string; readonly isLost: boolean } | undefined;
  #hasVersion = false;
  #fields = new Map<string, string>();
  #characters = 0;
  #failed: FerryError | undefined;

  /** @returns the state once the line that ends it was taken. @throws FerryError `protocol` */
  take(line: string): ActivationState | undefined {
    if (this.#failed !== undefined) throw this.#failed;
    try {
      return this.#take(line);
    } catch (error) {
      if (error instanceof FerryError) this.#failed = error;
      throw error;
    }
  }

  /** Whether it is between two states. */
  get isBetween(): boolean {
    return this.#head === undefined && this.#failed === undefined;
  }

  #take(line: string): ActivationState | undefined {
    this.#characters += line.length;
    if (this.#characters > stateMaxCharacters) throw malformed('it is too long');
    if (this.#head === undefined) {
      const [, id, state] = /^activation ([a-z0-9-]{1,64}) (busy|ended|lost)$/.exec(line) ?? [];
      if (id === undefined) throw malformed(`${JSON.stringify(line.slice(0, 80))} begins no state`);
      this.#head = { id, isLost: state === 'lost' };
      return undefined;
    }
    if (!this.#hasVersion) {
      if (line !== 'ferry-activation 1') {
        throw malformed('it was written by a version of ferry that is not known here');
      }
      this.#hasVersion = true;
      return undefined;
    }
    if (line !== 'end') {
      const [, name, value] = /^([a-z-]{1,20}) ([^\u0000-\u001f\u007f]+)$/.exec(line) ?? [];
      if (name === undefined || value === undefined || this.#fields.has(name)) {
        throw malformed(`${JSON.stringify(line.slice(0, 80))} is no field`);
      }
      this.#fields.set(name, value);
      return undefined;
    }
    const state = this.#finish(this.#head);
    this.#head = undefined;
    this.#hasVersion = false;
    this.#fields = new Map();
    this.#characters = 0;
    return state;
  }

  #finish({ id, isLost }: { readonly id: string; readonly isLost: boolean }): ActivationState {
    const phase = this.#required('phase');
    if (!isWrittenPhase(phase)) throw malformed('its phase is not known');
    return {
      id,
      phase: isLost ? 'lost' : phase,
      profile: this.#required('profile'),
      newPath: this.#required('new-path'),
      oldPath: this.#fields.get('old-path'),
      oldGeneration: this.#number('old-generation'),
      newGeneration: this.#number('new-generation'),
      reason: this.#fields.get('reason'),
      changedAt: this.#time('changed-at'),
    };
  }

  #required(name: string): string {
    const value = this.#fields.get(name);
    if (value === undefined) throw malformed(`it has no ${name}`);
    return value;
  }

  /** In seconds: JavaScript knows no date after so many digits. */
  #time(name: string): number {
    const seconds = this.#number(name) ?? 0;
    if (seconds >= 1e12) throw malformed(`its ${name} is no time`);
    return seconds;
  }

  #number(name: string): number | undefined {
    const value = this.#fields.get(name);
    if (value === undefined) return undefined;
    if (!/^\d{1,15}$/.test(value)) throw malformed(`its ${name} is no number`);
    return Number(value);
  }
}

function isWrittenPhase(text: string): text is ActivationPhase {
  return writtenPhases.has(text);
}

/** A state that is all there is. @throws FerryError `protocol` */
export function parseState(text: string): ActivationState {
  if (text.length > stateMaxCharacters) throw malformed('it is too long');
  const reader = new StateReader();
  const lines = text.replace(/\n$/, '').split('\n');
  for (const [index, line] of lines.entries()) {
    const state = reader.take(line);
    if (state === undefined) continue;
    if (index !== lines.length - 1) throw malformed('something follows it');
    return state;
  }
  throw malformed('it ends early');
}

function malformed(why: string): FerryError {
  return new FerryError('protocol', `cannot read the state of an activation: ${why}`);
}
