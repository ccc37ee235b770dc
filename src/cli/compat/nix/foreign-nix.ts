/**
 * The Nix that is installed on this machine beside ferry: where it is, and how it is run. Its talk goes to the terminal
 * as it is; what it prints on stdout is foreign, and bounded.
 */
import { realpathSync, statSync } from 'node:fs';
import { basename, isAbsolute, join } from 'node:path';
import type { Environment } from '../../../config/environment.ts';
import { FerryError } from '../../../error.ts';
import { runForeground } from '../../../system/foreground.ts';
import type { CommandContext } from '../../context.ts';

/** Told to the Nix that is run, so that one that is ferry in disguise is recognised. */
const GUARD = 'FERRY_CALLS_NIX';
/** Bytes of stdout. */
const OUTPUT_MAX = 64 << 20;

/** Its absolute path: the first on PATH that isn't ferry itself, or where installers put it. */
export function findForeignNix(env: Environment, program = 'nix'): string | undefined {
  const { PATH = '' } = env.variables;
  const directories = [
    ...PATH.split(':').filter(isAbsolute),
    '/nix/var/nix/profiles/default/bin',
    '/run/current-system/sw/bin',
    join(env.home, '.nix-profile/bin'),
  ];
  return directories.map((directory) => join(directory, program)).find(isForeignProgram);
}

function isForeignProgram(path: string): boolean {
  try {
    const stat = statSync(path);
    return stat.isFile() && (stat.mode & 0o111) !== 0 && !isFerry(realpathSync(path));
  } catch {
    return false;
  }
}

/** Through a link named `nix` ferry stands in for it. */
function isFerry(realPath: string): boolean {
  return /^ferry(\.c?js)?$/.test(basename(realPath));
}

/**
 * Runs it with our stderr and stdin, and gives what it printed on stdout.
 * @param what must be done by it, in words, for the message where there is none: `"nixpkgs#hello" must be evaluated`.
 * @throws FerryError `not-found` where there is none, `failed` when it fails: it has said why itself.
 */
export async function runForeignNix(
  { env, signal, cwd }: CommandContext,
  what: string,
  args: readonly string[],
  name: 'nix' | 'nix-build' | 'nix-instantiate' | 'nix-store' = 'nix',
): Promise<string> {
  if (env.variables[GUARD] !== undefined) {
    throw new FerryError('conflict', `${what}, and the "nix" that was asked is ferry itself`, {
      hint: 'put the Nix that is installed on PATH before it',
    });
  }
  const program = findForeignNix(env, name);
  if (program === undefined) {
    throw new FerryError('not-found', `${what}, and there is no Nix on this machine`, {
      hint: 'name a store path, or a link to one with a slash in it, such as ./result',
    });
  }
  const { status, stdout } = await runForeground(program, args, {
    env: { ...env.variables, [GUARD]: '1' },
    cwd,
    signal,
    outputMaxBytes: OUTPUT_MAX,
  });
  if (status === 0) return stdout;
  throw new FerryError('failed', `${what}, and "${program}" failed`);
}
