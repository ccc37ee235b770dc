/** ferry as a program: run on a machine that has no Nix, and put at the far end of a connection in its place. */
import { fileURLToPath } from 'node:url';
import type { FarProgram } from './far-program.ts';
import type { NixHome } from './nix-home.ts';
import { run, runOk, type Finished, type RunOptions } from './run.ts';

/** `bin/ferry` of this checkout. */
export const ferryBin: string = fileURLToPath(new URL('../../bin/ferry', import.meta.url));

/** What of a home ferry needs: where it is, and the configuration that names its store. */
export type FerryHome = Pick<NixHome, 'path' | 'env'>;

export type FerryRunOptions = Pick<RunOptions, 'env' | 'timeoutMs'> & {
  /** Another name that it goes by: a link to it. */
  readonly program?: string;
};

/** The environment of a home without the Nix that made it. */
export function ferryEnv(home: FerryHome): Record<string, string> {
  return { ...home.env, PATH: '/usr/bin:/bin' };
}

export function runFerry(
  home: FerryHome,
  args: readonly string[],
  options: FerryRunOptions = {},
): Promise<Finished> {
  return run(options.program ?? ferryBin, args, runOptions(home, options));
}

/** Its stdout, where it must succeed. */
export function runFerryOk(
  home: FerryHome,
  args: readonly string[],
  options: FerryRunOptions = {},
): Promise<string> {
  return runOk(options.program ?? ferryBin, args, runOptions(home, options));
}

/** `nix-store` over this home's store, answered by ferry. */
export function farFerry(home: FerryHome): FarProgram {
  return { program: ferryBin, args: ['nix-store'], env: ferryEnv(home) };
}

/** `nix-store` over this home's store, answered by its own Nix. */
export function farNix(home: NixHome): FarProgram {
  return { program: home.peer.program('nix-store'), env: home.env };
}

function runOptions(home: FerryHome, { env, timeoutMs }: FerryRunOptions): RunOptions {
  return { cwd: home.path, env: { ...ferryEnv(home), ...env }, timeoutMs };
}
