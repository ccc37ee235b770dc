/** The table that the benchmark prints, a line at a time: a row is known long before the last one is. */
import type { Failed, Measured } from './measure.ts';
import type { Bar } from './row.ts';
import type { ToolName } from './stage.ts';

export type Results = ReadonlyMap<ToolName, Measured | Failed>;

const COLUMNS = [
  ['what', 38],
  ['nix', 10],
  ['ferry', 10],
  ['ratio', 7],
  ['bar', 22],
  ['peak memory, nix / ferry', 24],
] as const;

export function formatHeader(): string {
  const names = COLUMNS.map(([name]) => name);
  return `${formatLine(names)}\n${COLUMNS.map(([, width]) => '-'.repeat(width)).join('-+-')}`;
}

export function formatRow(
  row: { readonly what: string; readonly bar: Bar },
  results: Results,
): string {
  const [nix, ferry] = [results.get('nix'), results.get('ferry')];
  return formatLine([
    row.what,
    formatTime(nix),
    formatTime(ferry),
    isMeasured(nix) && isMeasured(ferry) ? (ferry.medianMs / nix.medianMs).toFixed(2) : '',
    `${formatBar(row.bar)} ${judge(row.bar, nix, ferry)}`.trim(),
    `${formatPeak(nix)} / ${formatPeak(ferry)}`,
  ]);
}

/** How much longer a row took than another one, by the same program. Empty where that wasn't measured. */
export function formatBeside(
  beside: { readonly row: string; readonly ratioMax: number },
  results: Results,
  others: Results | undefined,
): string {
  const parts = Array.from(results, ([tool, result]) => {
    const other = others?.get(tool);
    if (!isMeasured(result) || !isMeasured(other)) return undefined;
    return `${tool} ${(result.medianMs / other.medianMs).toFixed(2)} x ${beside.row}`;
  }).filter((part) => part !== undefined);
  return parts.length === 0 ? '' : `  ${parts.join(', ')} (bar ${beside.ratioMax})`;
}

function formatLine(cells: readonly string[]): string {
  const padded = COLUMNS.map(([, width], index) => (cells[index] ?? '').padEnd(width));
  return padded.join(' | ').trimEnd();
}

function formatTime(result: Measured | Failed | undefined): string {
  if (result === undefined) return '';
  return isMeasured(result) ? `${(result.medianMs / 1000).toFixed(3)} s` : 'failed';
}

function formatPeak(result: Measured | Failed | undefined): string {
  if (!isMeasured(result) || result.peakBytes === undefined) return '-';
  return `${(result.peakBytes / 1e6).toFixed(0)} MB`;
}

function formatBar({ ratioMax, secondsMax, peakBytesMax }: Bar): string {
  const parts = [
    ...(ratioMax === undefined ? [] : [`${ratioMax} x nix`]),
    ...(secondsMax === undefined ? [] : [`${secondsMax} s`]),
    ...(peakBytesMax === undefined ? [] : [`${peakBytesMax / 1e6} MB`]),
  ];
  return parts.join(', ');
}

function judge(
  bar: Bar,
  nix: Measured | Failed | undefined,
  ferry: Measured | Failed | undefined,
): string {
  if (!isMeasured(ferry)) return '';
  const ratio = isMeasured(nix) ? ferry.medianMs / nix.medianMs : undefined;
  const judged = [
    isMet(ratio, bar.ratioMax),
    isMet(ferry.medianMs / 1000, bar.secondsMax),
    isMet(ferry.peakBytes, bar.peakBytesMax),
  ].filter((each) => each !== undefined);
  if (judged.length === 0) return '';
  return judged.includes(false) ? 'missed' : 'met';
}

/** Undefined where there is nothing to compare. */
function isMet(value: number | undefined, max: number | undefined): boolean | undefined {
  return value === undefined || max === undefined ? undefined : value <= max;
}

function isMeasured(result: Measured | Failed | undefined): result is Measured {
  return result !== undefined && 'medianMs' in result;
}
