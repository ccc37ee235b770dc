/**
 * What a deployment came to, for people: a line for each host, then what went wrong, told once where it is the same for
 * several hosts. Pure: state in, lines out.
 */
import { formatBytes } from '../../bytes/format-bytes.ts';
import { FerryError, isFerryError } from '../../error.ts';
import { isGood } from '../../deploy/strategy.ts';
import { describeError } from '../errors.ts';
import type { Paint } from '../looking.ts';
import { outcomeCounts } from './deploy-lines.ts';
import { lineText, type DeployState, type HostState } from './deploy-state.ts';
import { generationsText, outcomeLooks, outcomeText } from './deploy-words.ts';
import { clipToWidth, displayWidth, wrapToWidth } from './display-width.ts';
import { formatCount, formatDuration, formatNumber } from './units.ts';

export interface DeploySummaryOptions {
  /** Columns; without limit where it is no terminal. */
  readonly width: number;
  readonly now: number;
  readonly paint: Paint;
  /** 0 as a rule, one more for each `-v`: causes are told too. */
  readonly verbosity: number;
}

/** With more hosts than this, those that are well are counted. */
const ROWS_MAX = 40;
/** Names told of one group; the rest is counted. */
const NAMES_MAX = 60;
/** Columns of names where the terminal is too narrow for all that is to be said. */
const NAME_NARROW = 24;
const GAP = 2;

export function deploySummary(state: DeployState, options: DeploySummaryOptions): string[] {
  const hosts = [...state.hosts.values()];
  const began = hosts.some(({ result, phase }) => result !== undefined || phase !== undefined);
  if (!began) return [];
  return [
    ...tableLines(hosts, options),
    ...problemLines(hosts, options),
    totalLine(state, options),
  ];
}

/** With `--quiet`: what went wrong, and nothing else. */
export function deployProblems(state: DeployState, options: DeploySummaryOptions): string[] {
  return problemLines([...state.hosts.values()], options).slice(1, -1);
}

interface Row {
  /** Host, outcome, generation, what was copied, time. */
  readonly cells: readonly [string, string, string, string, string];
  readonly look: Parameters<Paint>[0];
}

function tableLines(hosts: readonly HostState[], { width, paint }: DeploySummaryOptions): string[] {
  const isLong = hosts.length > ROWS_MAX;
  const rows = isLong ? foldedRows(hosts) : hosts.map(rowOf);
  const head: Row['cells'] = ['host', 'outcome', 'generation', 'copied', 'time'];
  const widths = head.map((title, n) => {
    // Columns that say nothing are left out.
    if (rows.every(({ cells }) => cells[n] === '')) return 0;
    return Math.max(displayWidth(title), ...rows.map(({ cells }) => displayWidth(cells[n] ?? '')));
  });
  fitWidths(widths, width);
  const lineOf = (cells: Row['cells'], look?: Row['look']): string => {
    const parts = cells.flatMap((cell, n) => {
      const columns = widths[n] ?? 0;
      if (columns === 0) return [];
      const text = clipToWidth(cell, columns);
      const padding = ' '.repeat(columns - displayWidth(text));
      const painted = n === 1 && look !== undefined ? paint(look, text) : text;
      // Times are compared, so their units stand below each other.
      return [n === 4 ? padding + painted : painted + padding];
    });
    return parts.join(' '.repeat(GAP)).trimEnd();
  };
  return [paint('dim', lineOf(head)), ...rows.map(({ cells, look }) => lineOf(cells, look))];
}

/** Shortens names and leaves out columns until a line fits. */
function fitWidths(widths: number[], width: number): void {
  const tooWide = (): number => {
    const used = widths.filter((columns) => columns > 0);
    return used.reduce((sum, columns) => sum + columns, (used.length - 1) * GAP) - width;
  };
  const shorten = (least: number): void => {
    const name = widths[0] ?? 0;
    if (tooWide() > 0) widths[0] = Math.min(name, Math.max(name - tooWide(), least));
  };
  shorten(NAME_NARROW);
  // What was copied is missed least, the outcome most.
  for (const n of [3, 4, 2]) if (tooWide() > 0) widths[n] = 0;
  shorten(1);
}

function rowOf({ host, result, beganAt, since, phase }: HostState): Row {
  const name = lineText(host);
  if (result === undefined) {
    const what = phase === undefined ? 'not begun' : `stopped ${phase}`;
    return { cells: [name, what, '', '', ''], look: 'yellow' };
  }
  const { outcome, copiedPaths, copiedBytes } = result;
  const time = beganAt === undefined ? '' : formatDuration(since - beganAt);
  const copied = copiedText(copiedPaths, copiedBytes);
  const cells: Row['cells'] = [name, outcomeText(outcome), generationsText(result), copied, time];
  return { cells, look: outcomeLooks[outcome] };
}

function copiedText(paths: number, bytes: number): string {
  return paths === 0 ? '' : `${formatCount(paths, 'path')}, ${formatBytes(bytes)}`;
}

