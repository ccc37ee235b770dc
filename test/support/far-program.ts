/** Small scripts that stand in for a program: they set an environment and hand over to what should answer. */
import { chmodSync, renameSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

export interface FarProgram {
  /** Absolute path of what answers. */
  readonly program: string;
  /** Arguments that go before those of the caller. */
  readonly args?: readonly string[];
  /** Variables set for it, above what the connection brings. */
  readonly env?: Readonly<Record<string, string>>;
}

let written = 0;

/** Writes the script to `directory` under a name of its own and returns its path, as for `remote-program=`. */
export function remoteProgram(directory: string, far: FarProgram): string {
  written += 1;
  const path = join(directory, `remote-program-${process.pid}-${written}`);
  writeFarProgram(path, far);
  return path;
}

/** Writes or replaces the script at `path`; a connection that runs the old one isn't disturbed. */
export function writeFarProgram(path: string, far: FarProgram): void {
  const exports = Object.entries(far.env ?? {}).map(
    ([name, value]) => `export ${name}=${quote(value)}\n`,
  );
  const command = [far.program, ...(far.args ?? [])].map(quote).join(' ');
  const fresh = join(dirname(path), `.new-${process.pid}-${(written += 1)}`);
  writeFileSync(fresh, `#!/bin/sh\n${exports.join('')}exec ${command} "$@"\n`);
  chmodSync(fresh, 0o755);
  renameSync(fresh, path);
}

function quote(word: string): string {
  return `'${word.replaceAll("'", "'\\''")}'`;
}
