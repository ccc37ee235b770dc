/**
 * Puts trees into a store without building them: canonical metadata as Nix sets it, and registration with whatever
 * references they should have. The real Nix that owns the store computes hashes and sizes, not our own code.
 */
import { chmodSync, lstatSync, lutimesSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { NixHome } from './nix-home.ts';

export interface RegisteredTree {
  readonly path: string;
  readonly references: readonly string[];
  readonly deriver?: string;
}

/** Nix takes this hash for "not known yet" and fills it in when it verifies contents. */
const UNKNOWN_HASH = '0'.repeat(64);

/** Makes a tree as it must look in a store: read-only, dated 1970-01-01T00:00:01Z. */
export function canonicaliseTree(path: string): void {
  const stat = lstatSync(path);
  if (stat.isDirectory()) {
    for (const name of readdirSync(path)) canonicaliseTree(join(path, name));
  }
  if (!stat.isSymbolicLink()) {
    chmodSync(path, stat.isDirectory() || (stat.mode & 0o100) !== 0 ? 0o555 : 0o444);
  }
  lutimesSync(path, 1, 1);
}

/**
 * Canonicalises and registers trees that lie in the home's store already; all or none become valid. Ends with the
 * whole store verified. The order of the trees doesn't matter.
 */
export async function registerTrees(
  home: NixHome,
  trees: readonly RegisteredTree[],
): Promise<void> {
  for (const tree of trees) canonicaliseTree(home.realPath(tree.path));
  const lines = trees.flatMap(({ path, references, deriver = '' }) => {
    const head = [path, UNKNOWN_HASH, '0', deriver, String(references.length)];
    return head.concat(references);
  });
  const input = lines.map((line) => `${line}\n`).join('');
  await home.runOk('nix-store', ['--load-db'], { input });
  await home.verify();
}
