/** Shows a copy as it runs: lines that change on a terminal, plain lines elsewhere, JSON for programs. */
import type { CopyEvent } from '../../copy/events.ts';
import { formatBytes } from '../../bytes/format-bytes.ts';
import { messageOf } from '../../error.ts';
import { printStorePath, type StoreDir, type StorePath } from '../../format/store-path.ts';
import type { CommandContext } from '../context.ts';
import { printable } from '../errors.ts';
import { startCopyState, takeEvent } from './copy-state.ts';
import { LiveLines } from './live-lines.ts';
import { OrderedOutput } from './ordered-output.ts';
import { renderCopy, summaryLine } from './render-copy.ts';
import { formatCount } from './units.ts';

/** Nothing is shown of what is over within this time, in milliseconds. */
const QUIET_MS = 250;
const REDRAW_MS = 100;
const PATH_LINES_MAX = 5;

export interface CopyProgress {
  /** To be given to the plan and the transfer. */
  readonly onEvent: (event: CopyEvent) => void;
  /** A line of talk on stderr, which must not get between the lines that change. */
  readonly print: (line: string) => void;
  /** Leaves the terminal as it was, with a last line where there is something to say. Also after a failure. */
  finish(): Promise<void>;
}

export interface CopyScene {
  readonly storeDir: StoreDir;
  /** How plain lines name a path's way: `to 'ssh://server'`; a function where each path has its own. */
  readonly way: string | ((path: StorePath) => string);
}

export function showCopy(context: CommandContext, scene: CopyScene): CopyProgress {
  if (context.verbosity < 0) return silentProgress(context, scene);
  const { stderr, env } = context;
  const isLive = stderr.isTerminal && env.variables['TERM'] !== 'dumb';
  return isLive ? liveProgress(context, scene) : plainProgress(context, scene);
}

/**
 * What nix-copy-closure prints, and nothing else: "copying 0 paths..." where there are none, as up to 2.34, and lines
 * also on a terminal.
 */
export function nixProgress(context: CommandContext, scene: CopyScene): CopyProgress {
  if (context.verbosity < 0) return silentProgress(context, scene);
  const output = new OrderedOutput(context.stderr);
  return {
    onEvent: (event) => printNixLine(output, event, scene),
    print: (line) => output.line(line),
    finish: () => settledTalk(output),
  };
}

function liveProgress({ stderr }: CommandContext, scene: CopyScene): CopyProgress {
  const startedAt = performance.now();
  const state = startCopyState(startedAt);
  const output = new OrderedOutput(stderr);
  const lines = new LiveLines(output);
  const timer = setInterval(() => {
    const now = performance.now();
    if (now - startedAt < QUIET_MS) return;
    lines.draw(renderCopy(state, { width: stderr.width(), now, pathsMax: PATH_LINES_MAX }));
  }, REDRAW_MS);
  timer.unref();
  return {
    onEvent(event) {
      takeEvent(state, event, performance.now());
      if (event.type === 'path-failed') lines.print(failureLine(event, scene));
      if (event.type === 'skipped') lines.print(skippedLine(event));
    },
    print: (line) => lines.print(line),
    async finish() {
      clearInterval(timer);
      lines.clear();
      if (state.summary !== undefined) {
        output.line(summaryLine(state.summary, performance.now() - startedAt));
      }
      await settledTalk(output);
    },
  };
}

/** The lines of Nix, which scripts and logs know, and a summary. */
function plainProgress({ stderr }: CommandContext, scene: CopyScene): CopyProgress {
  const startedAt = performance.now();
  const output = new OrderedOutput(stderr);
  return {
    onEvent(event) {
      if (event.type === 'start' && event.paths === 0) return;
      printNixLine(output, event, scene);
      if (event.type === 'skipped') output.line(skippedLine(event));
      if (event.type === 'done') {
        output.line(summaryLine(event.summary, performance.now() - startedAt));
      }
    },
    print: (line) => output.line(line),
    finish: () => settledTalk(output),
  };
}

/** With `--quiet`: failures are still told. */
function silentProgress({ stderr }: CommandContext, scene: CopyScene): CopyProgress {
  const output = new OrderedOutput(stderr);
  return {
    onEvent(event) {
      if (event.type === 'path-failed') output.line(failureLine(event, scene));
    },
    print: () => {},
    finish: () => settledTalk(output),
  };
}

function printNixLine(output: OrderedOutput, event: CopyEvent, scene: CopyScene): void {
  if (event.type === 'start') output.line(`copying ${event.paths} paths...`);
  if (event.type === 'path-substituted') {
    const path = printStorePath(scene.storeDir, event.path);
    output.line(`copying path '${path}' from '${event.from}'...`);
  }
  if (event.type === 'path-start') {
    const way = typeof scene.way === 'string' ? scene.way : scene.way(event.path);
    output.line(`copying path '${printStorePath(scene.storeDir, event.path)}' ${way}...`);
  }
  if (event.type === 'path-failed') output.line(failureLine(event, scene));
}

export function skippedLine({
  paths,
  narSize,
  reason,
}: Extract<CopyEvent, { type: 'skipped' }>): string {
  return `leaving out ${formatCount(paths, 'path')}, ${formatBytes(narSize)}: ${reason}`;
}

/** Talk that nobody reads doesn't end a copy. */
async function settledTalk(output: OrderedOutput): Promise<void> {
  await output.settled().catch(() => {});
}

export function failureLine(
  event: Extract<CopyEvent, { type: 'path-failed' }>,
  { storeDir }: Pick<CopyScene, 'storeDir'>,
): string {
  const path = printStorePath(storeDir, event.path);
  const message = printable(messageOf(event.error));
  // Most errors name the path already.
  return message.includes(path) ? `error: ${message}` : `error: cannot copy "${path}": ${message}`;
}
