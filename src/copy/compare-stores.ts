/**
 * What differs between two sets of paths (closures, whole stores), by package: versions that came and went, rebuilds
 * that are told by the hash parts alone, and bytes. Nix's own comparison, which looks at names only, is in
 * `diff-closures.ts`.
 */
import { packageOf } from '../format/package-name.ts';
import { compareStorePaths, isDerivation, nameOf, type StorePath } from '../format/store-path.ts';

export interface SizedPath {
  readonly path: StorePath;
  /** Bytes of its NAR. */
  readonly narSize: number;
}

export interface Total {
  readonly paths: number;
  readonly narSize: number;
}

/**
 * `rebuilt`: other paths of the same versions. `changed`: other versions, or more or fewer outputs. Packages that only
 * one side has were `added` or `removed`.
 */
export type PackageState = 'changed' | 'rebuilt' | 'added' | 'removed';

export interface PackageDifference {
  /** That of derivations ends in `.drv`: they are packages of their own. */
  readonly name: string;
  readonly state: PackageState;
  /** Versions that only the first side has, sorted; '' is the version of what has none. */
  readonly removedVersions: readonly string[];
  /** Versions that only the second has. */
  readonly addedVersions: readonly string[];
  /** Versions that both have. */
  readonly keptVersions: readonly string[];
  /** All paths of the package on each side. */
  readonly before: Total;
  readonly after: Total;
  /** Paths that only the first side has, sorted. */
  readonly removedPaths: readonly StorePath[];
  /** Paths that only the second has. */
  readonly addedPaths: readonly StorePath[];
}

export interface Comparison {
  /** Those that differ, by name. */
  readonly packages: readonly PackageDifference[];
  readonly before: Total;
  readonly after: Total;
  /** What is on both sides. */
  readonly common: Total;
  readonly removed: Total;
  readonly added: Total;
}

const collator = new Intl.Collator('en', { numeric: true });

/** Each path counts once, however often it is told. */
export function compareStores(before: Iterable<SizedPath>, after: Iterable<SizedPath>): Comparison {
  const old = sizesOf(before);
  const young = sizesOf(after);
  const packages = new Map<string, Sides>();
  const sidesOf = (path: StorePath): { sides: Sides; version: string } => {
    const { name, version } = packageOfPath(path);
    const sides = packages.get(name) ?? { before: new Side(), after: new Side() };
    packages.set(name, sides);
    return { sides, version };
  };
  const common = new Sum();
  const removed = new Sum();
  const added = new Sum();
  for (const [path, narSize] of old) {
    const { sides, version } = sidesOf(path);
    const isKept = young.has(path);
    sides.before.add(path, version, { narSize, isKept });
    (isKept ? common : removed).add(narSize);
  }
  for (const [path, narSize] of young) {
    const { sides, version } = sidesOf(path);
    const isKept = old.has(path);
    sides.after.add(path, version, { narSize, isKept });
    if (!isKept) added.add(narSize);
  }
  const differences = [...packages]
    .map(([name, sides]) => differenceOf(name, sides))
    .filter(({ removedPaths, addedPaths }) => removedPaths.length > 0 || addedPaths.length > 0)
    .sort((a, b) => collator.compare(a.name, b.name) || (a.name < b.name ? -1 : 1));
  return {
    packages: differences,
    before: totalOf(old.values()),
    after: totalOf(young.values()),
    common: common.total(),
    removed: removed.total(),
    added: added.total(),
  };
}

interface Sides {
  readonly before: Side;
  readonly after: Side;
}

/** A package on one of the two sides. */
class Side {
  readonly versions = new Set<string>();
  /** Those that the other side doesn't have. */
  readonly own: StorePath[] = [];
  readonly sum = new Sum();

  add(
    path: StorePath,
    version: string,
    { narSize, isKept }: { readonly narSize: number; readonly isKept: boolean },
  ): void {
    this.versions.add(version);
    this.sum.add(narSize);
    if (!isKept) this.own.push(path);
  }
}

class Sum {
  #paths = 0;
  #narSize = 0;

  add(narSize: number): void {
    this.#paths++;
    this.#narSize += narSize;
  }

  total(): Total {
    return { paths: this.#paths, narSize: this.#narSize };
  }
}

function differenceOf(name: string, { before, after }: Sides): PackageDifference {
  const removedVersions = lacking(before.versions, after.versions);
  const addedVersions = lacking(after.versions, before.versions);
  const isVersioned = removedVersions.length > 0 || addedVersions.length > 0;
  const isReplaced = before.own.length > 0 && after.own.length > 0;
  return {
    name,
    state:
      after.versions.size === 0
        ? 'removed'
        : before.versions.size === 0
          ? 'added'
          : isVersioned || !isReplaced
            ? 'changed'
            : 'rebuilt',
    removedVersions,
    addedVersions,
    keptVersions: [...before.versions]
      .filter((version) => after.versions.has(version))
      .sort(byNumber),
    before: before.sum.total(),
    after: after.sum.total(),
    removedPaths: before.own.sort(compareStorePaths),
    addedPaths: after.own.sort(compareStorePaths),
  };
}

function lacking(one: ReadonlySet<string>, other: ReadonlySet<string>): string[] {
  return [...one].filter((version) => !other.has(version)).sort(byNumber);
}

/** 2.9 before 2.10. */
function byNumber(a: string, b: string): number {
  return collator.compare(a, b) || (a < b ? -1 : 1);
}

function packageOfPath(path: StorePath): { readonly name: string; readonly version: string } {
  if (!isDerivation(path)) return packageOf(nameOf(path));
  const { name, version } = packageOf(nameOf(path).slice(0, -'.drv'.length));
  return { name: `${name}.drv`, version };
}

function sizesOf(paths: Iterable<SizedPath>): Map<StorePath, number> {
  return new Map(Array.from(paths, ({ path, narSize }) => [path, narSize]));
}

function totalOf(sizes: Iterable<number>): Total {
  const sum = new Sum();
  for (const size of sizes) sum.add(size);
  return sum.total();
}
