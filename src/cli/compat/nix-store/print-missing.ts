/** What has to be built and fetched, told on stderr as Nix tells it. */
import {
  compareStorePaths,
  nameOf,
  printStorePath,
  type StoreDir,
  type StorePath,
} from '../../../format/store-path.ts';
import type { MissingAnswer } from '../../../wire/worker/substitutes.ts';
import { nixSize } from '../nix/nix-size.ts';

/** @param willBuild in the order in which they will be built */
export function describeMissing(
  storeDir: StoreDir,
  missing: MissingAnswer,
  willBuild: readonly StorePath[],
): string[] {
  const lines: string[] = [];
  const list = (paths: readonly StorePath[]): void => {
    for (const path of paths) lines.push(`  ${printStorePath(storeDir, path)}`);
  };
  if (willBuild.length > 0) {
    const { length } = willBuild;
    lines.push(
      `${length === 1 ? 'this derivation' : `these ${length} derivations`} will be built:`,
    );
    list(willBuild);
  }
  const { willSubstitute, unknown, downloadSize, narSize } = missing;
  if (willSubstitute.length > 0) {
    const { length } = willSubstitute;
    const what = length === 1 ? 'this path' : `these ${length} paths`;
    const sizes = `${nixSize(downloadSize)} download, ${nixSize(narSize)} unpacked`;
    lines.push(`${what} will be fetched (${sizes}):`);
    list(willSubstitute.toSorted(compareByName));
  }
  if (unknown.length > 0) {
    lines.push("don't know how to build these paths:");
    list(unknown);
  }
  return lines;
}

function compareByName(a: StorePath, b: StorePath): number {
  const [x, y] = [nameOf(a), nameOf(b)];
  return x === y ? compareStorePaths(a, b) : x < y ? -1 : 1;
}
