/** Generations of profiles, on this machine and on hosts, for people and programs. */
import type { HostGeneration, ProfileSurvey } from '../../deploy/agent/agent.ts';
import type { Paint } from '../looking.ts';
import { lineText } from './deploy-state.ts';
import { clipToWidth } from './display-width.ts';
import { nameOfPrinted } from './render-fleet-status.ts';

export type ListedProfile = Pick<ProfileSurvey, 'current' | 'generations'> &
  Partial<Pick<ProfileSurvey, 'activePath' | 'bootedPath' | 'currentPath'>>;

export interface GenerationsStyle {
  readonly paint: Paint;
  /** Columns; without limit where it is no terminal. */
  readonly width: number;
  /** Whole paths. */
  readonly verbosity: number;
}

/** @param title whose they are: the host and the profile */
export function generationsLines(
  title: string,
  survey: ListedProfile,
  { paint, width, verbosity }: GenerationsStyle,
): string[] {
  const { current, generations, currentPath } = survey;
  const digits = generations.reduce((most, { number }) => Math.max(most, `${number}`.length), 2);
  const lines = generations.map((generation) => {
    const { number, path, createdAtMs } = generation;
    const marks = marksOf(generation, survey);
    const mark = marks.length === 0 ? '' : `  (${marks.join(', ')})`;
    const head = `  ${String(number).padStart(digits)}  ${minuteText(createdAtMs)}  `;
    const room = Math.max(width - head.length - mark.length, 8);
    const name = lineText(verbosity > 0 ? path : nameOfPrinted(path));
    const line = `${head}${clipToWidth(name, room)}${mark}`;
    return number === current ? paint('bold', line) : line;
  });
  if (lines.length === 0) {
    const leads = currentPath === undefined ? '' : `; it leads to ${lineText(currentPath)}`;
    lines.push(`  no generations${leads}`);
  }
  return [paint('bold', lineText(title)), ...lines];
}

/** What is said of a system: which one runs may be another than the current one. */
function marksOf(
  { number, path }: HostGeneration,
  { current, activePath, bootedPath, generations }: ListedProfile,
): string[] {
  const marks = number === current ? ['current'] : [];
  // Several generations may be one path: the latest of them is meant.
  const isLatest = !generations.some((other) => other.path === path && other.number > number);
  const isMeant = number === current || isLatest;
  const currentPath = generations.find((other) => other.number === current)?.path;
  if (isMeant && path === activePath && activePath !== currentPath) marks.push('active');
  if (isMeant && path === bootedPath && bootedPath !== activePath) marks.push('booted');
  return marks;
}

/** `2026-11-21 20:54`, in the time zone of who reads it. */
function minuteText(ms: number): string {
  const date = new Date(ms);
  const two = (value: number): string => String(value).padStart(2, '0');
  const day = `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
  return `${day} ${two(date.getHours())}:${two(date.getMinutes())}`;
}

/** The same for programs, oldest first. */
export function generationsJson({ current, generations }: ListedProfile): object {
  return {
    current: current ?? null,
    generations: generations.map(({ number, path, createdAtMs }) => ({
      number,
      path,
      time: new Date(createdAtMs).toISOString(),
      isCurrent: number === current,
    })),
  };
}
