/** Shows copies to several destinations at the same time: a line for each on a terminal, plain lines elsewhere, or JSON. */
import type { CopyEvent } from '../../copy/events.ts';
import { isFerryError, messageOf } from '../../error.ts';
import { printStorePath, type StoreDir } from '../../format/store-path.ts';
import type { CommandContext } from '../context.ts';
import { describeError } from '../errors.ts';
import { jsonProgress } from './copy-json.ts';
import { failureLine, skippedLine } from './copy-progress.ts';
import { startCopyState, takeEvent, type CopyState } from './copy-state.ts';
import { clipToWidth, displayWidth } from './display-width.ts';
import { LiveLines } from './live-lines.ts';
import { OrderedOutput } from './ordered-output.ts';
import { renderCopyLine, summaryLine } from './render-copy.ts';
import { formatCount, formatNumber } from './units.ts';

export interface CopyManyScene {
  readonly talk: 'people' | 'json';
  readonly storeDir: StoreDir;
  /** How the destinations are called, in the order in which they are shown. */
  readonly names: readonly string[];
}

export interface CopyManyProgress {
  readonly onEvent: (name: string, event: CopyEvent) => void;
  /** Nothing more will be copied to it. */
  readonly onFailed: (name: string, error: unknown) => void;
  /** A line of talk on stderr. */
  readonly print: (line: string) => void;
  /** Leaves the terminal as it was. Also after a failure. */
  finish(): Promise<void>;
}

/** In milliseconds: nothing is shown of what is over within the first. */
const QUIET_MS = 250;
const REDRAW_MS = 100;
/** Lines that change; the rest is counted. */
const LINES_MAX = 16;
/** Columns of a name, where the others need them. */
const NAME_MAX = 40;

export function showCopies(context: CommandContext, scene: CopyManyScene): CopyManyProgress {
  if (scene.talk === 'json') return jsonCopies(context, scene);
  const { stderr, env, verbosity } = context;
  const isLive = verbosity >= 0 && stderr.isTerminal && env.variables['TERM'] !== 'dumb';
  return isLive ? liveCopies(context, scene) : plainCopies(context, scene);
}

/** The lines of a single copy, each naming its destination. */
function plainCopies(
  { stderr, verbosity }: CommandContext,
  { storeDir }: CopyManyScene,
): CopyManyProgress {
  const output = new OrderedOutput(stderr);
  const isTalkative = verbosity >= 0;
  const startedAt = new Map<string, number>();
  const talk = (name: string, event: CopyEvent): void => {
    if (event.type === 'start') {
      startedAt.set(name, performance.now());
      if (event.paths > 0) output.line(`copying ${event.paths} paths to '${name}'...`);
    } else if (event.type === 'path-start') {
      output.line(`copying path '${printStorePath(storeDir, event.path)}' to '${name}'...`);
    } else if (event.type === 'path-substituted') {
      const path = printStorePath(storeDir, event.path);
      output.line(`copying path '${path}' from '${event.from}' to '${name}'...`);
    } else if (event.type === 'skipped') {
      output.line(`${name}: ${skippedLine(event)}`);
    } else if (event.type === 'done') {
      const elapsedMs = performance.now() - (startedAt.get(name) ?? performance.now());
      output.line(`${name}: ${summaryLine(event.summary, elapsedMs)}`);
    }
  };
  return {
    onEvent(name, event) {
      if (isTalkative) talk(name, event);
      if (event.type === 'path-failed') output.line(`${name}: ${failureLine(event, { storeDir })}`);
    },
    onFailed: (name, error) => {
      for (const line of failureLines(name, error, verbosity)) output.line(line);
    },
    print: (line) => {
      if (isTalkative) output.line(line);
    },
    finish: () => output.settled().catch(() => {}),
  };
}

function liveCopies(
  { stderr, verbosity }: CommandContext,
  { names, storeDir }: CopyManyScene,
): CopyManyProgress {
  const startedAt = performance.now();
  const states = new Map(names.map((name) => [name, startCopyState(startedAt)]));
  const output = new OrderedOutput(stderr);
  const lines = new LiveLines(output);
  const timer = setInterval(() => {
    const now = performance.now();
    if (now - startedAt >= QUIET_MS) lines.draw(renderCopies(states, stderr.width(), now));
  }, REDRAW_MS);
  timer.unref();
  return {
    onEvent(name, event) {
      const state = states.get(name);
      if (state !== undefined) takeEvent(state, event, performance.now());
      if (event.type === 'path-failed') lines.print(`${name}: ${failureLine(event, { storeDir })}`);
      if (event.type === 'skipped') lines.print(`${name}: ${skippedLine(event)}`);
      if (event.type === 'done') {
        states.delete(name);
        const elapsedMs = performance.now() - startedAt;
        lines.print(`${name}: ${summaryLine(event.summary, elapsedMs)}`);
      }
    },
    onFailed: (name, error) => {
      states.delete(name);
      for (const line of failureLines(name, error, verbosity)) lines.print(line);
    },
    print: (line) => lines.print(line),
    async finish() {
      clearInterval(timer);
      lines.clear();
      await output.settled().catch(() => {});
    },
  };
}

/** Those that aren't over, a line for each. Pure: states, width and time in, lines out. */
export function renderCopies(
  states: ReadonlyMap<string, CopyState>,
  width: number,
  now: number,
): string[] {
  const shown = [...states].slice(0, LINES_MAX);
  const nameMax = Math.min(NAME_MAX, Math.floor(width / 2));
  const widest = Math.max(0, ...shown.map(([name]) => Math.min(displayWidth(name), nameMax)));
  const lines = shown.map(([name, state]) => {
    const clipped = clipToWidth(name, widest);
    const padded = clipped + ' '.repeat(widest - displayWidth(clipped));
    const line = renderCopyLine(state, { width: Math.max(0, width - widest - 4), now });
    return clipToWidth(`  ${padded}  ${line}`, width);
  });
  const more = states.size - shown.length;
  return more > 0 ? [...lines, clipToWidth(`  and ${formatNumber(more)} more`, width)] : lines;
}

function jsonCopies(context: CommandContext, { names, storeDir }: CopyManyScene): CopyManyProgress {
  const output = new OrderedOutput(context.stdout);
  const each = new Map(names.map((name) => [name, jsonProgress(context, storeDir, name)]));
  const first = [...each.values()][0];
  return {
    onEvent: (name, event) => each.get(name)?.onEvent(event),
    onFailed: (name, error) => {
      const code = isFerryError(error) ? error.code : 'internal';
      const event = { type: 'failed', version: 1, to: name, error: messageOf(error), code };
      output.line(JSON.stringify(event));
    },
    print: (line) => first?.print(line),
    async finish() {
      for (const progress of each.values()) await progress.finish();
      await output.settled();
    },
  };
}

function failureLines(name: string, error: unknown, verbosity: number): string[] {
  const lines = describeError(error, { verbosity, mark: (text) => text });
  return lines.map((line) => (line.startsWith(' ') ? line : `${name}: ${line}`));
}

/** `2 of 3 destinations have everything` */
export function countLine(whole: number, all: number): string {
  const have = whole === 1 ? 'has' : 'have';
  return `${formatNumber(whole)} of ${formatCount(all, 'destination')} ${have} everything`;
}
