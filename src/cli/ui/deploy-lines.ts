/**
 * A running deployment as lines of a terminal: one for each host, and the totals. Pure: state, size and time in, lines
 * out. No line is wider than the terminal, and there are no more than it has.
 */
import { formatBytes } from '../../bytes/format-bytes.ts';
import type { DeployOutcome } from '../../deploy/events.ts';
import { isGood } from '../../deploy/strategy.ts';
import type { Paint } from '../looking.ts';
import { doneBytes, type CopyState } from './copy-state.ts';
import {
  copiedBytes,
  copyTotals,
  countOutcomes,
  isBusy,
  lineText,
  type DeployState,
  type HostState,
} from './deploy-state.ts';
import {
  generationsText,
  outcomeLooks,
  outcomeText,
  phaseLook,
  reasonText,
  stateWidth,
} from './deploy-words.ts';
import { clipToWidth, displayWidth, fitToWidth } from './display-width.ts';
import { formatCount, formatDuration, formatNumber, formatRate } from './units.ts';

export interface DeployLinesOptions {
  /** Columns and lines of the terminal. */
  readonly width: number;
  readonly height: number;
  /** Milliseconds of the clock that the state was fed with. */
  readonly now: number;
  readonly paint: Paint;
}

/** On a wide screen the figures should not be far from the names; reasons may take more. */
const WIDTH_MAX = 140;
const NAME_MAX = 24;
/** Below this many columns there is no room for the time. */
const TIMED_FROM = 60;
const TIME_WIDTH = 7;
const BAR_MAX = 20;
const BAR_MIN = 8;
/** What a person may want to see above, when the table is as long as it gets: what was printed last. */
const LINES_ABOVE = 2;

export function deployLines(state: DeployState, options: DeployLinesOptions): string[] {
  const width = Math.min(options.width, WIDTH_MAX);
  const hosts = [...state.hosts.values()];
  const rowsMax = Math.max(options.height - 1 - LINES_ABOVE, 1);
  const shown = hosts.length <= rowsMax ? hosts : choose(hosts, rowsMax - 1);
  const columns = { name: nameWidth(hosts, width), isTimed: width >= TIMED_FROM };
  const lines = shown.map((host) => hostLine(host, { ...options, width, columns }));
  if (shown.length < hosts.length) {
    lines.push(options.paint('dim', clipToWidth(restText(hosts, new Set(shown)), width)));
  }
  return [...lines, totalsLine(state, { ...options, width })];
}

/** The width of the column of names: no wider than the names, and leaving room for the rest. */
export function nameWidth(hosts: Iterable<{ readonly host: string }>, width: number): number {
  let widest = 1;
  for (const { host } of hosts) widest = Math.max(widest, displayWidth(lineText(host)));
  return Math.max(Math.min(widest, NAME_MAX, Math.floor(width / 3)), 1);
}

/** Those that move, then those that went wrong, then those whose turn is next; in the order of the inventory. */
function choose(hosts: readonly HostState[], count: number): HostState[] {
  const byRank = hosts.toSorted((a, b) => rankOf(a) - rankOf(b));
  const chosen = new Set(byRank.slice(0, Math.max(count, 0)));
  return hosts.filter((host) => chosen.has(host));
}

function rankOf(host: HostState): number {
  if (isBusy(host)) return 0;
  if (host.result === undefined) return host.phase === undefined ? 3 : 2;
  return isGood(host.result.outcome) ? 4 : 1;
}

/** `and 92 more: 60 waiting, 30 live, 2 failed` */
function restText(hosts: readonly HostState[], shown: ReadonlySet<HostState>): string {
  const rest = hosts.filter((host) => !shown.has(host));
  const counts = new Map<string, number>();
  for (const { phase, result } of rest) {
    const isWaiting = phase === undefined || phase === 'ready' || phase === 'copied';
    const word =
      result === undefined ? (isWaiting ? 'waiting' : phase) : outcomeText(result.outcome);
    counts.set(word, (counts.get(word) ?? 0) + 1);
  }
  const parts = [...counts].map(([word, count]) => `${formatNumber(count)} ${word}`);
  return `and ${formatNumber(rest.length)} more: ${parts.join(', ')}`;
}

interface RowOptions extends DeployLinesOptions {
  readonly columns: { readonly name: number; readonly isTimed: boolean };
}

function hostLine(host: HostState, { width, now, paint, columns }: RowOptions): string {
  const { phase, result } = host;
  const name = fitToWidth(lineText(host.host), columns.name);
  const word = result === undefined ? (phase ?? 'waiting') : outcomeText(result.outcome);
  const look = result === undefined ? phaseLook(phase) : outcomeLooks[result.outcome];
  const time = columns.isTimed ? clockText(timeOf(host, now)).padStart(TIME_WIDTH) : '';
  const left = width - columns.name - 2 - stateWidth - displayWidth(time);
  if (left < 0) {
    const room = width - columns.name - 1;
    return room < 1 ? clipToWidth(name, width) : `${name} ${paint(look, clipToWidth(word, room))}`;
  }
  const detail = detailText(host, { room: left - 2, now });
  const row = `${name}  ${paint(look, word)}${' '.repeat(stateWidth - word.length)}${time}`;
  return (detail === '' ? row : `${row}  ${detail}`).trimEnd();
}

/** How long it is at what it does; in the end, how long it all took. */
function timeOf({ phase, since, beganAt, result }: HostState, now: number): number | undefined {
  if (result !== undefined) return beganAt === undefined ? undefined : since - beganAt;
  return phase === undefined ? undefined : now - since;
}

