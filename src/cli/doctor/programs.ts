/** The programs that ferry is, runs on and works with. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { errnoOf } from '../../system/os-error.ts';
import type { CommandContext } from '../context.ts';
import { printable } from '../errors.ts';
import { version } from '../version.ts';
import type { Check } from './check.ts';

/** A program that doesn't even tell its version in this time does not work. */
const TIMEOUT_MS = 5000;

export async function checkPrograms(context: CommandContext): Promise<Check[]> {
  const [nix, ssh] = await Promise.all([
    versionOf(context, 'nix', ['--version']),
    versionOf(context, 'ssh', ['-V']),
  ]);
  return [
    { name: 'ferry', status: 'ok', detail: `${version}, on Node ${process.versions.node}` },
    nix === undefined
      ? { name: 'nix', status: 'ok', detail: 'not on PATH; ferry does not need it' }
      : { name: 'nix', status: 'ok', detail: nix },
    ssh === undefined
      ? {
          name: 'ssh',
          status: 'note',
          detail: 'not on PATH: stores of other machines are out of reach',
          advice: 'install an OpenSSH client',
        }
      : { name: 'ssh', status: 'ok', detail: ssh },
  ];
}

/** The first line that it prints, or undefined where it isn't there. */
async function versionOf(
  { env, signal }: CommandContext,
  program: string,
  args: readonly string[],
): Promise<string | undefined> {
  try {
    const { stdout, stderr } = await promisify(execFile)(program, args, {
      env: { ...env.variables },
      timeout: TIMEOUT_MS,
      signal,
    });
    return printable(`${stdout}${stderr}`.trim().split('\n')[0] ?? '');
  } catch (error) {
    signal.throwIfAborted();
    return errnoOf(error) === 'ENOENT' ? undefined : `${program} is there, but fails to run`;
  }
}
