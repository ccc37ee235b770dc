/** The words of verbs about paths: `-r`, `--all`, `--stdin`, and what they come to in an open store. */
import { computeClosure } from '../../../copy/closure.ts';
import { deriversOf } from '../../../copy/derivers.ts';
import type { PathInfo } from '../../../format/path-info.ts';
import type { StorePath } from '../../../format/store-path.ts';
import type { Store } from '../../../store/store.ts';
import { allPathsOf } from '../../all-paths-of.ts';
import type { ArgumentSpec } from '../../command.ts';
import { wordsOf } from '../../words.ts';
import { nixUsage } from '../nix-words.ts';
import { findInstallables, pathsOf, type FindOptions } from './installables.ts';
import { PROGRAM } from './parse-verb-words.ts';
import type { NixCall } from './verb.ts';

export const installableArgument: ArgumentSpec = {
  name: 'INSTALLABLE',
  help: 'a store path, a link to one, outputs of a derivation (x.drv^out, x.drv^*), or what the Nix that is installed evaluates',
  optional: true,
  repeated: true,
  completes: 'file',
};

/** The options of verbs that take any number of paths. */
export const pathOptions: {
  readonly all: { readonly help: string };
  readonly recursive: { readonly help: string; readonly short: 'r' };
  readonly stdin: { readonly help: string };
  readonly derivation: { readonly help: string };
} = {
  all: { help: 'every path of the store' },
  recursive: { help: 'with all that the paths refer to', short: 'r' },
  stdin: { help: 'read further paths from stdin, separated by white space' },
  derivation: { help: 'the derivations of the paths instead' },
};

export interface PathFlags {
  readonly all: boolean;
  readonly recursive: boolean;
  readonly stdin: boolean;
  readonly derivation: boolean;
}

/** The paths that the words mean, each once; all paths of the store with `--all`. @throws FerryError */
export async function namedPaths(
  call: NixCall,
  store: Store,
  given: readonly string[],
  flags: Omit<PathFlags, 'recursive'>,
): Promise<StorePath[]> {
  const { signal } = call.context;
  const words = flags.stdin ? [...given, ...(await wordsOf(call.context.stdin))] : given;
  if (flags.all) {
    if (words.length > 0) throw nixUsage(PROGRAM, "'--all' does not expect arguments");
    return await allPathsOf(store, signal);
  }
  const options: FindOptions = {
    derivation: flags.derivation,
    storeUri: call.store,
    defaultFlake: !flags.stdin,
  };
  const paths = pathsOf(await findInstallables(call, store, words, options));
  return flags.derivation ? await deriversOf(store, paths, signal) : paths;
}

/** The same with all they refer to, with `-r`; without it they need not be valid. @throws FerryError `not-found` */
export async function namedClosure(
  call: NixCall,
  store: Store,
  given: readonly string[],
  flags: PathFlags,
): Promise<StorePath[]> {
  const named = await namedPaths(call, store, given, flags);
  if (!flags.recursive) return named;
  return [...(await computeClosure(store, named, { signal: call.context.signal })).keys()];
}

/** The same with their infos, and those of all they refer to with `-r`. @throws FerryError `not-found` */
export async function namedInfos(
  call: NixCall,
  store: Store,
  given: readonly string[],
  flags: PathFlags,
): Promise<Map<StorePath, PathInfo>> {
  const { signal } = call.context;
  const paths = await namedPaths(call, store, given, flags);
  return await computeClosure(store, paths, { signal, noRecursive: !flags.recursive });
}
