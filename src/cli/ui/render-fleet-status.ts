/** `ferry fleet status` for people and programs: a row for each host, which can be printed before the next is known. */
import { formatBytes } from '../../bytes/format-bytes.ts';
import type { ActivationState } from '../../deploy/activation-state.ts';
import { isAsSaid, type HostStanding, type HostStatus } from '../../deploy/fleet-status.ts';
import { describeError } from '../errors.ts';
import type { Paint } from '../looking.ts';
import { jsonError } from './deploy-json.ts';
import { lineText } from './deploy-state.ts';
import { clipToWidth, displayWidth, fitToWidth } from './display-width.ts';
import { formatCount, formatNumber } from './units.ts';

const STANDINGS: Readonly<
  Record<HostStanding, { readonly text: string; readonly look: Parameters<Paint>[0] }>
> = {
  'as-it-should-be': { text: 'as it should be', look: 'green' },
  unsaid: { text: 'not said', look: 'dim' },
  'at-next-boot': { text: 'at next boot', look: 'yellow' },
  'older-generation': { text: 'older generation', look: 'yellow' },
  'newer-generation': { text: 'newer generation', look: 'yellow' },
  other: { text: 'other', look: 'yellow' },
  nothing: { text: 'nothing', look: 'yellow' },
  'activation-waiting': { text: 'activation waiting', look: 'magenta' },
  'activation-rolled-back': { text: 'rolled back', look: 'red' },
  'activation-lost': { text: 'activation lost', look: ['red', 'bold'] },
  'activation-stuck': { text: 'activation stuck', look: ['red', 'bold'] },
  unreachable: { text: 'unreachable', look: 'red' },
};

export interface StatusColumns {
  readonly name: number;
  /** Columns of the terminal; without limit where it is none. */
  readonly width: number;
  readonly paint: Paint;
  readonly verbosity: number;
  /** Milliseconds since 1970. */
  readonly now: number;
}

const NAME_MAX = 32;
const STANDING = Math.max(...Object.values(STANDINGS).map(({ text }) => text.length));
const GENERATION = 10;
const SINCE = 10;
const FREE = 8;
/** Below so many columns free space is left out, then the age. */
const WITH_FREE = 90;
const WITH_SINCE = 70;

/** The column of names of hosts. */
export function statusNameWidth(names: readonly string[], width: number): number {
  const widest = names.reduce((max, name) => Math.max(max, displayWidth(lineText(name))), 4);
  return Math.min(widest, NAME_MAX, Math.max(Math.floor(width / 3), 4));
}

export function statusHeader(columns: StatusColumns): string {
  const texts = { generation: 'generation', since: 'since', free: 'free', runs: 'profile' };
  return columns.paint('dim', row('host', fitToWidth('state', STANDING), texts, columns));
}

/** A row, and below it what people must know of this host. */
export function statusLines(status: HostStatus, columns: StatusColumns): string[] {
  const { paint, now } = columns;
  const { text, look } = STANDINGS[status.standing];
  const { generation, sinceMs, facts, path } = status;
  const texts = {
    generation: generation === undefined ? '' : String(generation),
    since: sinceMs === undefined ? '' : ageText(now - sinceMs),
    free: facts?.freeBytes === undefined ? '' : formatBytes(facts.freeBytes),
    runs: path === undefined ? '' : lineText(nameOfPrinted(path)),
  };
  const standing = paint(look, text) + ' '.repeat(STANDING - text.length);
  const details = detailsOf(status, columns).map((line) => `  ${line.replaceAll('\n', '\n  ')}`);
  const first = row(lineText(status.host), standing, texts, columns);
  return [first, ...details];
}

interface RowTexts {
  readonly generation: string;
  readonly since: string;
  readonly free: string;
  readonly runs: string;
}

/** @param standing as wide as its column, painted */
function row(
  name: string,
  standing: string,
  { generation, since, free, runs }: RowTexts,
  { name: nameColumns, width }: StatusColumns,
): string {
  const cells = [generation.padStart(GENERATION)];
  if (width >= WITH_SINCE) cells.push(since.padStart(SINCE));
  if (width >= WITH_FREE) cells.push(free.padStart(FREE));
  const used = nameColumns + STANDING + cells.reduce((sum, cell) => sum + cell.length + 2, 2);
  const room = width - used - 2;
  const last = room < 4 ? '' : clipToWidth(runs, room);
  // A terminal so narrow breaks lines: that is better than leaving out what a host is.
  return [fitToWidth(name, nameColumns), standing, ...cells, last].join('  ').trimEnd();
}