/** A row for each way in which hosts are well; the others have theirs. */
function foldedRows(hosts: readonly HostState[]): Row[] {
  const well = hosts.filter(({ result }) => result !== undefined && isGood(result.outcome));
  const groups = Map.groupBy(well, ({ result }) => result?.outcome);
  const rows = [...groups].map(([outcome = 'done', some]): Row => {
    const results = some.map(({ result }) => result);
    const paths = results.reduce((sum, result) => sum + (result?.copiedPaths ?? 0), 0);
    const bytes = results.reduce((sum, result) => sum + (result?.copiedBytes ?? 0), 0);
    const longest = Math.max(...some.map(({ beganAt, since }) => since - (beganAt ?? since)));
    const name =
      some.length === 1 ? lineText(some[0]?.host ?? '') : formatCount(some.length, 'host');
    const cells: Row['cells'] = [
      name,
      outcomeText(outcome),
      '',
      copiedText(paths, bytes),
      formatDuration(longest),
    ];
    return { cells, look: outcomeLooks[outcome] };
  });
  const others = hosts.filter((host) => !well.includes(host));
  // Their names stand with the reasons.
  if (others.length <= ROWS_MAX) return [...rows, ...others.map(rowOf)];
  const ends = Map.groupBy(others, (host) => rowOf(host).cells[1]);
  const counted = [...ends].map(
    ([what, some]): Row => ({
      cells: [formatCount(some.length, 'host'), what, '', '', ''],
      look: some[0] === undefined ? 'yellow' : rowOf(some[0]).look,
    }),
  );
  return [...rows, ...counted];
}

/** What went wrong, for each group of hosts the error, what helps, and what the activation said last. */
function problemLines(hosts: readonly HostState[], options: DeploySummaryOptions): string[] {
  const { width, paint, verbosity } = options;
  const mark = (text: string): string =>
    paint(text.startsWith('hint') ? 'cyan' : ['red', 'bold'], text);
  const failed = hosts.filter(({ result }) => result?.error !== undefined);
  const lines: string[] = [];
  for (const group of groupByProblem(failed)) {
    const names = group.map(({ host }) => lineText(host));
    const [first] = group;
    lines.push('', ...namesLines(names, { width, paint }));
    for (const line of describeError(errorOf(group), { verbosity, mark })) {
      lines.push(`  ${line.replaceAll('\n', '\n  ')}`);
    }
    for (const line of first?.lastLines ?? []) lines.push(`  ${paint('dim', '│')} ${line}`);
  }
  return lines.length === 0 ? [] : [...lines, ''];
}

function namesLines(
  names: readonly string[],
  { width, paint }: Pick<DeploySummaryOptions, 'width' | 'paint'>,
): string[] {
  const rest = names.length - NAMES_MAX;
  const told = rest > 1 ? names.slice(0, NAMES_MAX) : names;
  const words = told.map((name, n) => (n + 1 < names.length ? `${name},` : `${name}:`));
  if (rest > 1) words.push(`and ${formatNumber(rest)} more:`);
  return wrapToWidth(words, width).map((line) => paint('bold', line));
}

/** Hosts with the same problem and the same last lines, but for what they are called. */
function groupByProblem(hosts: readonly HostState[]): HostState[][] {
  const groups = Map.groupBy(hosts, (host) => {
    const error = host.result?.error;
    const hint = isFerryError(error) ? error.hint : undefined;
    const texts = [host.result?.outcome ?? '', messageText(error), hint ?? '', ...host.lastLines];
    return texts.map((text) => withoutName(text, host.host)).join('\n');
  });
  return [...groups.values()];
}

/** The error of a group: where it names one host, it is about all. */
function errorOf([first, second]: readonly HostState[]): unknown {
  const error = first?.result?.error;
  if (first === undefined || second === undefined || !isFerryError(error)) return error;
  const { code, message, hint, cause } = error;
  return new FerryError(code, withoutName(message, first.host), {
    cause,
    ...(hint === undefined ? {} : { hint: withoutName(hint, first.host) }),
  });
}

function messageText(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** With neither the name nor the address of the host, as far as they can be told. */
function withoutName(text: string, name: string): string {
  const named = new RegExp(`(?<![\\w.-])${RegExp.escape(name)}(?![\\w-])`, 'g');
  return text
    .replace(/\bssh(-ng)?:\/\/[^\s"']+/g, 'HOST')
    .replace(/\bhost \S+ port \d+/g, 'host HOST port PORT')
    .replace(named, 'HOST');
}

/** `live 5/8, failed 1 in 1 min 20 s` */
function totalLine(state: DeployState, { now, paint }: DeploySummaryOptions): string {
  const counts = outcomeCounts(state).map(({ outcome, text }) =>
    isGood(outcome) ? paint('bold', text) : paint(outcomeLooks[outcome], text),
  );
  return `${counts.join(', ')} in ${formatDuration(now - state.startedAt)}`;
}
