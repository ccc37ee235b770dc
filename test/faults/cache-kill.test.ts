/**
 * kill -9 of a copy to a cache in a directory, after any number of files that it wrote: every narinfo that is there has
 * its NAR and the narinfos of all it refers to, and the same command again finishes.
 */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import { hashBytes } from '../../src/format/hash.ts';
import { parseNarInfo } from '../../src/format/narinfo.ts';
import { defaultStoreDir, hashPartOf } from '../../src/format/store-path.ts';
import { samplePath, toAdd, type Sample } from '../conformance/nars.ts';
import { ferryBin, ferryEnv, runFerryOk } from '../support/ferry-program.ts';
import { openLocalStores } from '../support/local-stores.ts';
import { makeNixHome, type NixHome } from '../support/nix-home.ts';
import { peerTest } from '../support/peers.ts';
import { seedOf } from '../support/seed.ts';

const KILLS = 12;
const PATHS = 120;

/** A chain, each with a leaf of its own, some of them large. */
function manySamples(): Sample[] {
  const samples: Sample[] = [];
  let last: Sample | undefined;
  for (let i = 0; i < PATHS / 2; i++) {
    const leaf = samplePath(`leaf-${i}`, [], `${i} `.repeat(i % 10 === 0 ? 200_000 : 100));
    const references = [leaf, ...(last === undefined ? [] : [last])].map(({ info }) => info.path);
    last = samplePath(`link-${i}`, references);
    samples.push(leaf, last);
  }
  return samples;
}

function names(directory: string): string[] {
  return existsSync(directory) ? readdirSync(directory) : [];
}

function countFiles(directory: string): number {
  return names(directory).length + names(join(directory, 'nar')).length;
}

/** How many paths it has. */
function requireClosed(directory: string): number {
  const narInfos = names(directory).filter((name) => name.endsWith('.narinfo'));
  for (const name of narInfos) {
    const text = readFileSync(join(directory, name), 'utf8');
    const { info, url, fileHash } = parseNarInfo(text, defaultStoreDir);
    const hash = hashBytes('sha256', readFileSync(join(directory, url)));
    assert.deepEqual(hash, fileHash, `the NAR of ${info.path}`);
    for (const path of info.references) statSync(join(directory, `${hashPartOf(path)}.narinfo`));
  }
  return narInfos.length;
}

/** Kills the copy as soon as there are so many files. @returns whether it hadn't ended by then. */
async function killAfter(
  home: NixHome,
  args: string[],
  directory: string,
  files: number,
): Promise<boolean> {
  const child = spawn(ferryBin, args, { env: ferryEnv(home), stdio: 'ignore' });
  const ended = once(child, 'exit');
  while (child.exitCode === null && countFiles(directory) < files) await turn();
  child.kill('SIGKILL');
  const [, signal] = await ended;
  return signal === 'SIGKILL';
}

peerTest(
  `${KILLS} kills of a copy to file:// leave a cache that is closed, and the same command finishes`,
  { nix: ['2.34'] },
  async (nix, context) => {
    const seed = seedOf(context);
    await using home = makeNixHome(nix('2.34'), { ram: true });
    const samples = manySamples();
    {
      await using stores = openLocalStores();
      await using store = await stores.open(home.root);
      await store.addPaths?.(toAdd(...samples));
    }
    const root = `${defaultStoreDir}/${samples.at(-1)?.info.path}`;
    let killed = 0;
    for (let kill = 0; kill < KILLS; kill++) {
      const directory = join(home.path, `cache-${kill}`);
      const uri = `file://${directory}`;
      const args = ['copy', '--to', uri, root];
      // The directories and nix-cache-info are the first; then come NARs and narinfos.
      const files = Math.floor(((kill + ((seed * 7919) % 1000) / 1000) / KILLS) * 2 * PATHS) + 1;
      if (await killAfter(home, args, directory, files)) killed++;
      const before = requireClosed(directory);
      assert.ok(before < PATHS || files > PATHS);
      await runFerryOk(home, args);
      assert.equal(requireClosed(directory), PATHS);
    }
    assert.ok(killed >= KILLS / 2, `${killed} were killed before their end`);
    await using destination = makeNixHome(nix('2.34'), {
      ram: true,
      settings: { 'require-sigs': 'false' },
    });
    const last = join(home.path, `cache-${KILLS - 1}`);
    await destination.runOk('nix', ['copy', '--from', `file://${last}`, root]);
    await destination.verify();
  },
);
