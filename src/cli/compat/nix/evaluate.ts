/**
 * What ferry doesn't evaluate itself, evaluated (and built, where that is wanted) by the Nix of this machine: flakes,
 * attributes of a file, expressions. What it answers is foreign, and parsed strictly.
 */
import { readDerivation } from '../../../store/read-derivations.ts';
import { FerryError } from '../../../error.ts';
import { isDerivation, parseStorePath, type StorePath } from '../../../format/store-path.ts';
import type { Store } from '../../../store/store.ts';
import { findForeignNix, runForeignNix } from './foreign-nix.ts';
import type { FindOptions, Installable } from './installables.ts';
import type { NixCall } from './verb.ts';

/** More than anybody names in one command, with all outputs. */
const ANSWERS_MAX = 100_000;

/**
 * @param words may be empty: what the flags say, or the flake in the working directory.
 * @throws FerryError `not-found` without a Nix, `failed` where it fails, `protocol` for an answer that is none
 */
export async function evaluate(
  call: NixCall,
  store: Store,
  words: readonly string[],
  options: FindOptions,
): Promise<Installable[]> {
  const named = words.map((word) => `"${word}"`).join(', ');
  const isFlake = named === '' && call.evaluation.length === 0;
  const what = `${isFlake ? 'the flake in "."' : named || 'the expression'} must be evaluated`;
  const flags = [...call.evaluation, ...call.passedOn];
  if (options.storeUri !== undefined) flags.push('--store', options.storeUri);
  if (findForeignNix(call.context.env) === undefined) {
    const old = oldWords(call, words);
    if (old !== undefined && findForeignNix(call.context.env, 'nix-build') !== undefined) {
      return await evaluateOld(call, store, { what, args: old }, options);
    }
  }
  if (options.derivation === true) {
    const args = ['path-info', '--derivation', ...flags, '--', ...words];
    const text = await runForeignNix(call.context, what, args);
    return linesOf(text).map((line) => ({ kind: 'path', path: pathOf(store, line) }));
  }
  const dryRun = options.build === true ? [] : ['--dry-run'];
  const args = ['build', '--no-link', '--json', ...dryRun, ...flags, '--', ...words];
  return parseBuilt(store, await runForeignNix(call.context, what, args));
}

/** Before Nix 2.4 there was no `nix build` to be relied on; files were for `nix-build` and `nix-instantiate`. */
async function evaluateOld(
  call: NixCall,
  store: Store,
  { what, args }: { readonly what: string; readonly args: readonly string[] },
  { build = false, derivation = false }: FindOptions,
): Promise<Installable[]> {
  if (build && !derivation) {
    const text = await runForeignNix(call.context, what, ['--no-out-link', ...args], 'nix-build');
    return linesOf(text).map((line) => ({ kind: 'path', path: pathOf(store, line) }));
  }
  const text = await runForeignNix(call.context, what, args, 'nix-instantiate');
  const found: Installable[] = [];
  for (const line of linesOf(text)) {
    // An output that isn't the first one is told of as "x.drv!dev".
    const [path = '', output] = line.split('!');
    const drv = pathOf(store, path);
    if (derivation) found.push({ kind: 'path', path: drv });
    else found.push({ kind: 'built', drv, outputs: await outputOf(call, store, drv, output) });
  }
  return found;
}

async function outputOf(
  { context: { signal } }: NixCall,
  store: Store,
  drv: StorePath,
  name: string | undefined,
): Promise<Map<string, StorePath>> {
  const { outputs } = await readDerivation(store, drv, { signal });
  const chosen = name ?? (outputs.has('out') ? 'out' : [...outputs.keys()][0]) ?? 'out';
  const output = outputs.get(chosen);
  if (output === undefined || !('path' in output)) throw withoutPath(chosen, drv);
  return new Map([[chosen, output.path]]);
}

/** The words as nix-build takes them, where they are a file or an expression with attributes. */
function oldWords({ evaluation }: NixCall, words: readonly string[]): string[] | undefined {
  const old: string[] = [];
  let hasSource = false;
  for (let at = 0; at < evaluation.length; at++) {
    const flag = evaluation[at] ?? '';
    if (flag === '--file' || flag === '-f') old.push(evaluation[++at] ?? '');
    else if (flag === '--expr') return undefined;
    else if (flag === '--arg' || flag === '--argstr')
      old.push(flag, ...evaluation.slice(at + 1, (at += 2) + 1));
    else if (flag === '-I' || flag === '--include') old.push('-I', evaluation[++at] ?? '');
    else if (flag !== '--impure') return undefined;
    hasSource ||= flag === '--file' || flag === '-f';
  }
  return hasSource ? [...old, ...words.flatMap((word) => ['-A', word])] : undefined;
}

/**
 * `nix build --json`: a list of `{ drvPath, outputs: { NAME: PATH } }`, and of `{ path }` or a text for what is no
 * derivation.
 */
export function parseBuilt(store: Pick<Store, 'storeDir'>, text: string): Installable[] {
  let answer: unknown;
  try {
    answer = JSON.parse(text);
  } catch (cause) {
    throw new FerryError('protocol', 'cannot read what Nix answered: it is not JSON', { cause });
  }
  if (!Array.isArray(answer) || answer.length > ANSWERS_MAX) {
    throw new FerryError('protocol', 'cannot read what Nix answered: it is not a list');
  }
  return answer.map((item: unknown): Installable => {
    if (typeof item === 'string') return { kind: 'path', path: pathOf(store, item) };
    if (!isObject(item)) throw wrong(item);
    const { path, drvPath, outputs } = item;
    if (typeof path === 'string') return { kind: 'path', path: pathOf(store, path) };
    if (typeof drvPath !== 'string' || !isObject(outputs)) throw wrong(item);
    const drv = pathOf(store, drvPath);
    if (!isDerivation(drv)) throw wrong(item);
    const named = Object.entries(outputs).map(([name, output]): [string, StorePath] => {
      if (typeof output !== 'string') {
        throw withoutPath(name, drvPath);
      }
      return [name, pathOf(store, output)];
    });
    return { kind: 'built', drv, outputs: new Map(named) };
  });
}

function withoutPath(output: string, drv: string): FerryError {
  return new FerryError('unsupported', `output "${output}" of "${drv}" has no path yet`, {
    hint: 'its path follows from its contents: build it, and name what comes of it',
  });
}

function wrong(item: unknown): FerryError {
  const shown = JSON.stringify(item).slice(0, 200);
  return new FerryError('protocol', `cannot read what Nix answered: ${shown}`);
}

function pathOf({ storeDir }: Pick<Store, 'storeDir'>, text: string): StorePath {
  try {
    return parseStorePath(storeDir, text);
  } catch (cause) {
    throw new FerryError('protocol', `cannot read what Nix answered: "${text.slice(0, 300)}"`, {
      cause,
    });
  }
}

function linesOf(text: string): string[] {
  const lines = text.split('\n').filter((line) => line !== '');
  if (lines.length <= ANSWERS_MAX) return lines;
  throw new FerryError('protocol', `Nix answered with more than ${ANSWERS_MAX} paths`);
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
