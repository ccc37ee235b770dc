/** Numbers as people read them. */
import { formatBytes } from '../../bytes/format-bytes.ts';

export function formatRate(bytesPerSecond: number): string {
  return `${formatBytes(bytesPerSecond)}/s`;
}

/** `0.4 s`, `12 s`, `3 min 20 s`, `2 h 5 min`, `3 d 4 h`. */
export function formatDuration(ms: number): string {
  const seconds = ms / 1000;
  if (seconds < 9.95) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return twoUnits(whole, 60, 'min', 1, 's');
  if (whole < 86400) return twoUnits(whole, 3600, 'h', 60, 'min');
  return twoUnits(whole, 86400, 'd', 3600, 'h');
}

function twoUnits(
  seconds: number,
  large: number,
  name: string,
  small: number,
  rest: string,
): string {
  const left = Math.floor((seconds % large) / small);
  const first = `${Math.floor(seconds / large)} ${name}`;
  return left === 0 ? first : `${first} ${left} ${rest}`;
}

/** `1 path`, `12 paths`, `1,234 paths`. */
export function formatCount(count: number, singular: string, plural = `${singular}s`): string {
  return `${formatNumber(count)} ${count === 1 ? singular : plural}`;
}

/** With a comma at every thousand, whatever the locale: output is compared and searched. */
export function formatNumber(value: number): string {
  return String(value).replace(/\B(?=(\d{3})+$)/g, ',');
}
