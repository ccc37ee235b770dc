/**
 * What the benchmark copies, built once from Debian packages and by real Nix 2.34, each set in a store of its own:
 *
 *     node bench/corpus.ts [SET…]
 */
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { makeDerivationCorpus } from '../test/support/derivation-corpus.ts';
import { type NixHome, openNixHome } from '../test/support/nix-home.ts';
import { findNix, type NixPeer } from '../test/support/peers.ts';
import { removeTree } from '../test/support/temp.ts';
import { buildDatabase } from './database-set.ts';
import { buildDebianClosure } from './debian-closure.ts';
import { benchDirectory } from './directory.ts';
import { buildBigFile, buildChain, buildTinyPaths } from './made-sets.ts';

const setNames = [
  'debian',
  'tiny-1000',
  'tiny-10000',
  'chain-300',
  'big-file',
  'hundred-thousand',
  'derivations',
] as const;
export type SetName = (typeof setNames)[number];

export interface CorpusSet {
  /** The root of its store on disk. */
  readonly root: string;
  /** The store path whose closure is the set. */
  readonly path: string;
  readonly pathCount: number;
  readonly narSizeBytes: number;
}

type Recorded = Omit<CorpusSet, 'root'>;

/** Of store paths on one command line: Linux takes two megabytes. */
const ARGUMENTS_MAX = 10_000;

const BIG_FILE_BYTES = 4 * 1024 ** 3;

const builders: Readonly<Record<SetName, (home: NixHome) => Promise<string>>> = {
  debian: (home) => buildDebianClosure(home, join(benchDirectory(), 'packages')),
  'tiny-1000': (home) => buildTinyPaths(home, 1000),
  'tiny-10000': (home) => buildTinyPaths(home, 10_000),
  'chain-300': (home) => buildChain(home, 300),
  'big-file': (home) => buildBigFile(home, BIG_FILE_BYTES),
  'hundred-thousand': (home) => buildDatabase(home, 100_000),
  derivations: async (home) => (await makeDerivationCorpus(home)).shown,
};

/** Builds the set where it isn't there yet; `say` hears of that. */
export async function ensureSet(name: SetName, say: (line: string) => void): Promise<CorpusSet> {
  const home = openNixHome(corpusNix(), join(benchDirectory(), 'corpus', name), {
    // Losing power costs a rebuild, no more.
    settings: { 'fsync-metadata': 'false' },
  });
  const found = readRecord()[name];
  if (found !== undefined && existsSync(home.realPath(found.path))) {
    return { ...found, root: home.root };
  }
  say(`corpus: building ${name}`);
  const start = performance.now();
  // Half a database knows of no more than half the paths; the paths themselves are worth keeping.
  removeTree(join(home.root, 'nix/var'));
  const path = await builders[name](home);
  const recorded: Recorded = { path, ...(await weigh(home, path)) };
  writeRecord({ ...readRecord(), [name]: recorded });
  const seconds = ((performance.now() - start) / 1000).toFixed(0);
  const megabytes = (recorded.narSizeBytes / 1e6).toFixed(1);
  say(`corpus: ${name} has ${recorded.pathCount} paths, ${megabytes} MB, made in ${seconds} s`);
  return { ...recorded, root: home.root };
}

/** The Nix that builds the corpus and stands on the far end of every row. */
export function corpusNix(): NixPeer {
  const peer = findNix('2.34');
  if (peer === undefined) throw new Error('no Nix 2.34 here; "npm run peers" makes it');
  return peer;
}

async function weigh(home: NixHome, path: string): Promise<Omit<Recorded, 'path'>> {
  const requisites = (await home.runOk('nix-store', ['--query', '--requisites', path])).split('\n');
  let narSizeBytes = 0;
  for (let at = 0; at < requisites.length; at += ARGUMENTS_MAX) {
    const some = requisites.slice(at, at + ARGUMENTS_MAX);
    const sizes = await home.runOk('nix-store', ['--query', '--size', ...some]);
    narSizeBytes += sizes.split('\n').reduce((sum, size) => sum + Number(size), 0);
  }
  return { pathCount: requisites.length, narSizeBytes };
}

function recordFile(): string {
  return join(benchDirectory(), 'corpus.json');
}

function readRecord(): Partial<Record<SetName, Recorded>> {
  return existsSync(recordFile()) ? JSON.parse(readFileSync(recordFile(), 'utf8')) : {};
}

function writeRecord(record: Partial<Record<SetName, Recorded>>): void {
  mkdirSync(benchDirectory(), { recursive: true });
  writeFileSync(`${recordFile()}.new`, `${JSON.stringify(record, undefined, 2)}\n`);
  renameSync(`${recordFile()}.new`, recordFile());
}

if (import.meta.main) {
  const asked = process.argv.slice(2);
  const wanted = asked.length === 0 ? setNames : setNames.filter((name) => asked.includes(name));
  for (const name of wanted) {
    await ensureSet(name, (line) => console.error(line));
  }
}
