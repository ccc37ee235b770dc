/** `ferry fleet diff` for people and programs: what would change on each host, told once where it is the same. */
import { formatBytes } from '../../bytes/format-bytes.ts';
import type { HostDiff } from '../../deploy/fleet-diff.ts';
import { printStorePath, type StoreDir, type StorePath } from '../../format/store-path.ts';
import { describeError } from '../errors.ts';
import { jsonError } from './deploy-json.ts';
import { lineText } from './deploy-state.ts';
import { wrapToWidth } from './display-width.ts';
import { nameOfPrinted } from './render-fleet-status.ts';
import { diffText, type DiffStyle } from './render-diff.ts';
import { formatCount } from './units.ts';

/** What is known of a host: what would change on it, or why that can't be told. */
export interface DiffedHost {
  readonly host: string;
  readonly result: { readonly diff: HostDiff } | { readonly error: unknown };
}

export interface FleetDiffStyle extends DiffStyle {
  /** Columns; without limit where it is no terminal. */
  readonly width: number;
  readonly storeDir: StoreDir;
  readonly verbosity: number;
}

/** Groups in the order of the first host of each; hosts that can't be asked come last. */
export function* fleetDiffText(
  hosts: readonly DiffedHost[],
  style: FleetDiffStyle,
): Generator<string> {
  const groups = Map.groupBy(hosts, ({ result }) => changeText(result, style));
  const inOrder = [...groups].sort(([, [a]], [, [b]]) => Number(isError(a)) - Number(isError(b)));
  let separator = '';
  for (const [text, group] of inOrder) {
    yield separator;
    yield* headline(group, style);
    yield indented(text);
    yield* sendLines(group);
    separator = '\n';
  }
}

function isError(host: DiffedHost | undefined): boolean {
  return host !== undefined && 'error' in host.result;
}

function* headline(
  group: readonly DiffedHost[],
  { width, paint }: FleetDiffStyle,
): Generator<string> {
  const names = group.map(({ host }, n) => `${lineText(host)}${n + 1 < group.length ? ',' : ':'}`);
  for (const line of wrapToWidth(names, width)) yield `${paint('bold', line)}\n`;
}

/** The same for hosts on which the same changes, whatever the hash parts of paths. */
function changeText(result: DiffedHost['result'], style: FleetDiffStyle): string {
  const { paint, verbosity } = style;
  if ('error' in result) {
    const mark = (text: string): string =>
      paint(text.startsWith('hint') ? 'cyan' : ['red', 'bold'], text);
    return `${describeError(result.error, { verbosity, mark }).join('\n')}\n`;
  }
  const { before, after, comparison } = result.diff;
  if (before === after) return 'no difference: it is there already\n';
  const name = (path: StorePath): string => nameOfPrinted(printStorePath(style.storeDir, path));
  const was = before === undefined ? 'nothing' : name(before);
  const names = was === name(after) ? was : `${was} → ${name(after)}`;
  return [`${names}\n`, ...diffText(comparison, style)].join('');
}

/** What goes over the link, which may differ though the changes are the same. */
function* sendLines(group: readonly DiffedHost[]): Generator<string> {
  const sends = Map.groupBy(group, ({ result }) => ('diff' in result ? sendText(result.diff) : ''));
  for (const [text, some] of sends) {
    if (text === '') continue;
    const names = some.map(({ host }) => lineText(host)).join(', ');
    yield sends.size === 1 ? `  ${text}\n` : `  ${names}: ${text}\n`;
  }
}

function sendText({ toSend, freeBytes, refusal }: HostDiff): string {
  if (toSend.paths === 0) return 'nothing to send';
  const size = formatBytes(toSend.narSize);
  const parts = [`to send: ${formatCount(toSend.paths, 'path')}, ${size}`];
  if (freeBytes !== undefined && freeBytes < toSend.narSize) {
    parts.push(`and there is room for ${formatBytes(freeBytes)} only`);
  }
  if (refusal !== undefined) parts.push(`would be refused: ${lineText(refusal.reason)}`);
  return parts.join(', ');
}

function indented(text: string): string {
  return text.replace(/^(?=.)/gm, '  ');
}

/** One object for each host. */
export function fleetDiffJson({ host, result }: DiffedHost, storeDir: StoreDir): object {
  if ('error' in result) {
    return { type: 'host', host, error: jsonError(result.error) };
  }
  const { before, after, comparison, toSend, freeBytes, refusal } = result.diff;
  const print = (path: StorePath): string => printStorePath(storeDir, path);
  const { packages, ...totals } = comparison;
  return {
    type: 'host',
    host,
    error: null,
    before: { path: before === undefined ? null : print(before), ...totals.before },
    after: { path: print(after), ...totals.after },
    common: totals.common,
    removed: totals.removed,
    added: totals.added,
    toSend,
    freeBytes: freeBytes ?? null,
    refusal: refusal === undefined ? null : { ...refusal, path: print(refusal.path) },
    packages: packages.map((one) => ({
      ...one,
      removedPaths: one.removedPaths.map(print),
      addedPaths: one.addedPaths.map(print),
    })),
  };
}
