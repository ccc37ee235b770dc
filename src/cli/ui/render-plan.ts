/** A plan as people read it: what `--dry-run` prints. */
import { sumUpSkipped, type CopyPlan } from '../../copy/plan.ts';
import { printStorePath } from '../../format/store-path.ts';
import { exitStatusOf, printable } from '../errors.ts';
import { FerryError } from '../../error.ts';
import { formatBytes } from '../../bytes/format-bytes.ts';
import { formatCount, formatNumber } from './units.ts';

/** Lines for stdout, from what matters least to what matters most: the end is what stays on the screen. */
export function renderPlan(plan: CopyPlan): string {
  const lines = missingLines(plan);
  for (const { paths, narSize, reason } of sumUpSkipped(plan)) {
    const what = `${formatCount(paths, 'path')}, ${formatBytes(narSize)}`;
    lines.push(`would leave out ${what}: ${reason}`);
  }
  if (plan.newSignatures.size > 0) {
    const count = [...plan.newSignatures.values()].reduce((sum, list) => sum + list.length, 0);
    const where = formatCount(plan.newSignatures.size, 'path');
    lines.push(`would add ${formatCount(count, 'signature')} to ${where} that are there already`);
  }
  if (plan.unsignable !== undefined && plan.unsignable.length > 0) {
    const count = formatCount(plan.unsignable.length, 'path');
    lines.push(`could not sign ${count} that are there already`);
  }
  if (plan.freeSpace !== undefined) {
    const lacking = plan.narSize - plan.freeSpace.bytes;
    const free = `${formatBytes(plan.freeSpace.bytes)} free there`;
    lines.push(lacking > 0 ? `would fail: ${free}, ${formatBytes(lacking)} too few` : free);
  }
  lines.push(...refusalLines(plan));
  return `${lines.join('\n')}\n`;
}

/** What the copy itself would end with, as far as the plan can tell. */
export function dryRunStatus(plan: CopyPlan): number {
  if (plan.refusals.length > 0) return exitStatusOf(new FerryError('untrusted', ''));
  const isFull = plan.freeSpace !== undefined && plan.freeSpace.bytes < plan.narSize;
  return isFull ? exitStatusOf(new FerryError('no-space', '')) : 0;
}

function missingLines(plan: CopyPlan): string[] {
  const { missing, alreadyValid, source, destination } = plan;
  const total = missing.length + alreadyValid.length;
  if (missing.length === 0 && (plan.skipped?.length ?? 0) > 0) {
    return [
      `nothing to copy: ${formatCount(total, 'path')} in "${destination}", the rest left out`,
    ];
  }
  if (missing.length === 0) {
    return [
      `nothing to copy: ${formatCount(total, 'path')} of "${source}", all in "${destination}"`,
    ];
  }
  const printed = missing.map((info) => printStorePath(plan.storeDir, info.path));
  const widest = Math.max(...printed.map((path) => path.length));
  const rows = missing.map((info, i) => {
    return `  ${(printed[i] ?? '').padEnd(widest)}  ${formatBytes(info.narSize).padStart(8)}`;
  });
  const of = alreadyValid.length === 0 ? '' : ` of ${formatNumber(total)}`;
  const what = `${formatNumber(missing.length)}${of} ${total === 1 ? 'path' : 'paths'}`;
  return [
    ...rows,
    `would copy ${what}, ${formatBytes(plan.narSize)}, from "${source}" to "${destination}"`,
  ];
}

function refusalLines({ refusals, storeDir }: CopyPlan): string[] {
  if (refusals.length === 0) return [];
  // Names of keys are anything that the source says.
  const rows = refusals.map(
    ({ path, reason }) => `  ${printStorePath(storeDir, path)}: ${printable(reason)}`,
  );
  const hints = new Set(refusals.flatMap(({ hint }) => hint ?? []));
  return [
    `would be refused, ${formatCount(refusals.length, 'path')}:`,
    ...rows,
    ...[...hints].map((hint) => `hint: ${printable(hint)}`),
  ];
}
