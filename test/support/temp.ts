/**
 * Temporary directories that are gone when their scope ends, whatever they hold by then: a store's directories are
 * read-only, which keeps anyone but root from emptying them.
 */
import { chmodSync, existsSync, mkdtempSync, readdirSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface TempDirectory extends Disposable, AsyncDisposable {
  /** Absolute and free of symlinks: Nix refuses a store below one. */
  readonly path: string;
  join(...parts: readonly string[]): string;
}

export interface TempOptions {
  /** What the directory's name begins with. */
  readonly prefix?: string;
  /** In a RAM file system where the machine has one. */
  readonly ram?: boolean;
}

/** Where the machine keeps files in memory; the ordinary temporary directory where it doesn't. */
export function ramDirectory(): string {
  return existsSync('/dev/shm') ? '/dev/shm' : tmpdir();
}

/** Use as `using temp = makeTempDirectory()` or with `await using`. */
export function makeTempDirectory(options: TempOptions = {}): TempDirectory {
  const parent = realpathSync(options.ram === true ? ramDirectory() : tmpdir());
  const path = mkdtempSync(join(parent, options.prefix ?? 'ferry-test-'));
  return {
    path,
    join: (...parts) => join(path, ...parts),
    [Symbol.dispose]: () => removeTree(path),
    [Symbol.asyncDispose]: async () => removeTree(path),
  };
}

/** Removes a tree, read-only directories included. A tree that isn't there is fine. */
export function removeTree(path: string): void {
  try {
    rmSync(path, { recursive: true, force: true, maxRetries: 3 });
  } catch (error) {
    if (!isDenied(error)) throw error;
    openDirectories(path);
    rmSync(path, { recursive: true, force: true, maxRetries: 3 });
  }
}

function openDirectories(path: string): void {
  chmodSync(path, 0o700);
  for (const entry of readdirSync(path, { withFileTypes: true })) {
    if (entry.isDirectory()) openDirectories(join(path, entry.name));
  }
}

function isDenied(error: unknown): boolean {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  return code === 'EACCES' || code === 'EPERM';
}
