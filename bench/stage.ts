/**
 * Sets the stage for a row: the set's store in memory, an empty destination, and between them, where the row says so,
 * a real sshd with a plain Nix behind it, a cache, and a link that delays. Nix and ferry get the same command line.
 */
import { mkdirSync, statfsSync } from 'node:fs';
import { join } from 'node:path';
import { openNixHome } from '../test/support/nix-home.ts';
import { runOk } from '../test/support/run.ts';
import { makeTempDirectory, ramDirectory, removeTree } from '../test/support/temp.ts';
import { corpusNix, type CorpusSet } from './corpus.ts';
import { checkout } from './directory.ts';
import { ensureCache, openEnd } from './ends.ts';
import type { Contender } from './measure.ts';
import type { Row } from './row.ts';

export const toolNames = ['nix', 'ferry'] as const;
export type ToolName = (typeof toolNames)[number];

export interface Stage extends AsyncDisposable {
  contender(tool: ToolName): Contender;
}

/** Where `bin/ferry` stands once it is built. */
export const ferryProgram: string = join(checkout, 'bin/ferry');

const TIMEOUT_MS = 15 * 60_000;

/** Use as `await using stage = await setStage(row, set)`. */
export async function setStage(row: Row, set: CorpusSet): Promise<Stage> {
  await using resources = new AsyncDisposableStack();
  const temp = resources.use(makeTempDirectory({ prefix: 'ferry-bench-', ram: hasRamFor(set) }));
  const source = openNixHome(corpusNix(), temp.join('source'));
  const destination = openNixHome(corpusNix(), temp.join('destination'));
  await runOk('cp', ['--archive', '--', set.root, source.root], { timeoutMs: TIMEOUT_MS });
  await ensureCache(row, source, set);

  const from = await openEnd(row.from, source, row, resources);
  const to = await openEnd(row.to, destination, row, resources);
  const env = { ...destination.env, ...from.env, ...to.env };
  const args = ['copy', '--no-check-sigs', '--from', from.uri, '--to', to.uri, set.path];
  const nix = corpusNix().program('nix');
  if (row.isFilled === true) await runOk(nix, args, { env, timeoutMs: TIMEOUT_MS });

  const owned = resources.move();
  return {
    contender: (tool) => ({
      program: tool === 'nix' ? nix : ferryProgram,
      args,
      env,
      prepare: async () => {
        if (row.isFilled !== true) to.empty();
        // What either remembers of caches that it read.
        removeTree(join(destination.path, 'home'));
        mkdirSync(join(destination.path, 'home'));
      },
      check: async () => {
        const arrived = await to.count(set);
        if (arrived !== set.pathCount) {
          throw new Error(`${arrived} of ${set.pathCount} paths arrived`);
        }
      },
    }),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

/** Whether memory holds it and so many copies of it, with a quarter to spare. */
export function hasRamFor(set: CorpusSet, copies = 1): boolean {
  const { bavail, bsize } = statfsSync(ramDirectory());
  return bavail * bsize > set.narSizeBytes * (1 + copies) * 1.25;
}
