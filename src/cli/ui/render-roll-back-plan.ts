/** What `ferry rollback --dry-run` prints: of each host where it would go back to, or what is in the way. */
import type { HostResult } from '../../deploy/events.ts';
import type { RollBackPlan } from '../../deploy/roll-back.ts';
import { isFerryError, messageOf } from '../../error.ts';
import { printable } from '../errors.ts';
import { jsonError } from './deploy-json.ts';
import { nameOfPrinted } from './render-fleet-status.ts';
import { formatCount } from './units.ts';

type Results = readonly Pick<HostResult, 'host' | 'error'>[];
/** By host; none for those that something is in the way of. */
type Plans = ReadonlyMap<string, RollBackPlan>;

/** One object. */
export function rollBackPlanJson(results: Results, plans: Plans): string {
  const hosts = results.map(({ host, error }) => {
    const { current, currentPath, goal } = plans.get(host) ?? {};
    return {
      name: host,
      generation: current ?? null,
      currentPath: currentPath ?? null,
      goal: goal === undefined ? null : { generation: goal.number, path: goal.path },
      error: error === undefined ? null : jsonError(error),
    };
  });
  return `${JSON.stringify({ version: 1, hosts })}\n`;
}

/** A line for each host, problems with their hints, and one line for them all. */
export function rollBackPlanText(results: Results, plans: Plans): string {
  const width = Math.max(...results.map(({ host }) => host.length), 0);
  const lines = results.flatMap(({ host, error }) => {
    const plan = plans.get(host);
    const what = plan === undefined ? `can't: ${messageOf(error)}` : planText(plan);
    const line = `${printable(host).padEnd(width)}  ${printable(what)}`;
    const hint = isFerryError(error) ? error.hint : undefined;
    return hint === undefined ? [line] : [line, `${' '.repeat(width)}  hint: ${printable(hint)}`];
  });
  const moving = results.filter(({ host }) => {
    const plan = plans.get(host);
    return plan !== undefined && plan.goal.number !== plan.current;
  });
  const all = formatCount(results.length, 'host');
  const which = moving.length === results.length ? all : `${moving.length} of ${all}`;
  lines.push(`would roll back ${which}`);
  return `${lines.join('\n')}\n`;
}

function planText({ current, goal }: RollBackPlan): string {
  const name = nameOfPrinted(goal.path);
  if (goal.number === current) return `generation ${goal.number} is current already, ${name}`;
  const from = current === undefined ? 'no generation' : `generation ${current}`;
  return `would go from ${from} to ${goal.number}, ${name}`;
}