function detailsOf(status: HostStatus, { paint, verbosity, now }: StatusColumns): string[] {
  const { standing, wanted, activation, activePath, needsReboot, error, facts } = status;
  const lines: string[] = [];
  for (const problem of [error, wanted.error]) {
    if (problem === undefined) continue;
    const mark = (text: string): string =>
      paint(text.startsWith('hint') ? 'cyan' : ['red', 'bold'], text);
    lines.push(...describeError(problem, { verbosity, mark }));
  }
  if (verbosity > 0 && status.path !== undefined)
    lines.push(`profile leads to ${lineText(status.path)}`);
  if (wanted.path !== undefined && wanted.path !== status.path && standing !== 'unreachable') {
    lines.push(`should run ${wanted.path}`);
  }
  if (activePath !== undefined) lines.push(`active is ${lineText(activePath)}`);
  const wasTakenBack = activation?.phase === 'rolled-back' && activation.oldPath === status.path;
  if (activation !== undefined && (standing.startsWith('activation') || wasTakenBack)) {
    lines.push(activationText(activation, now - (facts?.clockSkewMs ?? 0)));
  }
  if (needsReboot === true)
    lines.push('needs a reboot: it runs another kernel than that of its system');
  if (verbosity > 0 && facts !== undefined && !status.isActivationKnown) {
    lines.push('whether an activation is under way can be seen by root alone');
  }
  if (verbosity > 0 && facts !== undefined) {
    const versions = [
      facts.system,
      facts.nixVersion === undefined ? 'no Nix' : `Nix ${facts.nixVersion}`,
      facts.ferryVersion === undefined ? 'no ferry' : `ferry ${facts.ferryVersion}`,
    ];
    lines.push(lineText(versions.join(', ')));
  }
  return lines;
}

/** @param now by the host's clock */
function activationText(
  { phase, newPath, reason, changedAt }: ActivationState,
  now: number,
): string {
  const age = ageText(now - changedAt * 1000);
  const what = `activation of ${lineText(newPath)}`;
  const why = reason === undefined ? '' : `: ${lineText(reason)}`;
  switch (phase) {
    case 'waiting':
      return `${what} waits to be confirmed, for ${age}${why}`;
    case 'rolled-back':
      return `${what} was taken back ${age} ago${why}`;
    case 'lost':
      return `${what} was cut off ${age} ago; the next deployment takes care of it${why}`;
    case 'stuck':
      return `${what} could not be taken back ${age} ago${why}`;
    case 'prepared':
    case 'activating':
    case 'rolling-back':
    case 'live':
      return `${what}: ${phase.replaceAll('-', ' ')} for ${age}${why}`;
  }
}

/** One unit is enough: `40 s`, `12 min`, `5 h`, `80 d`. */
export function ageText(ms: number): string {
  const seconds = Math.max(Math.floor(ms / 1000), 0);
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min`;
  if (seconds < 86400) return `${Math.floor(seconds / 3600)} h`;
  return `${formatNumber(Math.floor(seconds / 86400))} d`;
}

/** `nixos-system-web1-24.05` */
export function nameOfPrinted(path: string): string {
  return /\/[0-9a-z]{32}-([^/]+)$/.exec(path)?.[1] ?? path;
}

/** `6 of 8 hosts are as they should be; other: 1, unreachable: 1` */
export function statusTotal(statuses: readonly HostStatus[]): string {
  const good = statuses.filter(isAsSaid).length;
  const counts = new Map<string, number>();
  for (const one of statuses) {
    if (isAsSaid(one)) continue;
    const { text } = STANDINGS[one.standing];
    counts.set(text, (counts.get(text) ?? 0) + 1);
  }
  const others = [...counts].map(([text, count]) => `${text}: ${formatNumber(count)}`).join(', ');
  return others === ''
    ? goodText(good, statuses.length)
    : `${goodText(good, statuses.length)}; ${others}`;
}

function goodText(good: number, all: number): string {
  const hosts = formatCount(all, 'host');
  if (good === 0 && all > 0) {
    return all === 1 ? '1 host is not as it should be' : `none of ${hosts} is as it should be`;
  }
  const are = good === 1 ? 'is as it should be' : 'are as they should be';
  return good === all ? `${hosts} ${are}` : `${formatNumber(good)} of ${hosts} ${are}`;
}

export function statusJson(status: HostStatus): object {
  const { activation, facts, error } = status;
  return {
    type: 'host',
    host: status.host,
    state: status.standing,
    profile: status.profile,
    path: status.path ?? null,
    generation: status.generation ?? null,
    since: status.sinceMs === undefined ? null : new Date(status.sinceMs).toISOString(),
    wanted: status.wanted.path ?? null,
    wantedError: status.wanted.error === undefined ? null : jsonError(status.wanted.error),
    activePath: status.activePath ?? null,
    needsReboot: status.needsReboot ?? null,
    activation: activation === undefined ? null : jsonActivation(activation),
    isActivationKnown: status.isActivationKnown,
    system: facts?.system ?? null,
    nixVersion: facts?.nixVersion ?? null,
    ferryVersion: facts?.ferryVersion ?? null,
    freeBytes: facts?.freeBytes ?? null,
    error: error === undefined ? null : jsonError(error),
  };
}

function jsonActivation(state: ActivationState): object {
  const { id, phase, newPath, oldPath, oldGeneration, newGeneration, reason, changedAt } = state;
  return {
    id,
    phase,
    newPath,
    oldPath: oldPath ?? null,
    newGeneration: newGeneration ?? null,
    oldGeneration: oldGeneration ?? null,
    reason: reason ?? null,
    changedAt: new Date(changedAt * 1000).toISOString(),
  };
}
