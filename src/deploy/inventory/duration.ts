/** Durations as people write them in an inventory. */
import type { DurationText } from './define-fleet.ts';

const UNITS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 };
/** Timers of Node end at 2^31 ms; nobody waits a day for a host. */
const DURATION_MAX_MS = 86_400_000;

/** In milliseconds; undefined for what is no duration, or longer than a day, or shorter than a millisecond. */
export function durationMs(text: DurationText): number | undefined {
  const match = /^(\d{1,9}(?:\.\d{1,3})?) ?(ms|s|m|h)?$/.exec(String(text));
  if (match === null) return undefined;
  const ms = Math.round(Number(match[1]) * (UNITS[match[2] ?? 's'] ?? 1000));
  return ms >= 1 && ms <= DURATION_MAX_MS ? ms : undefined;
}
