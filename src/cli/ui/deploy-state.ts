/** What is known of a running deployment, gathered from its events: everything that can be shown of it. */
import { stripVTControlCharacters } from 'node:util';
import type { DeployEvent, DeployOutcome, DeployPhase, HostResult } from '../../deploy/events.ts';
import { printable } from '../errors.ts';
import { doneBytes, remainingMs, startCopyState, takeEvent, type CopyState } from './copy-state.ts';

export interface HostState {
  readonly host: string;
  /** Undefined as long as nothing was heard of it. */
  phase: DeployPhase | undefined;
  /** When that phase began; then when it ended. */
  since: number;
  /** When the first was heard of it. */
  beganAt: number | undefined;
  /** The copy to it that runs or ran last. */
  copy: CopyState | undefined;
  /** Bytes of copies before that one. */
  earlierBytes: number;
  /** The last lines that its activation printed. */
  readonly lastLines: string[];
  result: HostResult | undefined;
}

export interface DeployState {
  readonly startedAt: number;
  /** By name, in the order of the inventory. */
  readonly hosts: Map<string, HostState>;
}

/** What went wrong is near the end of what a program says. */
const LAST_LINES_MAX = 20;
const LINE_LENGTH_MAX = 1000;

export function startDeployState(hosts: readonly string[], now: number): DeployState {
  return { startedAt: now, hosts: new Map(hosts.map((host) => [host, newHost(host, now)])) };
}

function newHost(host: string, now: number): HostState {
  return {
    host,
    phase: undefined,
    since: now,
    beganAt: undefined,
    copy: undefined,
    earlierBytes: 0,
    lastLines: [],
    result: undefined,
  };
}

export function takeDeployEvent(state: DeployState, event: DeployEvent, now: number): void {
  const host = state.hosts.get(event.host) ?? newHost(event.host, now);
  state.hosts.set(event.host, host);
  host.beganAt ??= now;
  switch (event.type) {
    case 'phase':
      if (host.phase === event.phase) return;
      host.phase = event.phase;
      host.since = now;
      return;
    case 'copy': {
      // Pins are copied after the closure, or a copy is tried again: each tells its own total.
      const isNext = event.event.type === 'start' && (host.copy?.totalPaths ?? 0) > 0;
      if (isNext && host.copy !== undefined) host.earlierBytes += doneBytes(host.copy);
      if (isNext) host.copy = undefined;
      host.copy ??= startCopyState(now);
      takeEvent(host.copy, event.event, now);
      return;
    }
    case 'line':
      host.lastLines.push(lineText(event.line));
      if (host.lastLines.length > LAST_LINES_MAX) host.lastLines.shift();
      return;
    case 'warning':
      return;
    case 'ended':
      host.result = event.result;
      host.since = now;
      return;
  }
}

/** A line from elsewhere as one line, whatever it holds; colours are left out, what else steers terminals is shown. */
export function lineText(line: string): string {
  return printable(stripVTControlCharacters(line.slice(0, LINE_LENGTH_MAX)))
    .replaceAll('\n', ' ')
    .replaceAll('\t', '    ');
}

/** Bytes of NAR that came to the host so far. */
export function copiedBytes(host: HostState): number {
  return host.earlierBytes + (host.copy === undefined ? 0 : doneBytes(host.copy));
}

export function copyTotalBytes(host: HostState): number {
  return host.earlierBytes + (host.copy?.totalBytes ?? 0);
}

/** Whether something is being done there, or it is waited for. */
export function isBusy({ phase, result }: HostState): boolean {
  if (result !== undefined || phase === undefined) return false;
  return phase !== 'ready' && phase !== 'copied';
}

export interface CopyTotals {
  readonly doneBytes: number;
  readonly totalBytes: number;
  /** Bytes per second at present, where known. */
  readonly rate: number | undefined;
  /** Until the slowest has all, where that can be known of every host. */
  readonly leftMs: number | undefined;
}

export function copyTotals(state: DeployState, now: number): CopyTotals {
  let done = 0;
  let total = 0;
  let rate: number | undefined;
  let leftMs: number | undefined;
  let isKnown = true;
  for (const host of state.hosts.values()) {
    done += copiedBytes(host);
    // Of a host that gave up, the rest will not come any more.
    total += host.result === undefined ? copyTotalBytes(host) : copiedBytes(host);
    if (host.result !== undefined || isPastCopy(host.phase)) continue;
    if (host.phase !== 'copying' || host.copy?.phase !== 'copying') {
      isKnown &&= host.copy?.phase === 'done';
      continue;
    }
    const own = host.copy.meter.rate(now);
    if (own !== undefined) rate = (rate ?? 0) + own;
    const left = remainingMs(host.copy, now);
    if (left === undefined) isKnown = false;
    else leftMs = Math.max(leftMs ?? 0, left);
  }
  return { doneBytes: done, totalBytes: total, rate, leftMs: isKnown ? leftMs : undefined };
}

function isPastCopy(phase: DeployPhase | undefined): boolean {
  return phase === 'copied' || phase === 'activating' || phase === 'confirming';
}

/** How many hosts came to which end. */
export function countOutcomes(state: DeployState): Map<DeployOutcome, number> {
  const counts = new Map<DeployOutcome, number>();
  for (const { result } of state.hosts.values()) {
    if (result !== undefined) counts.set(result.outcome, (counts.get(result.outcome) ?? 0) + 1);
  }
  return counts;
}
