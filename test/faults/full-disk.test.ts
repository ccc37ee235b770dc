/** Disks that are too small: refused before anything moves where that can be known, else an error and a whole store. */
import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { hashBytes } from '../../src/format/hash.ts';
import { defaultStoreDir } from '../../src/format/store-path.ts';
import { samplePath, toAdd, type Sample } from '../conformance/nars.ts';
import { farFerry, farNix, runFerry } from '../support/ferry-program.ts';
import { openLocalStores } from '../support/local-stores.ts';
import { makeNixHome, openNixHome, type NixHome } from '../support/nix-home.ts';
import { peerTest, type FoundNix } from '../support/peers.ts';
import { startSshd, type Sshd } from '../support/sshd.ts';
import { waitUntil } from '../support/processes.ts';
import { makeTempDirectory } from '../support/temp.ts';
import { mountTmpfs, type Tmpfs } from '../support/tmpfs.ts';
import { entriesOf, validPaths } from '../support/store-contents.ts';

const needs = { nix: ['2.34'], programs: ['ssh', 'sshd'] } as const;
/** The exit status, as docs/exit-status.md has it. */
const NO_SPACE = 5;
/** 8 of them go to the space that Nix and ferry reserve for the garbage collector. */
const SMALL_MB = 24;
const AMPLE_MB = 80;

/** 32 MB in 16 paths, in a chain. */
const samples: readonly Sample[] = makeSamples();
const wanted = samples.map(({ info }) => `${defaultStoreDir}/${info.path}`);
const root = wanted.at(-1) ?? '';

for (const direction of ['here', 'from ferry', 'from Nix'] as const) {
  const name = direction === 'here' ? 'from another directory' : `${direction} over ssh`;
  diskTest(`no room here, ${name}: said before anything moves`, async (world) => {
    const { source, destination, sshd } = world;
    sshd.provide('nix-store', direction === 'from ferry' ? farFerry(source) : farNix(source));
    const from = direction === 'here' ? source.root : 'ssh://far';
    const args = ['copy', '--from', from, '--no-check-sigs', root];
    const env = { NIX_SSHOPTS: sshd.sshOptions };
    const { status, stdout, stderr } = await runFerry(destination, args, { env });
    assert.equal(status, NO_SPACE, stderr);
    assert.equal(stdout, '');
    assert.match(
      stderr,
      /^error: cannot copy [\d.]+ MiB to ".*": [\d.]+ \w+ are free there, [\d.]+ \w+ too few\nhint: .*space/,
    );
    assert.deepEqual(entriesOf(destination), [], 'nothing was sent');

    world.disk.resize(AMPLE_MB);
    const again = await runFerry(destination, args, { env });
    assert.equal(again.status, 0, again.stderr);
    await requireAll(destination);
  });
}

for (const answering of ['ferry', 'Nix'] as const) {
  diskTest(
    `${answering} at the far end has no room: an error, and a whole store`,
    async (world) => {
      const { source, destination, sshd, disk } = world;
      sshd.provide(
        'nix-store',
        answering === 'ferry' ? farFerry(destination) : farNix(destination),
      );
      const args = ['copy', '--to', 'ssh://far', '--no-check-sigs', root];
      const env = { NIX_SSHOPTS: sshd.sshOptions };
      const { status, stderr } = await runFerry(source, args, { env });
      assert.equal(status, NO_SPACE, stderr);
      assert.match(stderr, /^error: cannot add "\/nix\/store\/.*-full-\d+"/m);
      assert.match(stderr, /[Nn]o space left on device|disk is full/);
      assert.doesNotMatch(stderr, /mistake|^ +at /m);
      await waitUntil('the end of all that took part', () => sshd.isIdle());
      // Nix leaves the path that it was at; it isn't valid, and the next one to add it removes it.
      if (answering === 'Nix') disk.resize(AMPLE_MB);
      const valid = await validPaths(destination);
      assert.ok(valid.length < samples.length);
      if (answering === 'ferry') assert.deepEqual(entriesOf(destination), valid);
      for (const name of entriesOf(destination)) {
        assert.ok(
          samples.some(({ info }) => name.startsWith(info.path.slice(0, 32))),
          name,
        );
      }
      disk.resize(AMPLE_MB);
      await verify(destination);

      const again = await runFerry(source, args, { env });
      assert.equal(again.status, 0, again.stderr);
      await requireAll(destination);
    },
  );
}

interface World {
  /** Has all the samples. */
  readonly source: NixHome;
  /** Is on the small disk, and empty. */
  readonly destination: NixHome;
  readonly disk: Tmpfs;
  readonly sshd: Sshd;
}

function diskTest(name: string, body: (world: World) => Promise<void>): void {
  peerTest(name, needs, async (nix, context) => {
    using disk = mountTmpfs(SMALL_MB);
    if (disk === undefined) {
      const mayNot = process.getuid?.() === 0 && process.env['FERRY_REQUIRE_PEERS'] === '1';
      assert.ok(!mayNot, 'root can mount a file system');
      context.skip('a file system can be mounted by root only');
      return;
    }
    await withDisk(nix, disk, body);
  });
}

async function withDisk(
  nix: FoundNix,
  disk: Tmpfs,
  body: (world: World) => Promise<void>,
): Promise<void> {
  await using source = makeNixHome(nix('2.34'), { ram: true });
  await using stores = openLocalStores();
  {
    await using store = await stores.open(source.root);
    await store.addPaths?.(toAdd(...samples));
  }
  await using temp = makeTempDirectory({ ram: true });
  await using sshd = await startSshd({ dir: temp.path });
  const destination = openNixHome(nix('2.34'), join(disk.path, 'home'));
  mkdirSync(join(disk.path, 'home'), { recursive: true });
  await body({ source, destination, disk, sshd });
}

function makeSamples(): Sample[] {
  const made: Sample[] = [];
  for (let i = 0; i < 16; i++) {
    const seed = Buffer.from(hashBytes('sha512', `${i}`).digest).toString('hex');
    const references = made.slice(-1).map(({ info }) => info.path);
    made.push(samplePath(`full-${i}`, references, seed.repeat((2 << 20) / seed.length)));
  }
  return made;
}

async function requireAll(home: NixHome): Promise<void> {
  await verify(home);
  const valid = await validPaths(home);
  assert.deepEqual(valid, samples.map(({ info }) => info.path).sort());
  assert.deepEqual(entriesOf(home), valid);
}

async function verify(home: NixHome): Promise<void> {
  const { status, stderr } = await home.run('nix-store', ['--verify', '--check-contents']);
  assert.equal(status, 0, stderr);
  assert.doesNotMatch(stderr, /disappeared|modified/);
}
