/**
 * A row that is no copy: a command line for each program, run over the store of a set. Where one program can't do it,
 * the other runs alone.
 */
import { mkdirSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { type NixHome, openNixHome } from '../test/support/nix-home.ts';
import { runOk } from '../test/support/run.ts';
import { makeTempDirectory, removeTree } from '../test/support/temp.ts';
import { corpusNix, type CorpusSet, type SetName } from './corpus.ts';
import type { Contender } from './measure.ts';
import type { Bar } from './row.ts';
import { ferryProgram, hasRamFor, toolNames, type ToolName } from './stage.ts';

export interface CommandRow {
  /** For the command line. */
  readonly name: string;
  /** For the table. */
  readonly what: string;
  readonly set: SetName;
  /** Where more rounds would take minutes and tell nothing new. */
  readonly roundsMax?: number;
  readonly bar: Bar;
  /**
   * Program and arguments; undefined where that program isn't to be measured. It runs with `store` of nix.conf set to
   * `source`, in the directory `place.directory`.
   */
  readonly command: (place: CommandPlace, tool: ToolName) => readonly string[] | undefined;
  /** Before each run, not measured: `place.empty()`, say. */
  readonly prepare?: (place: CommandPlace) => Promise<void>;
  /** After each run, not measured: throws where the work wasn't done. */
  readonly check?: (place: CommandPlace, tool: ToolName) => Promise<void>;
}

export interface CommandPlace {
  readonly set: CorpusSet;
  /** The set's store, in memory where there is room for it. */
  readonly source: NixHome;
  /** Another store; nothing is in it at first. */
  readonly destination: NixHome;
  /** For files that commands write, in memory too. */
  readonly directory: string;
  /** The program of that name: real Nix's, or ferry under this name. `ferry` is ferry for either. */
  readonly program: (tool: ToolName, name: string) => string;
  /** Empties the destination. */
  readonly empty: () => void;
}

export interface CommandStage extends AsyncDisposable {
  /** Undefined where the row has no command for that program. */
  contender(tool: ToolName): Contender | undefined;
}

const TIMEOUT_MS = 15 * 60_000;

/** Use as `await using stage = await setCommandStage(row, set)`. */
export async function setCommandStage(row: CommandRow, set: CorpusSet): Promise<CommandStage> {
  await using resources = new AsyncDisposableStack();
  const temp = resources.use(makeTempDirectory({ prefix: 'ferry-bench-', ram: hasRamFor(set) }));
  const source = openNixHome(corpusNix(), temp.join('source'));
  const destination = openNixHome(corpusNix(), temp.join('destination'));
  await runOk('cp', ['--archive', '--', set.root, source.root], { timeoutMs: TIMEOUT_MS });
  const names = temp.join('bin');
  const directory = temp.join('files');
  for (const made of [names, directory]) mkdirSync(made);
  for (const name of ['nix', 'nix-store', 'nix-hash', 'nix-collect-garbage']) {
    symlinkSync(ferryProgram, join(names, name));
  }
  const place: CommandPlace = {
    set,
    source,
    destination,
    directory,
    program(tool, name) {
      if (name === 'ferry') return ferryProgram;
      return tool === 'nix' ? join(corpusNix().binDir, name) : join(names, name);
    },
    empty: () => removeTree(destination.root),
  };
  const contenderOf = (tool: ToolName): Contender | undefined => {
    const [program, ...args] = row.command(place, tool) ?? [];
    if (program === undefined) return undefined;
    return {
      program,
      args,
      env: source.env,
      cwd: directory,
      prepare: async () => row.prepare?.(place),
      check: async () => row.check?.(place, tool),
    };
  };
  const contenders = new Map(toolNames.map((tool) => [tool, contenderOf(tool)]));
  const owned = resources.move();
  return {
    contender: (tool) => contenders.get(tool),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}
