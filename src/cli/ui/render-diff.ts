/** What `ferry diff` prints, for people and for programs. */
import { formatBytes } from '../../bytes/format-bytes.ts';
import type {
  Comparison,
  PackageDifference,
  PackageState,
  Total,
} from '../../copy/compare-stores.ts';
import { printStorePath, type StorePath } from '../../format/store-path.ts';
import type { Store } from '../../store/store.ts';
import { totalText, type Paint } from '../looking.ts';
import { formatCount, formatNumber } from './units.ts';

export interface DiffStyle {
  readonly paint: Paint;
  /** Exact sizes. */
  readonly bytes: boolean;
  /** The packages that changed the most come last; else they come by name. */
  readonly bySize: boolean;
}

/** In this order: what matters most is at the end, where the eye is. */
const STATES: readonly {
  readonly state: PackageState;
  readonly colour: 'blue' | 'red' | 'green' | 'yellow';
}[] = [
  { state: 'rebuilt', colour: 'blue' },
  { state: 'removed', colour: 'red' },
  { state: 'added', colour: 'green' },
  { state: 'changed', colour: 'yellow' },
];

export function* diffText(comparison: Comparison, style: DiffStyle): Generator<string> {
  const { before, after, added, removed, common, packages } = comparison;
  const { paint, bytes } = style;
  const total = ({ paths, narSize }: Total): string => totalText(paths, narSize, bytes);
  if (packages.length === 0) {
    yield `no difference: ${total(before)}\n`;
    return;
  }
  const width = packages.reduce((max, one) => Math.max(max, growthText(one, bytes).length), 0);
  for (const { state, colour } of STATES) {
    const some = packages.filter((one) => one.state === state);
    if (some.length === 0) continue;
    yield `${paint(['bold', colour], state)}\n`;
    for (const one of style.bySize ? some.toSorted(byGrowth) : some) {
      const growth = growthText(one, bytes).padStart(width);
      yield `  ${growth}  ${paint('bold', one.name)}${versionsText(one)}${pathsText(one)}\n`;
    }
  }
  const growth = signed(after.narSize - before.narSize, bytes);
  yield `\n${total(before)} → ${total(after)} (${growth})\n`;
  yield `in both ${total(common)}; removed ${total(removed)}; added ${total(added)}\n`;
}

function byGrowth(a: PackageDifference, b: PackageDifference): number {
  return Math.abs(growthOf(a)) - Math.abs(growthOf(b));
}

function growthOf({ before, after }: PackageDifference): number {
  return after.narSize - before.narSize;
}

function growthText(one: PackageDifference, bytes: boolean): string {
  return signed(growthOf(one), bytes);
}

function signed(size: number, bytes: boolean): string {
  const sign = size < 0 ? '-' : size > 0 ? '+' : '±';
  const amount = Math.abs(size);
  return `${sign}${bytes ? amount : formatBytes(amount)}`;
}

/** ` 1.9 → 1.10`, with those that stay in brackets where several versions are in use. */
function versionsText(one: PackageDifference): string {
  const { state, removedVersions, addedVersions, keptVersions } = one;
  const list = (versions: readonly string[]): string =>
    versions.map((version) => version || '(no version)').join(', ');
  if (state === 'added' || state === 'removed') {
    const versions = [...removedVersions, ...addedVersions].filter((version) => version !== '');
    return versions.length === 0 ? '' : ` ${list(versions)}`;
  }
  const kept = keptVersions.filter((version) => version !== '');
  if (removedVersions.length === 0 && addedVersions.length === 0) {
    return kept.length === 0 ? '' : ` ${list(kept)}`;
  }
  const sides = [removedVersions, addedVersions].map((versions) =>
    versions.length === 0 ? 'none' : list(versions),
  );
  return ` ${sides.join(' → ')}${kept.length === 0 ? '' : ` (and ${list(kept)})`}`;
}

/** How many paths, where that says more than the versions. */
function pathsText({ state, removedPaths, addedPaths, before, after }: PackageDifference): string {
  if (state === 'changed' && before.paths !== after.paths) {
    return ` (${formatNumber(before.paths)} → ${formatCount(after.paths, 'path')})`;
  }
  const count = Math.max(removedPaths.length, addedPaths.length);
  return count > 1 ? ` (${formatCount(count, 'path')})` : '';
}

interface Side {
  readonly store: Store;
  readonly root: string | undefined;
}

export function* diffJson(comparison: Comparison, before: Side, after: Side): Generator<string> {
  const { packages, ...totals } = comparison;
  const side = ({ store, root }: Side, total: Total): object => ({
    store: store.uri,
    root: root ?? null,
    ...total,
  });
  const head = {
    version: 1,
    before: side(before, totals.before),
    after: side(after, totals.after),
    common: totals.common,
    removed: totals.removed,
    added: totals.added,
  };
  yield `${JSON.stringify(head).slice(0, -1)},"packages":[`;
  let separator = '';
  for (const { removedPaths, addedPaths, ...rest } of packages) {
    const printed = ({ store }: Side, paths: readonly StorePath[]): string[] =>
      paths.map((path) => printStorePath(store.storeDir, path));
    const one = {
      ...rest,
      removedPaths: printed(before, removedPaths),
      addedPaths: printed(after, addedPaths),
    };
    yield separator + JSON.stringify(one);
    separator = ',';
  }
  yield ']}\n';
}