interface DetailOptions {
  /** Columns. */
  readonly room: number;
  readonly now: number;
}

function detailText(host: HostState, { room, now }: DetailOptions): string {
  if (room < 1) return '';
  const { phase, result, copy } = host;
  if (result !== undefined) {
    const reason = reasonText(result);
    if (reason !== '') return clipToWidth(reason, room);
    const generations = generationsText(result);
    const long = generations === '' ? '' : `generation ${generations}`;
    return long.length <= room ? long : clipToWidth(generations, room);
  }
  if (phase === 'copying' && copy !== undefined) return copyText(copy, { room, now });
  if (phase === 'copied' && copiedBytes(host) > 0) {
    const paths = copy === undefined ? '' : `${formatCount(copy.totalPaths, 'path')}, `;
    return clipToWidth(`${paths}${formatBytes(copiedBytes(host))}`, room);
  }
  return '';
}

/** A bar with figures, or as much of that as there is room for. */
function copyText(copy: CopyState, { room, now }: DetailOptions): string {
  if (copy.phase === 'asking') {
    const { closurePaths } = copy;
    const found = closurePaths > 0 ? `, ${formatCount(closurePaths, 'path')}` : '';
    return clipToWidth(`looking what is there${found}`, room);
  }
  const done = doneBytes(copy);
  const { totalBytes } = copy;
  const rate = copy.meter.rate(now);
  const percent = `${totalBytes === 0 ? 100 : Math.floor((done / totalBytes) * 100)}%`.padStart(4);
  const size = `${percent} of ${formatBytes(totalBytes).padStart(8)}`;
  const isOver = copy.phase === 'done' || done >= totalBytes;
  const speed = rate === undefined || isOver ? '' : rate < 1 ? 'stalled' : formatRate(rate);
  // The place of the rate is kept, so that bars stay as long as they are.
  const choices = [`${size}  ${speed.padStart(10)}`, size, percent];
  const fits = choices.find(({ length }) => length + BAR_MIN + 3 <= room);
  const figures = fits ?? choices.find(({ length }) => length <= room);
  if (figures === undefined) return '';
  if (fits === undefined) return figures.trimEnd();
  const barWidth = Math.min(room - figures.length - 3, BAR_MAX);
  return `${barText(done, totalBytes, barWidth)} ${figures}`.trimEnd();
}

/** `[####......]`, two columns wider than told. */
function barText(done: number, total: number, width: number): string {
  const filled = total === 0 ? width : Math.min(Math.floor((done / total) * width), width);
  return `[${'#'.repeat(filled)}${'.'.repeat(width - filled)}]`;
}

/** In which order outcomes are counted: what went well first, what must be looked at last. */
const COUNTED: readonly DeployOutcome[] = [
  'live',
  'unchanged',
  'at-next-boot',
  'done',
  'skipped',
  'unreachable',
  'refused',
  'failed',
  'rolled-back',
  'unknown',
];

/** `live 5/8, failed 1, rolled back 1` */
export function outcomeCounts(state: DeployState): { outcome: DeployOutcome; text: string }[] {
  const counts = countOutcomes(state);
  const total = formatNumber(state.hosts.size);
  const isCounted = (outcome: DeployOutcome): boolean => (counts.get(outcome) ?? 0) > 0;
  // What this run is about is told of all hosts; where none is known yet, most are about becoming live.
  // As long as something moves, it may still become live.
  const isOver = [...state.hosts.values()].every(({ result }) => result !== undefined);
  const mains = [
    'live',
    'at-next-boot',
    'done',
    ...(isOver ? ['unchanged' as const] : []),
  ] as const;
  const main = mains.find(isCounted) ?? 'live';
  return COUNTED.filter((outcome) => outcome === main || isCounted(outcome)).map((outcome) => {
    const count = formatNumber(counts.get(outcome) ?? 0);
    const of = outcome === main ? `/${total}` : '';
    return { outcome, text: `${outcomeText(outcome)} ${count}${of}` };
  });
}

function totalsLine(state: DeployState, { width, now, paint }: DeployLinesOptions): string {
  const { doneBytes: done, totalBytes, rate, leftMs } = copyTotals(state, now);
  const counts = outcomeCounts(state);
  const bytes = totalBytes === 0 ? '' : `${formatBytes(done)} of ${formatBytes(totalBytes)}`;
  const speed = rate === undefined ? '' : rate < 1 ? 'stalled' : formatRate(rate);
  const left =
    leftMs === undefined
      ? ''
      : `${formatDuration(Math.max(leftMs, 1000)).replace(/\.\d/, '')} left to copy`;
  const head = counts.map(({ text }) => text).join(', ');
  const choices = [[bytes, speed, left], [bytes, speed], [bytes], []].map((parts) =>
    parts.filter((part) => part !== ''),
  );
  const parts = choices.find((some) => [head, ...some].join(', ').length <= width);
  if (parts === undefined) return clipToWidth(head, width);
  const painted = counts.map(({ outcome, text }) =>
    isGood(outcome) ? paint('bold', text) : paint(outcomeLooks[outcome], text),
  );
  return [...painted, ...parts].join(', ');
}

/** `0:12`, `12:34`, `1:02:03`: of one width for as long as possible. */
function clockText(ms: number | undefined): string {
  if (ms === undefined) return '';
  const seconds = Math.floor(Math.max(ms, 0) / 1000);
  const two = (value: number): string => String(value).padStart(2, '0');
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes}:${two(seconds % 60)}`;
  return `${Math.floor(minutes / 60)}:${two(minutes % 60)}:${two(seconds % 60)}`;
}
