/** Caches in directories beside real Nix: each reads what the other wrote, by every compression, and writes the same. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { compressions, isWritable } from '../../src/format/compression.ts';
import { parseNarInfo } from '../../src/format/narinfo.ts';
import { defaultStoreDir, hashPartOf, parseStorePath } from '../../src/format/store-path.ts';
import { openCacheStores } from '../support/cache-stores.ts';
import { runFerryOk } from '../support/ferry-program.ts';
import { makeNixHome, type NixHome } from '../support/nix-home.ts';
import { nixVersions, peerTest } from '../support/peers.ts';
import { makeSmallClosure, type SmallClosure } from '../support/small-closure.ts';

/** Names of the files below a directory. */
function filesOf(directory: string): string[] {
  const names = readdirSync(directory, { recursive: true, encoding: 'utf8' });
  return names.filter((name) => statSync(join(directory, name)).isFile()).sort();
}

/** What is left when the narinfos of all paths were found to fit their NARs. */
function requireClosed(directory: string): void {
  for (const name of filesOf(directory)) {
    if (!name.endsWith('.narinfo')) continue;
    const text = readFileSync(join(directory, name), 'utf8');
    const { url, info, fileSize } = parseNarInfo(text, defaultStoreDir);
    assert.equal(statSync(join(directory, url)).size, fileSize);
    for (const path of info.references) statSync(join(directory, `${hashPartOf(path)}.narinfo`));
  }
}

/** A home that takes only what this key has signed, or what is content-addressed. */
function strictHome(home: NixHome, publicKey: string): NixHome & AsyncDisposable {
  return makeNixHome(home.peer, {
    settings: { 'trusted-public-keys': publicKey, 'require-sigs': 'true' },
  });
}

async function makeKey(home: NixHome): Promise<{ secret: string; public: string }> {
  const secret = join(home.path, 'cache.secret');
  const open = join(home.path, 'cache.public');
  await home.runOk('nix-store', ['--generate-binary-cache-key', 'cache-1', secret, open]);
  return { secret, public: readFileSync(open, 'utf8').trim() };
}

/** `nix copy` of all paths: to 2.8 a derivation means what it builds, unless it is told otherwise. */
async function nixCopy(home: NixHome, args: readonly string[], small: SmallClosure): Promise<void> {
  const drvs = small.paths.filter((path) => path.endsWith('.drv'));
  const others = small.paths.filter((path) => !path.endsWith('.drv'));
  await home.runOk('nix', ['copy', ...args, '--derivation', ...drvs]);
  await home.runOk('nix', ['copy', ...args, ...others]);
}

async function narHashes(home: NixHome, small: SmallClosure): Promise<string> {
  return await home.runOk('nix-store', ['--query', '--hash', ...small.paths]);
}

for (const version of nixVersions) {
  peerTest(
    `Nix ${version} takes what ferry wrote, signed by it`,
    { nix: [version] },
    async (nix) => {
      await using home = makeNixHome(nix(version));
      const small = await makeSmallClosure(home);
      const key = await makeKey(home);
      for (const compression of compressions.filter(isWritable)) {
        const directory = join(home.path, `cache-${compression}`);
        const uri = `file://${directory}`;
        const to = `${uri}?compression=${compression}&secret-key=${key.secret}`;
        await runFerryOk(home, ['copy', '--to', to, ...small.paths]);
        requireClosed(directory);
        await using destination = strictHome(home, key.public);
        await nixCopy(destination, ['--from', uri], small);
        await destination.verify();
        assert.equal(await narHashes(destination, small), await narHashes(home, small));
        const outputs = [small.library, small.application, small.link].sort();
        const infos = await destination.runOk('nix', ['path-info', '--store', uri, ...outputs]);
        assert.deepEqual(infos.split('\n').sort(), outputs);
      }
    },
  );

  peerTest(
    `ferry takes what Nix ${version} wrote, signed by it`,
    { nix: [version] },
    async (nix) => {
      await using home = makeNixHome(nix(version));
      const small = await makeSmallClosure(home);
      const key = await makeKey(home);
      for (const compression of compressions) {
        const uri = `file://${join(home.path, `cache-${compression}`)}`;
        const to = `${uri}?compression=${compression}&secret-key=${key.secret}`;
        await nixCopy(home, ['--to', to], small);
        await using destination = strictHome(home, key.public);
        await runFerryOk(destination, ['copy', '--from', uri, ...small.paths]);
        await destination.verify();
        assert.equal(await narHashes(destination, small), await narHashes(home, small));
      }
    },
  );

  peerTest(`ferry and Nix ${version} write the same bytes`, { nix: [version] }, async (nix) => {
    await using home = makeNixHome(nix(version));
    const small = await makeSmallClosure(home);
    const key = await makeKey(home);
    const written = async (
      name: string,
      copy: (uri: string) => Promise<unknown>,
    ): Promise<Map<string, string>> => {
      const directory = join(home.path, name);
      const parameters = `compression=none&secret-key=${key.secret}&write-nar-listing=true`;
      await copy(`file://${directory}?${parameters}`);
      const files = filesOf(directory).map((file): [string, string] => [
        file,
        readFileSync(join(directory, file), 'latin1'),
      ]);
      return new Map(files);
    };
    const theirs = await written('theirs', (uri) => nixCopy(home, ['--to', uri], small));
    const ours = await written('ours', (uri) =>
      runFerryOk(home, ['copy', '--to', uri, ...small.paths]),
    );
    assert.deepEqual([...ours.keys()], [...theirs.keys()]);
    for (const [file, bytes] of theirs) {
      const isReordered = version === '2.8' && file.endsWith('.ls');
      if (isReordered) assert.deepEqual(JSON.parse(ours.get(file) ?? ''), JSON.parse(bytes), file);
      else assert.equal(ours.get(file), bytes, file);
    }
  });

  peerTest(
    `one cache is written by ferry and Nix ${version} in turn`,
    { nix: [version] },
    async (nix) => {
      await using home = makeNixHome(nix(version));
      const small = await makeSmallClosure(home);
      const directory = join(home.path, 'cache');
      const uri = `file://${directory}`;
      await home.runOk('nix', ['copy', '--to', uri, small.library]);
      await runFerryOk(home, ['copy', '--to', uri, small.application]);
      requireClosed(directory);
      await nixCopy(home, ['--to', `${uri}?compression=zstd`], small);
      requireClosed(directory);
      await using destination = makeNixHome(home.peer, { settings: { 'require-sigs': 'false' } });
      await runFerryOk(destination, ['copy', '--from', uri, ...small.paths]);
      await destination.verify();
    },
  );

  peerTest(`Nix ${version} shows the logs that ferry keeps`, { nix: [version] }, async (nix) => {
    await using home = makeNixHome(nix(version));
    const small = await makeSmallClosure(home);
    const directory = join(home.path, 'cache');
    const uri = `file://${directory}`;
    await runFerryOk(home, ['copy', '--to', uri, ...small.paths]);
    await using caches = openCacheStores();
    await using cache = await caches.open(directory);
    const log = async function* (): AsyncGenerator<Uint8Array> {
      yield new Uint8Array(Buffer.from('built it\n'));
    };
    await cache.addBuildLog(parseStorePath(defaultStoreDir, small.libraryDrv), log());
    const args = ['log', '--store', uri, small.libraryDrv];
    assert.equal(await home.runOk('nix', args), 'built it');
  });
}
