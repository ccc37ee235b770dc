/** What `ferry deploy --dry-run` prints: of each host what would go there, or what is in the way. */
import { formatBytes } from '../../bytes/format-bytes.ts';
import type { HostCheck } from '../../deploy/deploy.ts';
import { messageOf, isFerryError } from '../../error.ts';
import { printStorePath } from '../../format/store-path.ts';
import { printable } from '../errors.ts';
import { jsonError } from './deploy-json.ts';
import { formatCount } from './units.ts';

/** One object. */
export function deployPlanJson(checks: readonly HostCheck[]): string {
  const hosts = checks.map(({ task, checked, result }) => ({
    name: task.host.name,
    path: checked === undefined ? null : printed(task, checked),
    profile: task.host.profile,
    generation: checked?.profile.current ?? null,
    currentPath: checked?.profile.currentPath ?? null,
    paths: checked?.plan.missing.length ?? null,
    narSize: checked?.plan.narSize ?? null,
    closureSize: checked?.plan.closureSize ?? null,
    error: result.error === undefined ? null : jsonError(result.error),
  }));
  return `${JSON.stringify({ version: 1, hosts })}\n`;
}

/** A line for each host and one for them all; problems with their hints below. */
export function deployPlanText(checks: readonly HostCheck[]): string {
  const width = Math.max(...checks.map(({ task }) => task.host.name.length), 0);
  const lines = checks.map((check) => {
    const name = printable(check.task.host.name).padEnd(width);
    return `${name}  ${printable(whatOf(check))}`;
  });
  for (const { result } of checks) {
    if (isFerryError(result.error) && result.error.hint !== undefined) {
      lines.push(`hint: ${printable(result.error.hint)}`);
    }
  }
  const ready = checks.filter(({ checked }) => checked !== undefined);
  const bytes = ready.reduce((sum, { checked }) => sum + (checked?.plan.narSize ?? 0), 0);
  const count = formatCount(checks.length, 'host');
  const which = ready.length === checks.length ? count : `${ready.length} of ${count}`;
  lines.push(`would deploy to ${which}, sending ${formatBytes(bytes)}`);
  return `${lines.join('\n')}\n`;
}

function whatOf({ task, checked, result }: HostCheck): string {
  if (checked === undefined) return `can't: ${messageOf(result.error)}`;
  const { plan, profile } = checked;
  const send =
    plan.missing.length === 0
      ? 'has all of it'
      : `would get ${formatCount(plan.missing.length, 'path')}, ${formatBytes(plan.narSize)}`;
  if (profile.currentPath === printed(task, checked)) {
    return `${send}; generation ${profile.current} is that already`;
  }
  const from =
    profile.current === undefined ? 'has no generation' : `runs generation ${profile.current}`;
  return `${send}; ${from}`;
}

function printed({ path }: HostCheck['task'], { plan }: NonNullable<HostCheck['checked']>): string {
  return printStorePath(plan.storeDir, path);
}
