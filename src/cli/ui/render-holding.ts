/** What keeps a path, as people read it: each root with the way from it to the path; or a line for each, to search. */
import { printStorePath, type StoreDir, type StorePath } from '../../format/store-path.ts';
import type { Need } from '../../store/local/collect-garbage-liveness.ts';
import type { Holding } from '../../store/local/collect-garbage-query.ts';
import type { Paint } from '../looking.ts';
import { describeRoots, rootText } from './describe-root.ts';
import { formatNumber } from './units.ts';

export interface HoldingOptions {
  readonly storeDir: StoreDir;
  readonly paint: Paint;
  /** Whether it is a line for each way. */
  readonly isFlat: boolean;
}

const NEEDS: Readonly<Record<Need, string>> = {
  reference: '',
  derivation: ' (its derivation, by keep-derivations)',
  output: ' (an output of it, by keep-outputs)',
};

export function renderHolding(
  path: StorePath,
  { ways, count }: Holding,
  options: HoldingOptions,
): string[] {
  const { storeDir, paint, isFlat } = options;
  const print = (some: StorePath): string => printStorePath(storeDir, some);
  const more = count - ways.length;
  if (isFlat) {
    const lines = ways.map(({ steps, holders }) => {
      const way = steps.map((step) => print(step.path)).join(' -> ');
      return `${print(path)}: needed by ${rootsText(holders)}: ${way}`;
    });
    if (more > 0) lines.push(`${print(path)}: needed by ${moreText(more)}`);
    return lines;
  }
  const lines = [`${paint('bold', print(path))} is needed by`];
  for (const { steps, holders } of ways) {
    lines.push(`  ${paint('cyan', rootsText(holders))}`);
    for (const step of steps) {
      const printed = print(step.path);
      const isEnd = step.path === path;
      const why = step.need === undefined ? '' : NEEDS[step.need];
      const need = why === '' ? '' : paint('dim', why);
      lines.push(`  ${paint('dim', '→')} ${isEnd ? paint('bold', printed) : printed}${need}`);
    }
  }
  if (more > 0) lines.push(`  ${paint('dim', `and by ${moreText(more)}`)}`);
  return lines;
}

function moreText(more: number): string {
  return `${formatNumber(more)} more`;
}

/** A path that several roots hold is no less held by the first; the others are only counted. */
const HOLDERS_SHOWN = 3;

function rootsText(holders: readonly string[]): string {
  const roots = describeRoots(holders);
  const shown = roots.slice(0, HOLDERS_SHOWN).map(rootText).join('; ');
  const more = roots.length - HOLDERS_SHOWN;
  return more > 0 ? `${shown}; ${formatNumber(more)} more` : shown;
}

export function holdingJson(storeDir: StoreDir, path: StorePath, { ways, count }: Holding): object {
  return {
    path: printStorePath(storeDir, path),
    wayCount: count,
    ways: ways.map(({ steps, holders }) => ({
      roots: describeRoots(holders),
      steps: steps.map((step) => ({
        path: printStorePath(storeDir, step.path),
        need: step.need ?? null,
      })),
    })),
  };
}
