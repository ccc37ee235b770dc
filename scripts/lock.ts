/**
 * Writes package-lock.json anew after a change of dependencies: `node scripts/lock.ts`.
 *
 * npm, run by an old Node, leaves out optional packages that say they want a newer one, and so the native half of a
 * library that only ever runs on the Node which comes with the project. What they say is therefore left out of the lock.
 * It is made in an empty directory, since npm otherwise copies what happens to be installed.
 */
import { execFileSync } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** Native halves of libraries, by the path that they have in the lock. */
const NATIVE = /^node_modules\/@napi-rs\/lzma-/;

const checkout = fileURLToPath(new URL('..', import.meta.url));
const directory = mkdtempSync(join(tmpdir(), 'ferry-lock-'));
try {
  for (const name of ['package.json', '.npmrc', 'runtime']) {
    cpSync(join(checkout, name), join(directory, name), { recursive: true });
  }
  execFileSync('npm', ['install', '--package-lock-only'], { cwd: directory, stdio: 'inherit' });
  const lock = JSON.parse(readFileSync(join(directory, 'package-lock.json'), 'utf8')) as {
    packages: Record<string, { engines?: unknown }>;
  };
  for (const [path, entry] of Object.entries(lock.packages)) {
    if (NATIVE.test(path)) delete entry.engines;
  }
  writeFileSync(join(checkout, 'package-lock.json'), `${JSON.stringify(lock, undefined, 2)}\n`);
} finally {
  rmSync(directory, { recursive: true });
}
