/**
 * `nix-store --restore`: unpacks a NAR from stdin. No store is asked, and files are ordinary ones: they may be written
 * to. Unlike Nix, we leave nothing behind where it fails.
 */
import { lstatSync } from 'node:fs';
import { resolve } from 'node:path';
import { FerryError } from '../../../error.ts';
import { openTreeWorkers } from '../../../system/threads/tree-workers.ts';
import { translateOsError } from '../../../system/os-error.ts';
import { untilNarEnds } from '../../until-nar-ends.ts';
import { nixUsage } from '../nix-words.ts';
import { PROGRAM, requireKnownFlags, type NixStoreOperation } from './operation.ts';

export const restore: NixStoreOperation = {
  async run({ context }, words, flags) {
    requireKnownFlags(flags);
    const { stdin, signal, cwd } = context;
    const [word = ''] = words;
    if (words.length !== 1) throw nixUsage(PROGRAM, 'only one argument allowed');
    const target = resolve(cwd, word);
    refuseExisting(target, word);
    await using workers = openTreeWorkers({ width: 1 });
    await workers.unpack({ source: untilNarEnds(stdin), target, canonical: false, signal });
    return 0;
  },
};

function refuseExisting(target: string, word: string): void {
  let isThere: boolean;
  try {
    isThere = lstatSync(target, { throwIfNoEntry: false }) !== undefined;
  } catch (error) {
    throw translateOsError(error, 'restore to', word);
  }
  if (isThere) throw new FerryError('conflict', `path "${word}" already exists`, { path: word });
}
