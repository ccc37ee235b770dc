/**
 * Sets the stage for a row: the set's store in memory, an empty destination, and between them, where the row says so,
 * a real sshd, a plain Nix behind it and a link that delays. Nix and ferry get the same command line.
 */
import { mkdirSync, statfsSync } from 'node:fs';
import { join } from 'node:path';
import { remoteProgram } from '../test/support/far-program.ts';
import { type NixHome, openNixHome } from '../test/support/nix-home.ts';
import { startRelay } from '../test/support/relay.ts';
import { runOk } from '../test/support/run.ts';
import { startSshd } from '../test/support/sshd.ts';
import { makeTempDirectory, ramDirectory, removeTree } from '../test/support/temp.ts';
import { corpusNix, type CorpusSet } from './corpus.ts';
import { benchDirectory, checkout } from './directory.ts';
import type { Contender } from './measure.ts';
import type { Row } from './row.ts';

export const toolNames = ['nix', 'ferry'] as const;
export type ToolName = (typeof toolNames)[number];

export interface Stage extends AsyncDisposable {
  contender(tool: ToolName): Contender;
}

/** Where `bin/ferry` stands once it is built. */
export const ferryProgram: string = join(checkout, 'bin/ferry');

/** Use as `await using stage = await setStage(row, set)`. */
export async function setStage(row: Row, set: CorpusSet): Promise<Stage> {
  await using resources = new AsyncDisposableStack();
  const ram = hasRamFor(set);
  if (!ram) mkdirSync(benchDirectory(), { recursive: true });
  const temp = resources.use(makeTempDirectory({ prefix: 'ferry-bench-', ram }));
  const source = openNixHome(corpusNix(), temp.join('source'));
  const destination = openNixHome(corpusNix(), temp.join('destination'));
  await runOk('cp', ['--archive', '--', set.root, source.root], { timeoutMs: 15 * 60_000 });

  const uris = new Map([source, destination].map((home) => [home, home.storeUri]));
  const env = { ...destination.env };
  const far = row.from === 'ssh' ? source : row.to === 'ssh' ? destination : undefined;
  if (far !== undefined) {
    const dir = temp.join('sshd');
    mkdirSync(dir);
    const sshd = resources.use(await startSshd({ dir }));
    const link = { delayMs: row.delayMs ?? 0 };
    const isDelayed = row.delayMs !== undefined;
    const relay = isDelayed
      ? resources.use(await startRelay({ port: sshd.port, up: link, down: link }))
      : undefined;
    env['NIX_SSHOPTS'] = relay ? sshd.sshOptionsVia(relay.port) : sshd.sshOptions;
    const program = far.peer.program('nix-store');
    const script = remoteProgram(dir, { program, env: far.env });
    uris.set(far, `ssh://${sshd.host}?remote-program=${script}`);
  }
  const args = copyArguments(uris.get(source) ?? '', uris.get(destination) ?? '', set.path);
  const nix = corpusNix().program('nix');
  if (row.isFilled === true) await runOk(nix, args, { env, timeoutMs: 15 * 60_000 });

  const owned = resources.move();
  return {
    contender: (tool) => ({
      program: tool === 'nix' ? nix : ferryProgram,
      args,
      env,
      prepare: async () => {
        if (row.isFilled !== true) removeTree(destination.root);
      },
      check: () => checkArrived(destination, set),
    }),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

function copyArguments(from: string, to: string, path: string): string[] {
  return ['copy', '--no-check-sigs', '--from', from, '--to', to, path];
}

async function checkArrived(destination: NixHome, set: CorpusSet): Promise<void> {
  const query = ['--query', '--requisites', set.path];
  const arrived = (await destination.runOk('nix-store', query)).split('\n').length;
  if (arrived !== set.pathCount) {
    throw new Error(`${arrived} of ${set.pathCount} paths arrived`);
  }
}

/** Whether memory holds it twice, with a quarter to spare. */
function hasRamFor(set: CorpusSet): boolean {
  const { bavail, bsize } = statfsSync(ramDirectory());
  return bavail * bsize > set.narSizeBytes * 2.5;
}
