/** A running copy as lines of a terminal, and its summary. Pure: state, width and time in, lines out. */
import type { CopySummary } from '../../copy/events.ts';
import { nameOf } from '../../format/store-path.ts';
import { doneBytes, remainingMs, type CopyState, type MovingPath } from './copy-state.ts';
import { formatBytes } from '../../bytes/format-bytes.ts';
import { formatCount, formatDuration, formatNumber, formatRate } from './units.ts';

export interface LineOptions {
  /** Columns. */
  readonly width: number;
  /** Milliseconds of the clock that the state was fed with. */
  readonly now: number;
}

export interface RenderOptions extends LineOptions {
  /** Lines for paths that are moving; the rest is counted. */
  readonly pathsMax: number;
}

const BAR_MAX = 30;
/** On a wide screen the figures should not be far from the names. */
const WIDTH_MAX = 100;
/** A narrower bar says nothing. */
const BAR_MIN = 8;

/** The total comes last, where the eye rests; no line is wider than the terminal. */
export function renderCopy(state: CopyState, options: RenderOptions): string[] {
  const width = Math.min(options.width, WIDTH_MAX);
  if (state.phase === 'asking') return [clip(askingLine(state), width)];
  if (state.phase === 'done') return [];
  // The oldest ones are the large ones: those people wait for.
  const moving = [...state.moving.values()];
  const shown = moving.slice(0, options.pathsMax);
  const lines = shown.map((path) => pathLine(path, width));
  const more = moving.length - shown.length;
  if (more > 0) lines.push(clip(`  and ${formatNumber(more)} more`, width));
  return [...lines, totalLine(state, width, options.now)];
}

/** One line for all of it, where several copies run. */
export function renderCopyLine(state: CopyState, { width, now }: LineOptions): string {
  if (state.phase === 'copying') return totalLine(state, width, now);
  return state.phase === 'asking' ? clip(askingLine(state), width) : '';
}

/** `copied 12 paths, 34.5 MiB in 1.2 s (28 MiB/s), 354 were there already` */
export function summaryLine(summary: CopySummary, elapsedMs: number): string {
  const { copied, alreadyValid, failed, narSize, signaturesAdded } = summary;
  const parts: string[] = [];
  if (copied > 0) {
    const rate = elapsedMs > 0 ? ` (${formatRate((narSize / elapsedMs) * 1000)})` : '';
    const time = formatDuration(elapsedMs);
    parts.push(`copied ${formatCount(copied, 'path')}, ${formatBytes(narSize)} in ${time}${rate}`);
    if (alreadyValid > 0)
      parts.push(`${formatNumber(alreadyValid)} ${were(alreadyValid)} there already`);
  } else if (failed === 0) {
    if (alreadyValid === 0) parts.push('nothing to copy');
    else
      parts.push(
        alreadyValid === 1
          ? 'nothing to copy: the path is there already'
          : `nothing to copy: all ${formatNumber(alreadyValid)} paths are there already`,
      );
  }
  if (signaturesAdded > 0) parts.push(`added ${formatCount(signaturesAdded, 'signature')}`);
  if (failed > 0) parts.push(`${formatCount(failed, 'path')} could not be copied`);
  return parts.join(', ');
}

function were(count: number): string {
  return count === 1 ? 'was' : 'were';
}

function askingLine(state: CopyState): string {
  const parts = ['asking the stores what is there'];
  if (state.closurePaths > 0) {
    parts.push(`${formatCount(state.closurePaths, 'path')} in the closure`);
  }
  if (state.substitutedPaths > 0) {
    const fetched = formatNumber(state.substitutedPaths);
    parts.push(`${fetched} fetched by the destination (${formatBytes(state.substitutedBytes)})`);
  }
  return parts.join(', ');
}

function pathLine({ path, narSize, doneBytes: done }: MovingPath, width: number): string {
  const percent = narSize === 0 ? 0 : Math.floor((Math.min(done, narSize) / narSize) * 100);
  const right = `${String(percent).padStart(3)}% of ${formatBytes(narSize).padStart(8)}`;
  const room = width - right.length - 4;
  const name = nameOf(path);
  if (room < 8) return clip(`  ${name}`, width);
  return `  ${clip(name, room).padEnd(room)}  ${right}`;
}

function totalLine(state: CopyState, width: number, now: number): string {
  const done = doneBytes(state);
  const finished = state.donePaths + state.failedPaths;
  const paths = `${formatNumber(finished)}/${formatCount(state.totalPaths, 'path')}`;
  const bytes = `${formatBytes(done)} of ${formatBytes(state.totalBytes)}`;
  const rate = state.meter.rate(now);
  const left = remainingMs(state, now);
  const speed = rate === undefined ? '' : rate < 1 ? 'stalled' : formatRate(rate);
  const time =
    left === undefined ? '' : `${formatDuration(Math.max(left, 1000)).replace(/\.\d/, '')} left`;
  // On a narrow terminal the count of paths is missed least, the time left most.
  const choices = [[bytes, paths, speed, time], [bytes, speed, time], [bytes, time], [bytes]];
  const texts = choices.map((parts) => parts.filter((part) => part !== '').join(', '));
  const text = texts.find(({ length }) => length <= width) ?? bytes;
  const room = Math.min(width - text.length - 3, BAR_MAX);
  return room < BAR_MIN ? clip(text, width) : `${bar(done, state.totalBytes, room)} ${text}`;
}

function bar(done: number, total: number, width: number): string {
  const filled = total === 0 ? 0 : Math.floor((done / total) * width);
  return `[${'#'.repeat(filled)}${'.'.repeat(width - filled)}]`;
}

/** Store path names are ASCII: a character is a column. */
function clip(text: string, width: number): string {
  if (text.length <= width) return text;
  return width < 4 ? text.slice(0, width) : `${text.slice(0, width - 1)}…`;
}
