/** What is known of a running copy, gathered from its events: everything that can be shown of it. */
import type { CopyEvent, CopySummary } from '../../copy/events.ts';
import type { StorePath } from '../../format/store-path.ts';
import { RateMeter } from './rate-meter.ts';

export interface MovingPath {
  readonly path: StorePath;
  readonly narSize: number;
  doneBytes: number;
  readonly startedAt: number;
}

export interface CopyState {
  readonly startedAt: number;
  /** What it is busy with. */
  phase: 'asking' | 'copying' | 'done';
  /** What the destination has fetched by itself. */
  substitutedPaths: number;
  substitutedBytes: number;
  /** Paths of the closure found so far. */
  closurePaths: number;
  /** Of what is to be sent. */
  totalPaths: number;
  totalBytes: number;
  donePaths: number;
  failedPaths: number;
  /** Bytes of paths that are finished, one way or the other: a failed path will not come any more. */
  settledBytes: number;
  /** In the order in which they began. */
  readonly moving: Map<StorePath, MovingPath>;
  meter: RateMeter;
  summary: CopySummary | undefined;
}

export function startCopyState(now: number): CopyState {
  return {
    startedAt: now,
    phase: 'asking',
    substitutedPaths: 0,
    substitutedBytes: 0,
    closurePaths: 0,
    totalPaths: 0,
    totalBytes: 0,
    donePaths: 0,
    failedPaths: 0,
    settledBytes: 0,
    moving: new Map(),
    meter: new RateMeter(now),
    summary: undefined,
  };
}

export function takeEvent(state: CopyState, event: CopyEvent, now: number): void {
  switch (event.type) {
    case 'closure':
      state.closurePaths = event.paths;
      return;
    case 'path-substituted':
      state.substitutedPaths++;
      state.substitutedBytes += event.narSize;
      return;
    case 'skipped':
      return;
    case 'start':
      state.phase = 'copying';
      state.totalPaths = event.paths;
      state.totalBytes = event.narSize;
      state.meter = new RateMeter(now);
      return;
    case 'path-start':
      state.moving.set(event.path, {
        path: event.path,
        narSize: event.narSize,
        doneBytes: 0,
        startedAt: now,
      });
      return;
    case 'path-bytes': {
      const moving = state.moving.get(event.path);
      if (moving !== undefined) moving.doneBytes += event.bytes;
      state.meter.add(event.bytes, now);
      return;
    }
    case 'path-done':
      state.donePaths++;
      settle(state, event.path);
      return;
    case 'path-failed':
      state.failedPaths++;
      settle(state, event.path);
      return;
    case 'signatures-added':
      return;
    case 'done':
      state.phase = 'done';
      state.summary = event.summary;
      return;
  }
}

function settle(state: CopyState, path: StorePath): void {
  state.settledBytes += state.moving.get(path)?.narSize ?? 0;
  state.moving.delete(path);
}

/** Bytes of NAR that are over, those of paths under way included. Never more than the whole. */
export function doneBytes(state: CopyState): number {
  let bytes = state.settledBytes;
  for (const moving of state.moving.values()) bytes += Math.min(moving.doneBytes, moving.narSize);
  return Math.min(bytes, state.totalBytes);
}

/** Milliseconds that the rest takes at the present rate, or undefined where nobody can know. */
export function remainingMs(state: CopyState, now: number): number | undefined {
  const rate = state.meter.rate(now);
  if (state.phase !== 'copying' || rate === undefined || rate < 1) return undefined;
  return ((state.totalBytes - doneBytes(state)) / rate) * 1000;
}
