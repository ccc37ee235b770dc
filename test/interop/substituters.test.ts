/** Substituters beside real Nix: it fills the cache that ferry fetches from, and fetches from the one that ferry fills. */
import assert from 'node:assert/strict';
import { existsSync, readFileSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import { farFerry, runFerry, runFerryOk } from '../support/ferry-program.ts';
import { makeNixHome, type NixHome } from '../support/nix-home.ts';
import { nixVersions, peerTest } from '../support/peers.ts';
import { makeSmallClosure } from '../support/small-closure.ts';
import { startSshd } from '../support/sshd.ts';
import { makeTempDirectory } from '../support/temp.ts';

interface Keys {
  readonly secret: string;
  readonly public: string;
}

async function makeKeys(home: NixHome): Promise<Keys> {
  const secret = join(home.path, 'cache.secret');
  const publicFile = join(home.path, 'cache.public');
  await home.runOk('nix-store', ['--generate-binary-cache-key', 'cache-1', secret, publicFile]);
  return { secret, public: readFileSync(publicFile, 'utf8').trim() };
}

const cacheOptions = (cache: string, key: string): string[] => [
  '--option',
  'substituters',
  cache,
  '--option',
  'trusted-public-keys',
  key,
];

for (const version of nixVersions) {
  peerTest(
    `a signed cache by Nix ${version}: ferry realises from it, and Nix finds the store whole`,
    { nix: [version] },
    async (nix) => {
      await using home = makeNixHome(nix(version));
      await using destination = makeNixHome(nix(version));
      await using temp = makeTempDirectory();
      const made = await makeSmallClosure(home);
      const keys = await makeKeys(home);
      const cache = `file://${temp.path}`;
      await home.runOk('nix', [
        'copy',
        '--to',
        `${cache}?compression=zstd&secret-key=${keys.secret}`,
        made.link,
      ]);

      const args = ['realise', ...cacheOptions(cache, keys.public), made.link];
      assert.equal(await runFerryOk(destination, args), `${made.link}\n`);
      await destination.verify();
      const wanted = await home.runOk('nix-store', ['-qR', made.link]);
      assert.equal(await destination.runOk('nix-store', ['-qR', made.link]), wanted);
      assert.equal(
        await destination.runOk('nix-store', ['-q', '--hash', made.application]),
        await home.runOk('nix-store', ['-q', '--hash', made.application]),
      );

      const again = await runFerry(destination, [...args, '--substituters', 'file:///no/such']);
      assert.equal(again.status, 0, 'what is valid costs nothing');
      assert.match(again.stderr, /nothing to copy/);
    },
  );
}

peerTest(
  'a cache by Nix that nobody signed: refused as Nix refuses it',
  { nix: ['2.34'] },
  async (nix) => {
    await using home = makeNixHome(nix('2.34'));
    await using destination = makeNixHome(nix('2.34'));
    await using temp = makeTempDirectory();
    const made = await makeSmallClosure(home);
    const cache = `file://${temp.path}`;
    await home.runOk('nix', ['copy', '--to', `${cache}?compression=zstd`, made.library]);
    const options = cacheOptions(cache, 'other-1:6NCHdD59X431o0gWypbMrAURkbJ16ZPMQFGspcDShjY=');

    const ours = await runFerry(destination, ['realise', ...options, made.library]);
    assert.equal(ours.status, 3);
    assert.match(ours.stderr, /warning: ignoring substitute for ".*small-library" from "file:/);
    const theirs = await destination.run('nix-store', ['-r', ...options, made.library]);
    assert.notEqual(theirs.status, 0);
    assert.match(theirs.stderr, /ignoring substitute for '.*small-library' from 'file:/);
    assert.equal(
      await runFerryOk(destination, ['realise', '--no-check-sigs', ...options, made.library]),
      `${made.library}\n`,
    );
    await destination.verify();
  },
);

for (const version of nixVersions) {
  peerTest(
    `a cache by ferry: nix-store -r of ${version} fetches from it`,
    { nix: [version] },
    async (nix) => {
      await using home = makeNixHome(nix(version));
      await using destination = makeNixHome(nix(version));
      await using temp = makeTempDirectory();
      const made = await makeSmallClosure(home);
      const keys = await makeKeys(home);
      const cache = `file://${temp.path}`;
      await runFerryOk(home, [
        'copy',
        '--to',
        `${cache}?compression=zstd&secret-key=${keys.secret}`,
        made.link,
      ]);
      const args = ['-r', ...cacheOptions(cache, keys.public), made.link];
      assert.equal(await destination.runOk('nix-store', args), made.link);
      await destination.verify();
    },
  );
}

peerTest(
  'outputs of a derivation, roots, and what Nix would call them',
  { nix: ['2.34'] },
  async (nix) => {
    await using home = makeNixHome(nix('2.34'));
    await using destination = makeNixHome(nix('2.34'));
    await using temp = makeTempDirectory();
    const made = await makeSmallClosure(home);
    const keys = await makeKeys(home);
    const cache = `file://${temp.path}`;
    const outputs = [made.application, made.development, made.applicationDrv];
    await home.runOk('nix', [
      'copy',
      '--derivation',
      '--to',
      `${cache}?compression=zstd&secret-key=${keys.secret}`,
      ...outputs,
    ]);
    await home.runOk('nix', [
      'copy',
      '--to',
      `${cache}?compression=zstd&secret-key=${keys.secret}`,
      ...outputs,
    ]);
    const options = cacheOptions(cache, keys.public);

    const root = join(destination.path, 'kept');
    const args = [...options, '--add-root', root, made.applicationDrv, made.library];
    const ours = await runFerryOk(destination, ['realise', ...args]);
    const links = ours.trim().split('\n');
    assert.deepEqual(links.map((link) => link.slice(root.length)).sort(), ['', '-2', '-dev']);
    assert.equal(readlinkSync(root), made.application);
    assert.equal(readlinkSync(`${root}-dev`), made.development);
    await destination.runOk('nix-store', ['--gc']);
    for (const path of [made.application, made.development, made.library]) {
      assert.ok(existsSync(destination.realPath(path)), 'a root keeps it');
    }
    const theirs = await destination.runOk('nix-store', ['-r', ...args]);
    assert.deepEqual(theirs.split('\n').sort(), links.sort());

    const one = await runFerryOk(destination, [
      'realise',
      ...options,
      `${made.applicationDrv}^dev`,
    ]);
    assert.equal(one, `${made.development}\n`);
    const none = await runFerry(destination, ['realise', `${made.applicationDrv}!doc`]);
    assert.equal(none.status, 1);
    assert.match(none.stderr, /has no output "doc"\nhint: it has (dev, out|out, dev)/);
  },
);

peerTest(
  'an upload leaves out what an upstream has, and Nix fetches from both together',
  { nix: ['2.34'] },
  async (nix) => {
    await using home = makeNixHome(nix('2.34'));
    await using destination = makeNixHome(nix('2.34'));
    await using temp = makeTempDirectory();
    const made = await makeSmallClosure(home);
    const keys = await makeKeys(home);
    const upstream = `file://${temp.join('upstream')}`;
    const cache = `file://${temp.join('own')}`;
    await home.runOk('nix', [
      'copy',
      '--to',
      `${upstream}?compression=zstd&secret-key=${keys.secret}`,
      made.library,
    ]);
    const { stderr, status } = await runFerry(home, [
      'copy',
      '--skip-upstream',
      upstream,
      '--to',
      `${cache}?compression=zstd&secret-key=${keys.secret}`,
      made.link,
    ]);
    assert.equal(status, 0, stderr);
    assert.match(stderr, /leaving out 3 paths, .*: found in "file:.*upstream"/);
    const hash = /store\/([0-9a-z]{32})/.exec(made.library)?.[1] ?? '';
    assert.ok(!existsSync(temp.join('own', `${hash}.narinfo`)));
    const options = cacheOptions(`${cache} ${upstream}`, keys.public);
    await destination.runOk('nix-store', ['-r', ...options, made.link]);
    await destination.verify();
  },
);

peerTest(
  'ferry at the far end of nix copy -s fetches by its own nix.conf, and what it lacks is sent',
  { nix: ['2.34'], programs: ['sshd'] },
  async (nix) => {
    await using temp = makeTempDirectory();
    await using sshd = await startSshd({ dir: temp.path });
    await using near = makeNixHome(nix('2.34'), { env: { NIX_SSHOPTS: sshd.sshOptions } });
    const made = await makeSmallClosure(near);
    const keys = await makeKeys(near);
    const cache = `file://${temp.join('cache')}`;
    await near.runOk('nix', [
      'copy',
      '--to',
      `${cache}?compression=zstd&secret-key=${keys.secret}`,
      made.library,
    ]);
    await using far = makeNixHome(nix('2.34'), {
      settings: { substituters: cache, 'trusted-public-keys': keys.public },
    });
    sshd.provide('nix-store', farFerry(far));
    const { stderr, status } = await near.run('nix', [
      'copy',
      '-s',
      '--to',
      `ssh://${sshd.host}`,
      made.application,
    ]);
    assert.equal(status, 0, stderr);
    assert.match(stderr, /copying 1 paths/);
    await far.verify();
    await far.runOk('nix-store', ['--check-validity', made.application, made.library]);
  },
);
