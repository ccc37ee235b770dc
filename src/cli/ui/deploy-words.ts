/** How the phases, outcomes and generations of a deployment are called wherever people read them. */
import type { DeployOutcome, DeployPhase, HostResult } from '../../deploy/events.ts';
import { isFerryError, messageOf } from '../../error.ts';
import type { Paint } from '../looking.ts';
import { exitStatusOf } from '../errors.ts';
import { lineText } from './deploy-state.ts';

export function outcomeText(outcome: DeployOutcome): string {
  return outcome.replaceAll('-', ' ');
}

/** The column of phases and outcomes. */
export const stateWidth: number = 'at next boot'.length;

type Look = Parameters<Paint>[0];

export const outcomeLooks: Readonly<Record<DeployOutcome, Look>> = {
  live: 'green',
  unchanged: 'green',
  'at-next-boot': 'green',
  done: 'green',
  'rolled-back': 'yellow',
  unreachable: 'red',
  refused: 'red',
  failed: 'red',
  skipped: 'yellow',
  unknown: ['red', 'bold'],
};

export function phaseLook(phase: DeployPhase | undefined): Look {
  if (phase === undefined || phase === 'ready' || phase === 'copied') return 'dim';
  return phase === 'activating' || phase === 'confirming' ? 'magenta' : 'cyan';
}

/** `12 → 13`, `13`, or nothing where none is known. */
export function generationsText({ generation, oldGeneration, outcome }: HostResult): string {
  if (generation === undefined) return '';
  // What rolled back may well know which one it tried: what runs is the old one all the same.
  const isNew = oldGeneration !== undefined && oldGeneration !== generation;
  return isNew && outcome !== 'rolled-back' ? `${oldGeneration} → ${generation}` : `${generation}`;
}

/** What went wrong, as one line; empty where nothing did. */
export function reasonText({ error }: HostResult): string {
  if (error === undefined) return '';
  if (!isFerryError(error) && exitStatusOf(error) === 70) {
    return `ferry made a mistake: ${lineText(messageOf(error))}`;
  }
  return lineText(messageOf(error));
}
