/**
 * Installables: the words that Nix's verbs take. A store path, a link or a file that leads into one, the outputs of a
 * derivation in the store (`….drv^out,dev`, `….drv^*`) are found here; everything else is evaluated by the Nix of this
 * machine.
 */
import { lstatSync } from 'node:fs';
import { resolve } from 'node:path';
import { FerryError, isFerryError } from '../../../error.ts';
import { readDerivation } from '../../../store/read-derivations.ts';
import { isDerivation, printStorePath, type StorePath } from '../../../format/store-path.ts';
import type { Store } from '../../../store/store.ts';
import { resolveIn } from '../../resolve-in-store.ts';
import { evaluate } from './evaluate.ts';
import type { NixCall } from './verb.ts';

/** What a word means: a path that stands for itself, or outputs of a derivation. */
export type Installable =
  | { readonly kind: 'path'; readonly path: StorePath }
  | {
      readonly kind: 'built';
      readonly drv: StorePath;
      /** By name, in byte order of the names. */
      readonly outputs: ReadonlyMap<string, StorePath>;
    };

export interface FindOptions {
  /** Whether what is evaluated is also built. Default: only the paths it would have. */
  readonly build?: boolean | undefined;
  /** The derivations instead of what they build. */
  readonly derivation?: boolean | undefined;
  /** Where they are looked for, as `--store` would say it. */
  readonly storeUri?: string | undefined;
  /** No words at all mean the flake in the working directory. Default true. */
  readonly defaultFlake?: boolean | undefined;
}

/**
 * @throws FerryError `not-found` for paths that aren't there and outputs that a derivation doesn't have, and where
 *   something must be evaluated and there is no Nix
 */
export async function findInstallables(
  call: NixCall,
  store: Store,
  words: readonly string[],
  options: FindOptions = {},
): Promise<Installable[]> {
  const expressions = call.evaluation.some((flag) => /^(--file|-f|--expr)$/.test(flag));
  const isEmpty = words.length === 0 && (expressions || options.defaultFlake !== false);
  const foreign = words.filter((word) => expressions || !isPath(call, store, word));
  const found: Installable[] = [];
  for (const word of words) {
    if (!foreign.includes(word)) found.push(await findPath(call, store, word));
  }
  if (foreign.length > 0 || isEmpty) found.push(...(await evaluate(call, store, foreign, options)));
  return found;
}

/** Each path once, in the order of the words. */
export function pathsOf(installables: readonly Installable[]): StorePath[] {
  return [
    ...new Set(
      installables.flatMap((found) =>
        found.kind === 'path' ? [found.path] : [...found.outputs.values()],
      ),
    ),
  ];
}

/** As Nix decides it: a word with a slash that leads into the store; all else is something to evaluate. */
function isPath(call: NixCall, store: Store, word: string): boolean {
  const [path] = splitOutputs(word);
  if (!path.includes('/') || word.includes('#')) return false;
  try {
    resolveIn(call.context, store, path);
    return true;
  } catch (error) {
    if (!isFerryError(error, 'not-found')) throw error;
    // What is in the store and no store path, or a file that isn't there, is a mistake that no evaluation makes good.
    // Others may be flakes: github:owner/name, nixpkgs/release.
    const isFile = /^\.{0,2}\//.test(path);
    if (path.startsWith(`${store.storeDir}/`) || (isFile && !isThere(call.context.cwd, path))) {
      throw error;
    }
    return false;
  }
}

/** A file of this machine: a directory with a flake in it, say. */
function isThere(cwd: string, path: string): boolean {
  try {
    return lstatSync(resolve(cwd, path), { throwIfNoEntry: false }) !== undefined;
  } catch {
    return false;
  }
}

async function findPath(call: NixCall, store: Store, word: string): Promise<Installable> {
  const [text, wanted] = splitOutputs(word);
  const { path } = resolveIn(call.context, store, text);
  if (wanted === undefined) return { kind: 'path', path };
  const printed = printStorePath(store.storeDir, path);
  if (!isDerivation(path)) {
    throw new FerryError('usage', `cannot take outputs of "${printed}": it is not a derivation`, {
      path: printed,
    });
  }
  const outputs = await outputsOf(call, store, path);
  const names = wanted === '*' ? [...outputs.keys()] : wanted.split(',');
  const chosen = [...new Set(names)].sort().map((name): [string, StorePath] => {
    const output = outputs.get(name);
    if (output !== undefined) return [name, output];
    if (outputs.has(name)) {
      throw new FerryError('unsupported', `output "${name}" of "${printed}" has no path yet`, {
        path: printed,
        hint: 'its path follows from its contents: build it, and name what comes of it',
      });
    }
    throw new FerryError('not-found', `derivation '${printed}' does not have output '${name}'`, {
      path: printed,
    });
  });
  return { kind: 'built', drv: path, outputs: new Map(chosen) };
}

/** Outputs without a path are those that get theirs when they are built. */
async function outputsOf(
  { context: { signal } }: NixCall,
  store: Store,
  drv: StorePath,
): Promise<Map<string, StorePath | undefined>> {
  const { outputs } = await readDerivation(store, drv, { signal });
  return new Map(
    [...outputs].map(([name, output]) => [name, 'path' in output ? output.path : undefined]),
  );
}

/** `x.drv^out,dev` → `x.drv` and `out,dev`. */
function splitOutputs(word: string): [path: string, outputs: string | undefined] {
  const at = word.lastIndexOf('^');
  return at < 0 ? [word, undefined] : [word.slice(0, at), word.slice(at + 1)];
}
