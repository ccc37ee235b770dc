/** Development shells as the command line opens them: derivation, inputs, environment; then this process becomes bash. */
import { availableParallelism } from 'node:os';
import { isatty } from 'node:tty';
import { utf8ByteString } from '../bytes/byte-string.ts';
import { rawVariablesOf } from '../config/raw-environment.ts';
import { FerryError } from '../error.ts';
import type { Derivation } from '../format/derivation.ts';
import { printStorePath, type StorePath } from '../format/store-path.ts';
import { computeExportedGraphs } from '../shell/exported-graphs.ts';
import { findBash, programOnPath } from '../shell/find-bash.ts';
import { prepareShell, type PreparedShell, type ShellOptions } from '../shell/prepare-shell.ts';
import { queryHeldPaths } from '../shell/shell-inputs.ts';
import { parseStructuredAttributes, structuredVariable } from '../shell/structured-attributes.ts';
import { readDerivation } from '../store/read-derivations.ts';
import type { Store } from '../store/store.ts';
import { becomeProgram } from '../system/become-program.ts';
import { exists } from '../system/exists.ts';
import { asLocalStore, realStoreDirOf } from './as-local-store.ts';
import type { CommandContext } from './context.ts';
import { realiseShellInputs } from './realise-shell-inputs.ts';
import type { Session } from './session.ts';

export interface ShellRequest {
  readonly drv: StorePath;
  readonly isPure: boolean;
  /** Names of variables that are kept although it is pure. */
  readonly keep: readonly string[];
  /** What to run in it. */
  readonly command?: string | undefined;
  /** Whether it stays for somebody who types, where there is a terminal. */
  readonly staysOpen: boolean;
  readonly isExcluded?: ((drv: StorePath) => boolean) | undefined;
  /** The URI of the store, where one was given. */
  readonly storeUri?: string | undefined;
}

const STDIN = 0;

/**
 * Nothing of the session is needed any more then: it is to be closed before `enterShell`.
 * @throws FerryError what reading, fetching and preparing throw
 */
export async function openShell(
  context: CommandContext,
  session: Session,
  store: Store,
  request: ShellRequest,
): Promise<PreparedShell> {
  const { command, staysOpen } = request;
  const isInteractive = staysOpen && isatty(STDIN) && context.stderr.isTerminal;
  const { derivation, options } = await gatherShell(context, session, store, request);
  // Whoever only reads the store, or asks a daemon, leaves that to the collector: it looks at running programs.
  await asLocalStore(store)
    ?.keepHoldsForNextProgram(context)
    .catch(() => {});
  return prepareShell(derivation, {
    ...options,
    isInteractive,
    command: command === undefined ? undefined : utf8ByteString(command),
  });
}

export interface GatheredShell {
  readonly derivation: Derivation;
  readonly options: Omit<ShellOptions, 'isInteractive' | 'command'>;
}

/** All that is to be known, with the inputs made valid. */
export async function gatherShell(
  context: CommandContext,
  session: Session,
  store: Store,
  request: Omit<ShellRequest, 'command' | 'staysOpen'>,
): Promise<GatheredShell> {
  const { env, signal } = context;
  const { drv, isPure, keep } = request;
  await queryHeldPaths(store, [drv], signal);
  const derivation = await readDerivation(store, drv, { signal });
  const inputs = await realiseShellInputs(context, session, store, { ...request, derivation });
  requireHere(store, drv, inputs);
  const structured = derivation.env.get(structuredVariable);
  const graphs =
    structured === undefined
      ? new Map()
      : await computeExportedGraphs(store, parseStructuredAttributes(structured), inputs, {
          signal,
        });
  const { NIX_BUILD_SHELL, PATH, TMPDIR } = env.variables;
  const bash = findBash({
    wanted: NIX_BUILD_SHELL,
    searchPath: PATH,
    storeDir: store.storeDir,
    inputs,
    builder: derivation.builder,
  });
  const { cores } = session.settings;
  return {
    derivation,
    options: {
      variables: rawVariablesOf(env),
      storeDir: store.storeDir,
      cores: cores === 0 ? availableParallelism() : cores,
      isPure,
      keep: new Set(keep.map(utf8ByteString)),
      graphs,
      temporaryRoot: TMPDIR || '/tmp',
      bash,
      remover: programOnPath('rm', PATH) ?? 'rm',
      isRoot: env.isRoot,
    },
  };
}

/** Does not return. The directory is removed by the shell. */
export async function enterShell({ signal }: CommandContext, shell: PreparedShell): Promise<never> {
  try {
    signal.throwIfAborted();
    return await becomeProgram(shell);
  } catch (error) {
    shell.discard();
    throw error;
  }
}

/** Programs know their own store paths by heart: they only run where these are. */
function requireHere(store: Store, drv: StorePath, inputs: readonly StorePath[]): void {
  const absent = [drv, ...inputs].find((path) => !exists(printStorePath(store.storeDir, path)));
  if (absent === undefined) return;
  const real = realStoreDirOf(store);
  const printed = printStorePath(store.storeDir, absent);
  throw new FerryError(
    'unsupported',
    `the programs of "${store.uri}" cannot run here: there is no "${printed}" on this machine`,
    {
      path: printed,
      store: store.uri,
      hint:
        real === undefined
          ? 'copy the shell here: ferry shell copy DRV --to auto'
          : `its files lie in "${real}": enter that system first, or copy the shell to this machine's own store`,
    },
  );
}
