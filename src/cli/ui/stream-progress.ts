/**
 * Shows what goes out to a file or comes in from one: a line that changes on a terminal, one line at the end elsewhere.
 * What comes in doesn't say in advance how much it is.
 */
import { formatBytes } from '../../bytes/format-bytes.ts';
import type { CopyEvent } from '../../copy/events.ts';
import type { CommandContext } from '../context.ts';
import type { CopyProgress } from './copy-progress.ts';
import { LiveLines } from './live-lines.ts';
import { OrderedOutput } from './ordered-output.ts';
import { RateMeter } from './rate-meter.ts';
import { formatCount, formatDuration, formatNumber, formatRate } from './units.ts';

/** Nothing is shown of what is over within this time, in milliseconds. */
const QUIET_MS = 250;
const REDRAW_MS = 100;

export interface StreamProgress extends CopyProgress {
  /** Bytes of NAR that came in since the last call, of a path whose name isn't known yet. */
  readonly onBytes: (bytes: number) => void;
}

/** @param verb what happened to the paths, as in "exported 3 paths" */
export function showStream(context: CommandContext, verb: string): StreamProgress {
  const { stderr, env } = context;
  const output = new OrderedOutput(stderr);
  const lines = new LiveLines(output);
  const startedAt = performance.now();
  const state: StreamState = {
    verb,
    paths: 0,
    alreadyValid: 0,
    bytes: 0,
    totalBytes: 0,
    meter: new RateMeter(startedAt),
  };
  let isDone = false;
  const isQuiet = context.verbosity < 0;
  const isLive = !isQuiet && stderr.isTerminal && env.variables['TERM'] !== 'dumb';
  const draw = (): void => {
    const now = performance.now();
    if (now - startedAt < QUIET_MS) return;
    lines.draw([streamLine(state, now).slice(0, stderr.width())]);
  };
  const timer = isLive ? setInterval(draw, REDRAW_MS) : undefined;
  timer?.unref();
  return {
    onEvent(event) {
      takeEvent(state, event, performance.now());
      if (event.type === 'done') isDone = true;
    },
    onBytes(bytes) {
      state.bytes += bytes;
      state.meter.add(bytes, performance.now());
    },
    print(line) {
      if (!isQuiet) lines.print(line);
    },
    async finish() {
      clearInterval(timer);
      lines.clear();
      if (isDone && !isQuiet) output.line(doneLine(state, performance.now() - startedAt));
      // Talk that nobody reads is no failure.
      await output.settled().catch(() => {});
    },
  };
}

interface StreamState {
  readonly verb: string;
  /** Those that are done. */
  paths: number;
  alreadyValid: number;
  /** Bytes of NAR so far. */
  bytes: number;
  /** 0 where nobody knows. */
  totalBytes: number;
  readonly meter: RateMeter;
}

function takeEvent(state: StreamState, event: CopyEvent, now: number): void {
  if (event.type === 'start') state.totalBytes = event.narSize;
  if (event.type === 'path-done') state.paths++;
  if (event.type === 'path-bytes') {
    state.bytes += event.bytes;
    state.meter.add(event.bytes, now);
  }
  if (event.type === 'done') {
    state.paths = event.summary.copied;
    state.alreadyValid = event.summary.alreadyValid;
    state.bytes = event.summary.narSize;
  }
}

function streamLine({ verb, paths, bytes, totalBytes, meter }: StreamState, now: number): string {
  const rate = meter.rate(now);
  const of = totalBytes > 0 ? ` of ${formatBytes(totalBytes)}` : '';
  const speed = rate === undefined ? '' : `, ${rate < 1 ? 'stalled' : formatRate(rate)}`;
  return `${verb} ${formatCount(paths, 'path')}, ${formatBytes(bytes)}${of}${speed}`;
}

function doneLine({ verb, paths, alreadyValid, bytes }: StreamState, elapsedMs: number): string {
  const rate = elapsedMs > 0 ? ` (${formatRate((bytes / elapsedMs) * 1000)})` : '';
  const size = `${formatBytes(bytes)} in ${formatDuration(elapsedMs)}${rate}`;
  const what = `${verb} ${formatCount(paths, 'path')}${paths > 0 ? `, ${size}` : ''}`;
  if (alreadyValid === 0) return what;
  return `${what}, ${formatNumber(alreadyValid)} ${alreadyValid === 1 ? 'was' : 'were'} there already`;
}
