/**
 * A row that copies one closure to several far ends over loopback SSH: Nix with a process for each, ferry with one for
 * all where they are copied to at once.
 */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { remoteProgram } from '../test/support/far-program.ts';
import { type NixHome, openNixHome } from '../test/support/nix-home.ts';
import { runOk } from '../test/support/run.ts';
import { startSshd } from '../test/support/sshd.ts';
import { makeTempDirectory, removeTree } from '../test/support/temp.ts';
import { corpusNix, type CorpusSet, type SetName } from './corpus.ts';
import type { Contender } from './measure.ts';
import type { Bar } from './row.ts';
import { ferryProgram, hasRamFor, type ToolName } from './stage.ts';

export interface ManyRow {
  /** For the command line. */
  readonly name: string;
  /** For the table. */
  readonly what: string;
  readonly set: SetName;
  readonly farEnds: number;
  /** All at the same time, or one after the other. */
  readonly isAtOnce: boolean;
  /** Where more rounds would take minutes and tell nothing new. */
  readonly roundsMax?: number;
  readonly bar: Bar;
  /** Another row, and how much longer than that one this may take by the same program. */
  readonly beside?: { readonly row: string; readonly ratioMax: number };
}

export interface ManyStage extends AsyncDisposable {
  contender(tool: ToolName): Contender;
}

const TIMEOUT_MS = 15 * 60_000;

/** Use as `await using stage = await setManyStage(row, set)`. */
export async function setManyStage(row: ManyRow, set: CorpusSet): Promise<ManyStage> {
  await using resources = new AsyncDisposableStack();
  const ram = hasRamFor(set, row.farEnds);
  const temp = resources.use(makeTempDirectory({ prefix: 'ferry-bench-', ram }));
  const source = openNixHome(corpusNix(), temp.join('source'));
  await runOk('cp', ['--archive', '--', set.root, source.root], { timeoutMs: TIMEOUT_MS });
  const dir = temp.join('sshd');
  mkdirSync(dir);
  const sshd = resources.use(await startSshd({ dir }));
  const homes = Array.from({ length: row.farEnds }, (_, index) =>
    openNixHome(corpusNix(), temp.join(`destination-${index}`)),
  );
  const uris = homes.map((home) => {
    const program = home.peer.program('nix-store');
    return `ssh://${sshd.host}?remote-program=${remoteProgram(dir, { program, env: home.env })}`;
  });
  const env = { ...source.env, NIX_SSHOPTS: sshd.sshOptions };
  const owned = resources.move();
  return {
    contender: (tool) => ({
      program: '/bin/sh',
      args: ['-c', scriptOf(row, tool, source, uris, set)],
      env,
      prepare: async () => {
        for (const home of homes) removeTree(home.root);
        removeTree(join(source.path, 'home'));
        mkdirSync(join(source.path, 'home'));
      },
      check: async () => {
        for (const home of homes) await requireAll(home, set);
      },
    }),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

function scriptOf(
  { isAtOnce }: ManyRow,
  tool: ToolName,
  source: NixHome,
  uris: readonly string[],
  set: CorpusSet,
): string {
  const program = tool === 'nix' ? corpusNix().program('nix') : ferryProgram;
  const copyTo = (some: readonly string[]): string => {
    const to = some.map((uri) => `--to '${uri}'`).join(' ');
    return `'${program}' copy --no-check-sigs --from '${source.storeUri}' ${to} ${set.path}`;
  };
  if (!isAtOnce) return uris.map((uri) => copyTo([uri])).join(' && ');
  if (tool === 'ferry') return copyTo(uris);
  const started = uris.map((uri) => `${copyTo([uri])} & p="$p $!"`).join('\n');
  return `${started}\nfor each in $p; do wait $each || exit 1; done`;
}

async function requireAll(home: NixHome, set: CorpusSet): Promise<void> {
  const query = ['--query', '--requisites', set.path];
  const found = (await home.runOk('nix-store', query)).split('\n').length;
  if (found !== set.pathCount) throw new Error(`${found} of ${set.pathCount} paths arrived`);
}
