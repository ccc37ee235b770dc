/** Finds out which shell is to be copied and all that it needs, and has it built where it isn't yet. */
import { resolve } from 'node:path';
import { isFerryError } from '../error.ts';
import { printStorePath, type StorePath } from '../format/store-path.ts';
import { buildClosure, type BuildClosure } from '../shell/build-closure.ts';
import { queryShellInputs } from '../shell/shell-inputs.ts';
import { readDerivation } from '../store/read-derivations.ts';
import type { Store } from '../store/store.ts';
import { exists } from '../system/exists.ts';
import { addContentTo } from './add-content-to.ts';
import { say, type CommandContext } from './context.ts';
import { findShell } from './find-shell.ts';
import { instantiateFlakeShell, isFlakeWord } from './flake-shell.ts';
import { nameInStore } from './name-in-store.ts';
import { realiseShellInputs } from './realise-shell-inputs.ts';
import { resolveIn } from './resolve-in-store.ts';
import type { ShellCopyRequest } from './run-shell-copy.ts';
import type { Session } from './session.ts';
import { formatCount } from './ui/units.ts';

export interface GatheredToCopy {
  readonly closure: BuildClosure;
  /** What goes along because it was asked for. */
  readonly others: readonly OtherPath[];
}

export interface OtherPath {
  /** As it was typed. */
  readonly word: string;
  readonly path: StorePath;
}

/**
 * A dry run builds and adds nothing: what isn't there yet is told of and left out.
 * @throws FerryError what finding, evaluating and building throw
 */
export async function gatherShellToCopy(
  context: CommandContext,
  session: Session,
  source: Store,
  request: ShellCopyRequest,
): Promise<GatheredToCopy> {
  const { word, from: storeUri, expression, dryRun } = request;
  const { signal } = context;
  const drv =
    word !== undefined && isFlakeWord(word)
      ? await instantiateFlakeShell(context, source, word, { storeUri })
      : await findShell(context, source, { word, storeUri, expression });
  const hold = source.features.has('hold');
  await source.queryValidPaths([drv], { hold, signal });
  const derivation = await readDerivation(source, drv, { signal });
  const inputs = dryRun
    ? await inputsThere(context, source, derivation)
    : await realiseShellInputs(context, session, source, {
        drv,
        derivation,
        storeUri,
        purpose: 'copy',
      });
  const others: OtherPath[] = [];
  for (const each of request.others) {
    const path = await otherPath(context, session, source, { word: each, dryRun });
    if (path !== undefined) others.push({ word: each, path });
  }
  const paths = others.map(({ path }) => path);
  if (paths.length > 0) await source.queryValidPaths(paths, { hold, signal });
  return { closure: buildClosure(drv, derivation, inputs, paths), others };
}

async function inputsThere(
  context: CommandContext,
  source: Store,
  derivation: BuildClosure['derivation'],
): Promise<StorePath[]> {
  const { signal } = context;
  const { inputs, missing, missingDrvs } = await queryShellInputs(source, derivation, { signal });
  const count = missing.length + missingDrvs.length;
  if (count > 0) {
    const what = formatCount(count, 'input');
    await say(context, `note: ${what} would be fetched or built first: more would be copied`);
  }
  const absent = new Set(missing.map(({ path }) => path));
  return inputs.map(({ path }) => path).filter((path) => !absent.has(path));
}

/** What is in the store, or a file that is put there. */
async function otherPath(
  context: CommandContext,
  session: Session,
  source: Store,
  { word, dryRun }: { readonly word: string; readonly dryRun: boolean },
): Promise<StorePath | undefined> {
  try {
    return resolveIn(context, source, word).path;
  } catch (error) {
    const file = resolve(context.cwd, word);
    if (!isFerryError(error, 'not-found') || !exists(file)) throw error;
    const name = nameInStore(word, file);
    if (dryRun) {
      await say(context, `note: "${word}" would be added to the store first`);
      return undefined;
    }
    const content = { name, method: 'nar', algorithm: 'sha256' } as const;
    const { path } = await addContentTo(session, source, file, content);
    await say(context, `added "${word}" as ${printStorePath(source.storeDir, path)}`);
    return path;
  }
}
