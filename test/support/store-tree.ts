/**
 * Puts trees into a store without building them: canonical metadata as Nix sets it, and registration with whatever
 * references they should have. Hashes come from the real Nix that owns the store, not from our own code.
 */
import { createHash } from 'node:crypto';
import { chmodSync, lstatSync, lutimesSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { NixHome } from './nix-home.ts';

export interface Registration {
  readonly path: string;
  readonly narHashHex: string;
  readonly narSizeBytes: number;
  readonly references: readonly string[];
  readonly deriver?: string | undefined;
}

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

/** Canonicalises and registers trees that lie in the home's store already. All or none become valid. */
export async function registerTrees(
  home: NixHome,
  trees: readonly Omit<Registration, 'narHashHex' | 'narSizeBytes'>[],
): Promise<void> {
  const registrations: Registration[] = [];
  for (const tree of trees) {
    const real = home.realPath(tree.path);
    canonicaliseTree(real);
    const { status, stdout, stderr } = await home.runForBytes('nix-store', ['--dump', real]);
    if (status !== 0) throw new Error(`cannot dump "${real}": ${stderr}`);
    const narHashHex = createHash('sha256').update(stdout).digest('hex');
    registrations.push({ ...tree, narHashHex, narSizeBytes: stdout.length });
  }
  await home.runOk('nix-store', ['--load-db'], { input: formatRegistrations(registrations) });
}

/** What `nix-store --load-db` reads. */
export function formatRegistrations(registrations: readonly Registration[]): string {
  return registrations
    .flatMap(({ path, narHashHex, narSizeBytes, deriver, references }) => [
      path,
      narHashHex,
      String(narSizeBytes),
      deriver ?? '',
      String(references.length),
      ...references,
    ])
    .map((line) => `${line}\n`)
    .join('');
}
