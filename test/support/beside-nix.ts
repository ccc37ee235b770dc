/**
 * The same words for real Nix and for ferry under the same name, each on a store of its own that is alike: what they
 * print, how they end and what they leave must be equal.
 */
import assert from 'node:assert/strict';
import { cpSync, existsSync, mkdirSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { ferryBin, ferryEnv } from './ferry-program.ts';
import { makeNixHome, openNixHome, type NixHome, type NixHomeOptions } from './nix-home.ts';
import type { NixPeer, NixProgram } from './peers.ts';
import { run, type Finished } from './run.ts';
import { makeSmallClosure, type SmallClosure } from './small-closure.ts';
import { makeTempDirectory, type TempOptions } from './temp.ts';

export interface CompareOptions {
  readonly input?: string | Uint8Array;
  /** Variables for both. */
  readonly env?: Readonly<Record<string, string>>;
  /** Whether stderr must be equal too. Errors are worded differently as a rule. */
  readonly stderr?: boolean;
  /** What of an output counts: the order of its lines doesn't, say. */
  readonly by?: (text: string) => string;
}

export interface Compared {
  readonly theirs: Finished;
  readonly ours: Finished;
}

export interface BesideNix extends AsyncDisposable {
  readonly closure: SmallClosure;
  readonly theirs: NixHome;
  readonly ours: NixHome;
  /**
   * Runs both with their own home as the working directory. Where a word has `HOME` in it, that is the home's
   * directory, and so the other way round in what they print.
   */
  compare(
    program: NixProgram,
    words: string | readonly string[],
    options?: CompareOptions,
  ): Promise<Compared>;
  /** What both print for this is equal too: asked of real Nix alone, on each store. */
  compareStores(program: NixProgram, words: string | readonly string[]): Promise<void>;
}

export interface BesideNixOptions extends NixHomeOptions, TempOptions {
  /** Fills the store, once: it is copied then. Beside the small closure. */
  readonly prepare?: (home: NixHome, closure: SmallClosure) => Promise<void>;
  /** Done in each home: what has its directory in it, such as roots. */
  readonly prepareEach?: (home: NixHome, closure: SmallClosure) => Promise<void>;
}

const COLOURS = new RegExp(`${String.fromCharCode(27)}\\[[0-9;]*m`, 'g');

export async function openBesideNix(
  peer: NixPeer,
  options: BesideNixOptions = {},
): Promise<BesideNix> {
  const resources = new AsyncDisposableStack();
  const theirs = resources.use(makeNixHome(peer, options));
  const closure = await makeSmallClosure(theirs);
  await options.prepare?.(theirs, closure);
  const { path } = resources.use(makeTempDirectory({ prefix: 'ferry-beside-' }));
  cpSync(theirs.path, path, { recursive: true, preserveTimestamps: true, verbatimSymlinks: true });
  // Its configuration names its own store.
  const ours = openNixHome(peer, path, options);
  for (const home of [theirs, ours]) await options.prepareEach?.(home, closure);

  const wordsFor = (home: NixHome, words: string | readonly string[]): string[] =>
    (typeof words === 'string' ? words.split(' ') : words).map((word) =>
      word.replaceAll('HOME', home.path),
    );
  const printed = (home: NixHome, text: string, by: (text: string) => string = String): string =>
    by(text.replaceAll(COLOURS, '').replaceAll(home.path, 'HOME'));

  return {
    closure,
    theirs,
    ours,
    async compare(program, words, { input, env, stderr = false, by } = {}) {
      const link = join(ours.path, 'bin', program);
      mkdirSync(join(ours.path, 'bin'), { recursive: true });
      if (!existsSync(link)) symlinkSync(ferryBin, link);
      const told = (home: NixHome, finished: Finished): object => ({
        status: finished.status,
        stdout: printed(home, finished.stdout, by),
        ...(stderr ? { stderr: printed(home, finished.stderr, by) } : {}),
      });
      const extra = { ...(input === undefined ? {} : { input }), ...(env && { env }) };
      const nix = await theirs.run(program, wordsFor(theirs, words), extra);
      const ferry = await run(link, wordsFor(ours, words), {
        ...extra,
        cwd: ours.path,
        env: { ...ferryEnv(ours), ...env },
      });
      const call = `${program} ${wordsFor(ours, words).join(' ')}\n${ferry.stderr}`;
      assert.deepEqual(told(ours, ferry), told(theirs, nix), call);
      return { theirs: nix, ours: ferry };
    },
    async compareStores(program, words) {
      const [a, b] = [theirs, ours].map(async (home) => {
        const { status, stdout } = await home.run(program, wordsFor(home, words));
        return { status, stdout: printed(home, stdout) };
      });
      assert.deepEqual(await b, await a);
    },
    [Symbol.asyncDispose]: () => resources.disposeAsync(),
  };
}
