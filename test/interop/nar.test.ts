/** Archives against real Nix, both ways: what one side packs the other restores, byte for byte. */
import assert from 'node:assert/strict';
import { mkdirSync, readFileSync } from 'node:fs';
import { describe } from 'node:test';
import { formatDigest, formatHash, hashBytes } from '../../src/format/hash.ts';
import { contentAddressHasher } from '../../src/format/nar/ca-hash.ts';
import { NarDecoder } from '../../src/format/nar/decoder.ts';
import { NarEncoder } from '../../src/format/nar/encoder.ts';
import { formatListing, ListingBuilder } from '../../src/format/nar/listing.ts';
import { removeTree } from '../../src/system/tree/remove-tree.ts';
import { walkTree } from '../../src/system/tree/walk-tree.ts';
import { TreeWriter } from '../../src/system/tree/write-tree.ts';
import { makeNixHome } from '../support/nix-home.ts';
import { nixVersions, peerTest } from '../support/peers.ts';
import { directory, entry, file, nar, nested, richNar, symlink } from '../vectors/nar/build.ts';
import { hostileNars } from '../vectors/nar/hostile.ts';

function pack(tree: string): Uint8Array {
  const chunks: Uint8Array[] = [];
  const encoder = new NarEncoder((chunk) => chunks.push(chunk.slice()));
  walkTree(tree, encoder);
  encoder.end();
  return new Uint8Array(Buffer.concat(chunks));
}

function unpack(bytes: Uint8Array, target: string): void {
  using writer = new TreeWriter(target);
  const decoder = new NarDecoder(writer);
  decoder.push(bytes);
  decoder.finish();
}

const archives: Readonly<Record<string, Uint8Array>> = {
  'a rich tree': richNar,
  'a deep tree': nar(nested(63, file('deep'))),
  'a large file': nar(directory(entry('large', file('0123456789'.repeat(300_000))))),
  'an executable': nar(file('#!/bin/sh', { executable: true })),
  'a link': nar(symlink('/nix/store')),
  'an empty directory': nar(directory()),
};

describe('NARs and real Nix', () => {
  for (const version of nixVersions) {
    peerTest(
      `Nix ${version} restores what we hold, and we pack it again`,
      { nix: [version] },
      async (nix) => {
        await using home = makeNixHome(nix(version));
        for (const [name, bytes] of Object.entries(archives)) {
          const tree = `${home.path}/restored`;
          await home.runOk('nix-store', ['--restore', tree], { input: bytes });
          assert.deepEqual(pack(tree), bytes, name);
          removeTree(tree);
        }
      },
    );

    peerTest(`Nix ${version} dumps what we unpacked`, { nix: [version] }, async (nix) => {
      await using home = makeNixHome(nix(version));
      for (const [name, bytes] of Object.entries(archives)) {
        const tree = `${home.path}/unpacked`;
        unpack(bytes, tree);
        const { status, stdout, stderr } = await home.runForBytes('nix-store', ['--dump', tree]);
        assert.equal(status, 0, stderr);
        assert.deepEqual(new Uint8Array(stdout), bytes, name);
        removeTree(tree);
      }
    });
  }

  peerTest('Nix 2.34 refuses what we refuse', { nix: ['2.34'] }, async (nix) => {
    await using home = makeNixHome(nix('2.34'));
    for (const { name, bytes } of hostileNars) {
      const tree = `${home.path}/restored`;
      const { status } = await home.run('nix-store', ['--restore', tree], { input: bytes });
      assert.notEqual(status, 0, name);
      removeTree(tree);
    }
  });

  peerTest('a listing is the one that Nix writes', { nix: ['2.34'] }, async (nix) => {
    await using home = makeNixHome(nix('2.34'));
    const bytes = nar(
      directory(
        entry('bin', directory(entry('tool', file('#!tool', { executable: true })))),
        entry('empty', directory()),
        entry('link', symlink('bin/tool')),
        entry('text', file('contents')),
      ),
    );
    mkdirSync(`${home.path}/source`);
    unpack(bytes, `${home.path}/source/tree`);
    const path = await home.runOk('nix-store', ['--add', `${home.path}/source/tree`]);
    const cache = `${home.path}/cache`;
    await home.runOk('nix', ['copy', '--to', `file://${cache}?write-nar-listing=true`, path]);
    const [hashPart] = (path.split('/').at(-1) ?? '').split('-');
    const builder = new ListingBuilder();
    new NarDecoder(builder).push(bytes);
    const written = readFileSync(`${cache}/${hashPart}.ls`, 'utf8');
    assert.equal(formatListing(builder.finish()), written);
  });

  // Nix 2.8 hashes the positions too, 2.34 does not.
  for (const [version, index] of [
    ['2.8', 0],
    ['2.34', 1],
  ] as const) {
    const title = `Nix ${version} gives a path that refers to itself one of our two hashes`;
    peerTest(title, { nix: [version] }, async (nix) => {
      await using home = makeNixHome(nix(version));
      const path = '/nix/store/q790zdjk75hm2cn42nh77pqw4gbv1b88-self';
      const contents = file(`${path}/bin ${path}`);
      const bytes = nar(directory(entry('a', contents), entry('b', symlink(path))));
      await home.runOk('nix-store', ['--load-db']);
      unpack(bytes, home.realPath(path));
      const hash = formatDigest(hashBytes('sha256', bytes), 'base16');
      // Path, hash, size, deriver, number of references, references.
      const input = `${path}\n${hash}\n${bytes.length}\n\n1\n${path}\n`;
      await home.runOk('nix-store', ['--load-db'], { input });
      const output = await home.runOk('nix', ['store', 'make-content-addressed', '--json', path]);
      const made = /-self":\s*"(\/nix\/store\/[^"]*-self)"/.exec(output)?.[1] ?? output;
      const infos = await home.runOk('nix', ['path-info', '--json', made]);
      const ca = /"ca":\s*"fixed:r:([^"]*)"/.exec(infos)?.[1] ?? infos;
      const hashPart = (made.split('/').at(-1) ?? '').slice(0, 32);
      const request = { method: 'nar', algorithm: 'sha256', selfHashPart: hashPart } as const;
      const hasher = contentAddressHasher(request);
      walkTree(home.realPath(made), hasher.visitor);
      const hashes = hasher.finish().map((hash) => formatHash(hash));
      assert.equal(hashes.length, 2);
      assert.equal(hashes[index], ca);
    });
  }
});
