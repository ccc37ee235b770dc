/** `nix-store --verify-path`: whether paths have the contents that they had, in any store. */
import { hashContents } from '../../../copy/hash-contents.ts';
import { FerryError, messageOf } from '../../../error.ts';
import { formatHash } from '../../../format/hash.ts';
import type { PathInfo } from '../../../format/path-info.ts';
import { printStorePath, type StorePath } from '../../../format/store-path.ts';
import type { ContentsResult, Store } from '../../../store/store.ts';
import { printable } from '../../errors.ts';
import { openSession } from '../../session.ts';
import { nixUsage } from '../nix-words.ts';
import { PROGRAM, type NixStoreOperation } from './operation.ts';
import { followWords } from './store-path-words.ts';

export const verifyPath: NixStoreOperation = {
  async run({ context, store: uri }, words, flags) {
    if (flags.length > 0) throw nixUsage(PROGRAM, 'no flags expected');
    const { stderr, signal, verbosity } = context;
    await using session = openSession(context);
    const store = await session.open(uri);
    const { paths, failure } = followWords(context, store, words);
    const infos = await store.queryPathInfos(paths, { signal });
    const end = paths.findIndex((path) => !infos.has(path));
    const checked = end < 0 ? paths : paths.slice(0, end);
    const results = await resultsOf(store, new Set(checked), infos, signal);
    let status = 0;
    for (const path of checked) {
      const printed = printStorePath(store.storeDir, path);
      if (verbosity > 0) await stderr.write(`checking path '${printed}'...\n`);
      const problem = problemOf(results.get(path), printed);
      if (problem === undefined) continue;
      status = 1;
      await stderr.write(`${printable(problem)}\n`);
    }
    const invalid = paths[checked.length];
    if (invalid !== undefined) {
      const printed = printStorePath(store.storeDir, invalid);
      throw new FerryError('not-found', `path '${printed}' is not valid`, { path: printed });
    }
    if (failure !== undefined) throw failure.error;
    return status;
  },
};

async function resultsOf(
  store: Store,
  paths: ReadonlySet<StorePath>,
  infos: ReadonlyMap<StorePath, PathInfo>,
  signal: AbortSignal,
): Promise<Map<StorePath, ContentsResult>> {
  const results = new Map<StorePath, ContentsResult>();
  const onResult = (result: ContentsResult): void => void results.set(result.path, result);
  if (store.verifyPaths !== undefined) {
    await store.verifyPaths(paths, { checkContents: true, signal, onResult });
  } else {
    const known = [...paths].flatMap((path) => infos.get(path) ?? []);
    await hashContents(store, known, { signal, onResult });
  }
  return results;
}

function problemOf(result: ContentsResult | undefined, path: string): string | undefined {
  switch (result?.state) {
    case 'whole':
      return undefined;
    case 'modified': {
      const { expected, got, error } = result;
      if (got === undefined) return `error: ${messageOf(error)}`;
      return `path '${path}' was modified! expected hash '${formatHash(expected)}', got '${formatHash(got)}'`;
    }
    case 'disappeared':
      return `error: the files of path '${path}' are gone`;
    case 'failed':
      return `error: ${messageOf(result.error)}`;
    case 'not-valid':
    case undefined:
      return `error: path '${path}' is not valid`;
  }
}
