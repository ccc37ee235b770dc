/**
 * What differs between two closures, by package: which versions came and went, and how much larger it became. Package and
 * version are read out of the names of paths, as Nix does, which is a guess that mostly holds.
 */
import { packageOf } from '../format/package-name.ts';
import type { PathInfo } from '../format/path-info.ts';
import { nameOf } from '../format/store-path.ts';

export interface PackageChange {
  readonly name: string;
  /** Versions that only the first closure has, sorted; '' is the version of what has none. */
  readonly removed: readonly string[];
  /** Versions that only the second has. */
  readonly added: readonly string[];
  /** Bytes of NAR by which all paths of the package together grew. */
  readonly growth: number;
}

/** Growth of fewer bytes than this is not worth a line. */
export const growthWorthTelling: number = 8 * 1024;

/** Packages whose versions differ, or whose sizes do much, in byte order of their names. */
export function diffClosures(
  before: Iterable<PathInfo>,
  after: Iterable<PathInfo>,
): PackageChange[] {
  const old = groupByPackage(before);
  const young = groupByPackage(after);
  const names = [...new Set([...old.keys(), ...young.keys()])].sort();
  return names
    .map((name): PackageChange => {
      const was = old.get(name);
      const is = young.get(name);
      return {
        name,
        removed: lacking(was, is),
        added: lacking(is, was),
        growth: (is?.narSize ?? 0) - (was?.narSize ?? 0),
      };
    })
    .filter(
      ({ removed, added, growth }) =>
        removed.length > 0 || added.length > 0 || Math.abs(growth) >= growthWorthTelling,
    );
}

interface Package {
  readonly versions: Set<string>;
  narSize: number;
}

function groupByPackage(infos: Iterable<PathInfo>): Map<string, Package> {
  const packages = new Map<string, Package>();
  for (const info of infos) {
    const { name, version } = packageOf(nameOf(info.path));
    const found = packages.get(name) ?? { versions: new Set(), narSize: 0 };
    packages.set(name, found);
    found.versions.add(version);
    found.narSize += info.narSize;
  }
  return packages;
}

function lacking(one: Package | undefined, other: Package | undefined): string[] {
  return [...(one?.versions ?? [])].filter((version) => !other?.versions.has(version)).sort();
}
