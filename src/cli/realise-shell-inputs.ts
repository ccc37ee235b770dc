/**
 * Sees to it that all that a development shell needs is valid: what is missing is fetched from substituters, and what
 * they don't have is built by the Nix of this machine, if there is one. Where all is there already, nobody is asked.
 */
import type { CopyEvent } from '../copy/events.ts';
import { FerryError, isFerryError } from '../error.ts';
import type { Derivation } from '../format/derivation.ts';
import { printStorePath, type StorePath } from '../format/store-path.ts';
import { queryShellInputs, type ShellInputs } from '../shell/shell-inputs.ts';
import type { Store } from '../store/store.ts';
import { findForeignNix, runForeignNix } from './compat/nix/foreign-nix.ts';
import type { CommandContext } from './context.ts';
import { fetchPaths, openFetching, progressOf } from './fetch-paths.ts';
import type { Session } from './session.ts';
import { formatCount } from './ui/units.ts';

export interface RealiseInputsRequest {
  readonly drv: StorePath;
  readonly derivation: Derivation;
  readonly isExcluded?: ((drv: StorePath) => boolean) | undefined;
  /** What a Nix that builds is told of the store; by default the one that it takes itself. */
  readonly storeUri?: string | undefined;
  /** What can't be done without them. Default: `enter`. */
  readonly purpose?: 'enter' | 'copy' | undefined;
}

/** How many of those that are missing a message names. */
const NAMED_MAX = 5;

/** @returns the paths of the inputs. @throws FerryError `not-found` naming what is missing */
export async function realiseShellInputs(
  context: CommandContext,
  session: Session,
  store: Store,
  request: RealiseInputsRequest,
): Promise<StorePath[]> {
  const { derivation, isExcluded } = request;
  const { signal } = context;
  const query = (): Promise<ShellInputs> =>
    queryShellInputs(store, derivation, { signal, isExcluded });
  let found = await query();
  // Derivations first: only they tell which outputs are meant, which are then fetched in another round.
  for (let rounds = 0; rounds < 2 && !isComplete(found); rounds++) {
    if (!(await fetchMissing(context, session, store, found))) break;
    found = await query();
  }
  const { storeUri } = request;
  if (!isComplete(found) && (await buildMissing(context, store, { ...found, storeUri }))) {
    found = await query();
  }
  if (!isComplete(found)) throw missingInputs(store, request, found);
  return found.inputs.map(({ path }) => path);
}

/** What is missing, and where it should be. */
type Missing = ShellInputs & Pick<RealiseInputsRequest, 'storeUri'>;

function isComplete({ missing, missingDrvs }: ShellInputs): boolean {
  return missing.length === 0 && missingDrvs.length === 0;
}

/** @returns whether anything may have changed */
async function fetchMissing(
  context: CommandContext,
  session: Session,
  store: Store,
  { missing, missingDrvs }: ShellInputs,
): Promise<boolean> {
  const fetching = openFetching(context, session, store, { keepGoing: true });
  const wanted = [...missingDrvs, ...missing.map(({ path }) => path)];
  const progress = progressOf(fetching);
  // That nobody has them is no failure: they may be built, and what is missing in the end is told then.
  const onEvent = (event: CopyEvent): void => {
    if (event.type === 'path-failed' && isFerryError(event.error, 'not-found')) return;
    if (event.type === 'done' && event.summary.copied === 0) return;
    progress.onEvent(event);
  };
  try {
    const failures = await fetchPaths(fetching, wanted, { ...progress, onEvent });
    return failures.size < wanted.length;
  } finally {
    await progress.finish();
  }
}

async function buildMissing(
  context: CommandContext,
  store: Store,
  { missing, storeUri }: Missing,
): Promise<boolean> {
  const words = missing.flatMap(({ drv, output }) =>
    drv === undefined ? [] : [`${printStorePath(store.storeDir, drv)}!${output}`],
  );
  if (words.length === 0 || findForeignNix(context.env, 'nix-store') === undefined) return false;
  const what = 'inputs of the shell must be built';
  const where = storeUri === undefined ? [] : ['--store', storeUri];
  await runForeignNix(context, what, ['--realise', ...where, ...words], 'nix-store');
  return true;
}

function missingInputs(
  store: Store,
  { drv, purpose = 'enter' }: RealiseInputsRequest,
  { inputs, missing, missingDrvs }: ShellInputs,
): FerryError {
  const paths = [...missingDrvs, ...missing.map(({ path }) => path)];
  const named = paths
    .slice(0, NAMED_MAX)
    .map((path) => `"${printStorePath(store.storeDir, path)}"`);
  const more = paths.length > NAMED_MAX ? ` and ${paths.length - NAMED_MAX} more` : '';
  const count = inputs.length + missingDrvs.length;
  const printed = printStorePath(store.storeDir, drv);
  const are = paths.length === 1 ? 'is' : 'are';
  return new FerryError(
    'not-found',
    `cannot ${purpose} the shell of "${printed}": of its ${formatCount(count, 'input')} ${paths.length} ${are} not there, ${named.join(', ')}${more}`,
    {
      path: printed,
      hint:
        purpose === 'copy'
          ? `build them first, where there is a Nix: nix-shell ${printed} --run true`
          : `from a machine that has them: ferry shell copy ${printed} --to ssh://THIS-MACHINE`,
    },
  );
}
