/** Shows a deployment as it runs: a table that changes on a terminal, plain lines elsewhere, JSON for programs. */
import { formatBytes } from '../../bytes/format-bytes.ts';
import type { DeployEvent, HostResult } from '../../deploy/events.ts';
import { messageOf } from '../../error.ts';
import { defaultStoreDir, nameOf, type StoreDir } from '../../format/store-path.ts';
import type { CommandContext } from '../context.ts';
import { paintFor, type Paint } from '../looking.ts';
import { jsonDeployment } from './deploy-json.ts';
import { deployLines, nameWidth } from './deploy-lines.ts';
import { lineText, startDeployState, takeDeployEvent, type DeployState } from './deploy-state.ts';
import { deployProblems, deploySummary, type DeploySummaryOptions } from './deploy-summary.ts';
import type { DeploymentView } from './deploy-view.ts';
import { generationsText, outcomeText, reasonText } from './deploy-words.ts';
import { fitToWidth } from './display-width.ts';
import { LiveLines } from './live-lines.ts';
import { OrderedOutput } from './ordered-output.ts';
import { summaryLine } from './render-copy.ts';
import { formatCount } from './units.ts';

/** Nothing is shown of what is over within this time, in milliseconds. */
const QUIET_MS = 250;
const REDRAW_MS = 100;
/** Where the terminal doesn't say. */
const WIDTH = 80;
const HEIGHT = 24;

export interface DeployScene {
  readonly talk: 'people' | 'json';
  /** Names, in the order in which they are shown. */
  readonly hosts: readonly string[];
  /** Of the paths that are copied. */
  readonly storeDir?: StoreDir | undefined;
}

export function showDeployment(
  context: CommandContext,
  { talk, hosts, storeDir = defaultStoreDir }: DeployScene,
): DeploymentView {
  if (talk === 'json') return jsonDeployment(context, { hosts, storeDir });
  if (context.verbosity < 0) return silentView(context, hosts);
  const { stderr, env } = context;
  const isLive = stderr.isTerminal && env.variables['TERM'] !== 'dumb';
  return isLive ? liveView(context, hosts) : plainView(context, hosts);
}

function liveView(context: CommandContext, hosts: readonly string[]): DeploymentView {
  const { stderr } = context;
  const paint = paintFor(stderr);
  const state = startDeployState(hosts, performance.now());
  const output = new OrderedOutput(stderr);
  const lines = new LiveLines(output);
  const size = (): { width: number; height: number } => ({
    width: stderr.width() || WIDTH,
    height: stderr.height?.() || HEIGHT,
  });
  const timer = setInterval(() => {
    const now = performance.now();
    if (now - state.startedAt < QUIET_MS) return;
    lines.draw(deployLines(state, { ...size(), now, paint }));
  }, REDRAW_MS);
  timer.unref();
  return {
    onEvent(event) {
      takeDeployEvent(state, event, performance.now());
      const text = lineOf(event);
      if (text === undefined) return;
      const names = state.hosts.values();
      const name = fitToWidth(lineText(event.host), nameWidth(names, size().width));
      lines.print(`${paint('bold', name)} ${paint('dim', '│')} ${text}`);
    },
    print: (line) => lines.print(line),
    async dismiss() {
      clearInterval(timer);
      lines.clear();
      await settledTalk(output);
    },
    async finish() {
      clearInterval(timer);
      lines.clear();
      const options = summaryOptions(context, paint);
      for (const line of deploySummary(state, options)) output.line(line);
      await settledTalk(output);
    },
  };
}

function summaryOptions(context: CommandContext, paint: Paint): DeploySummaryOptions {
  return {
    width: context.stderr.isTerminal ? context.stderr.width() || WIDTH : Infinity,
    now: performance.now(),
    paint,
    verbosity: context.verbosity,
  };
}

/** What events say in words, which stays above the table. */
function lineOf(event: DeployEvent): string | undefined {
  if (event.type === 'line') return lineText(event.line);
  if (event.type === 'warning') return `warning: ${lineText(event.message)}`;
  if (event.type === 'copy' && event.event.type === 'path-failed') {
    const { path, error } = event.event;
    return `error: cannot copy "${nameOf(path)}": ${lineText(messageOf(error))}`;
  }
  return undefined;
}

/** A line for each thing that happens, the host first, for logs. */
function plainView(context: CommandContext, hosts: readonly string[]): DeploymentView {
  const paint = paintFor(context.stderr);
  const state = startDeployState(hosts, performance.now());
  const output = new OrderedOutput(context.stderr);
  return {
    onEvent(event) {
      const line = plainLine(state, event, context.verbosity);
      takeDeployEvent(state, event, performance.now());
      if (line !== undefined) output.line(`${lineText(event.host)}${line}`);
    },
    print: (line) => output.line(line),
    dismiss: () => settledTalk(output),
    async finish() {
      const options = summaryOptions(context, paint);
      for (const line of deploySummary(state, options)) output.line(line);
      await settledTalk(output);
    },
  };
}

/** What follows the name of the host; undefined where nothing is to be said. */
function plainLine(state: DeployState, event: DeployEvent, verbosity: number): string | undefined {
  const host = state.hosts.get(event.host);
  switch (event.type) {
    case 'phase':
      // What was copied is told when it is, with figures.
      if (host?.phase === event.phase || event.phase === 'copied') return undefined;
      return `: ${event.phase}`;
    case 'ended':
      return `: ${endText(event.result)}`;
    case 'line':
      return ` │ ${lineText(event.line)}`;
    case 'warning':
    case 'copy':
      break;
  }
  if (event.type === 'copy') {
    const copy = event.event;
    if (copy.type === 'done' && copy.summary.copied > 0) {
      const elapsedMs = performance.now() - (host?.copy?.startedAt ?? performance.now());
      return `: ${summaryLine(copy.summary, elapsedMs)}`;
    }
    if (copy.type === 'start' && copy.paths > 0 && verbosity > 0) {
      return `: ${formatCount(copy.paths, 'path')}, ${formatBytes(copy.narSize)} to copy`;
    }
    if (copy.type === 'path-start' && verbosity > 0) return `: copying ${nameOf(copy.path)}`;
  }
  const text = lineOf(event);
  return text === undefined ? undefined : `: ${text}`;
}

/** `live, generation 12 → 13`, `failed: no room` */
function endText(result: HostResult): string {
  const outcome = outcomeText(result.outcome);
  const reason = reasonText(result);
  if (reason !== '') return `${outcome}: ${reason}`;
  const generations = generationsText(result);
  return generations === '' ? outcome : `${outcome}, generation ${generations}`;
}

/** With `--quiet`: what went wrong is still told. */
function silentView(context: CommandContext, hosts: readonly string[]): DeploymentView {
  const paint = paintFor(context.stderr);
  const state = startDeployState(hosts, performance.now());
  const output = new OrderedOutput(context.stderr);
  return {
    onEvent: (event) => takeDeployEvent(state, event, performance.now()),
    print: () => {},
    dismiss: () => settledTalk(output),
    async finish() {
      const lines = deployProblems(state, summaryOptions(context, paint));
      for (const line of lines) output.line(line);
      await settledTalk(output);
    },
  };
}

/** Talk that nobody reads ends no deployment. */
async function settledTalk(output: OrderedOutput): Promise<void> {
  await output.settled().catch(() => {});
}
