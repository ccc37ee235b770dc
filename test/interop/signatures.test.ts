/** Keys and signatures beside real Nix: each reads the files of the other, verifies what the other signed, and judges alike. */
import assert from 'node:assert/strict';
import { appendFileSync, chmodSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { runFerry, runFerryOk } from '../support/ferry-program.ts';
import { startNixDaemon } from '../support/nix-daemon.ts';
import { makeNixHome, type NixHome } from '../support/nix-home.ts';
import { nixVersions, peerTest } from '../support/peers.ts';
import { makeSmallClosure, type SmallClosure } from '../support/small-closure.ts';

const [GOOD, DAMAGED, UNTRUSTED] = [0, 1, 3];
/** The exit status of `nix store verify` has these bits. */
const NIX = { damaged: 1, untrusted: 2 } as const;

interface Key {
  readonly secret: string;
  /** NAME:BASE64 */
  readonly public: string;
}

async function keyOfNix(home: NixHome, name: string): Promise<Key> {
  const file = join(home.path, `${name}.nix`);
  await home.runOk('nix-store', ['--generate-binary-cache-key', name, file, `${file}.public`]);
  return { secret: file, public: readFileSync(`${file}.public`, 'utf8') };
}

async function keyOfFerry(home: NixHome, name: string): Promise<Key> {
  const file = join(home.path, `${name}.ferry`);
  const text = await runFerryOk(home, ['key', 'generate', name, '--out', file]);
  return { secret: file, public: text.trim() };
}

function trusting(...keys: readonly Key[]): string[] {
  return ['--option', 'trusted-public-keys', keys.map((key) => key.public).join(' ')];
}

async function nixStatus(home: NixHome, args: readonly string[]): Promise<number | null> {
  return (await home.run('nix', ['store', 'verify', ...args])).status;
}

async function ferryStatus(home: NixHome, args: readonly string[]): Promise<number | null> {
  return (await runFerry(home, ['verify', ...args])).status;
}

/** Signatures as the database has them, by Nix's own word. */
async function signaturesOf(home: NixHome, path: string): Promise<string[]> {
  const line = await home.runOk('nix', ['path-info', '--sigs', path]);
  return line.split(/\s+/).filter((word) => /^[^:/]+:[A-Za-z0-9+/]{86}==$/.test(word));
}

for (const version of nixVersions) {
  peerTest(`Nix ${version}: each reads the keys of the other`, { nix: [version] }, async (nix) => {
    await using home = makeNixHome(nix(version));
    const theirs = await keyOfNix(home, 'theirs-1');
    assert.equal((await runFerryOk(home, ['key', 'public', theirs.secret])).trim(), theirs.public);
    const ours = await keyOfFerry(home, 'ours-1');
    assert.equal(statSync(ours.secret).mode & 0o777, 0o600);
    const input = readFileSync(ours.secret);
    const converted = await home.runOk('nix', ['key', 'convert-secret-to-public'], { input });
    assert.equal(converted, ours.public);
    const printed = await runFerryOk(home, ['key', 'generate', 'printed-1']);
    assert.match(printed, /^printed-1:[A-Za-z0-9+/]{86}==$/);
    await home.runOk('nix', ['key', 'convert-secret-to-public'], { input: printed });
  });

  peerTest(
    `Nix ${version}: each verifies what the other signed`,
    { nix: [version] },
    async (nix) => {
      await using home = makeNixHome(nix(version));
      const { library, link } = await makeSmallClosure(home);
      const key = await keyOfNix(home, 'theirs-1');
      const own = await keyOfFerry(home, 'ours-1');
      const asked = ['--no-contents', '--sigs-needed', '1', ...trusting(own)];
      assert.equal(await nixStatus(home, [...asked, library]), NIX.untrusted);
      assert.equal(await ferryStatus(home, [...asked, library]), UNTRUSTED);

      await runFerryOk(home, ['sign', '--key', own.secret, library, link]);
      assert.equal(await nixStatus(home, [...asked, library, link]), GOOD);
      assert.equal(await ferryStatus(home, [...asked, library, link]), GOOD);

      // Of the same key both make the same signature: there is nothing to add.
      await home.runOk('nix', ['store', 'sign', '--key-file', own.secret, library]);
      assert.equal((await signaturesOf(home, library)).length, 1);
      await home.runOk('nix', ['store', 'sign', '--key-file', key.secret, library]);
      await runFerryOk(home, ['sign', '--key', key.secret, library]);
      assert.equal((await signaturesOf(home, library)).length, 2);

      const two = ['--no-contents', '--sigs-needed', '2', ...trusting(own, key)];
      assert.equal(await nixStatus(home, [...two, library]), GOOD);
      assert.equal(await ferryStatus(home, [...two, library]), GOOD);
      assert.equal(await nixStatus(home, [...two, link]), NIX.untrusted);
      assert.equal(await ferryStatus(home, [...two, link]), UNTRUSTED);
    },
  );

  peerTest(`Nix ${version}: both judge a store alike`, { nix: [version] }, async (nix) => {
    await using home = makeNixHome(nix(version));
    const closure = await makeSmallClosure(home);
    for (const args of judgements(closure)) {
      const [theirs, ours] = [await nixStatus(home, args), await ferryStatus(home, args)];
      const expected = theirs === NIX.untrusted ? UNTRUSTED : theirs;
      assert.equal(ours, expected, args.join(' '));
    }
    const file = join(home.realPath(closure.library), 'lib/small.txt');
    chmodSync(file, 0o644);
    appendFileSync(file, 'changed');
    assert.equal(await nixStatus(home, ['--no-trust', closure.library]), NIX.damaged);
    assert.equal(await ferryStatus(home, ['--no-trust', closure.library]), DAMAGED);
    assert.equal(await nixStatus(home, [closure.library]), NIX.damaged | NIX.untrusted);
    assert.equal(await ferryStatus(home, [closure.library]), DAMAGED);
    assert.equal(await ferryStatus(home, ['--no-contents', '--no-trust', closure.library]), GOOD);
  });

  peerTest(
    `Nix ${version}: of two keys with one name both heed the first`,
    { nix: [version] },
    async (nix) => {
      await using home = makeNixHome(nix(version));
      const { library } = await makeSmallClosure(home);
      const first = await keyOfNix(home, 'same-1');
      const second = await keyOfFerry(home, 'same-1');
      await runFerryOk(home, ['sign', '--key', second.secret, library]);
      for (const [keys, ours] of [
        [[first, second], UNTRUSTED],
        [[second, first], GOOD],
      ] as const) {
        const args = ['--no-contents', ...trusting(...keys), library];
        assert.equal(await nixStatus(home, args), ours === GOOD ? GOOD : NIX.untrusted);
        assert.equal(await ferryStatus(home, args), ours);
      }
      const shown = await runFerry(home, ['config', 'show', 'store', ...trusting(first, second)]);
      assert.match(shown.stderr, /^warning: two trusted keys are named "same-1"/);
    },
  );

  peerTest(`Nix ${version}: a copy signs on the way`, { nix: [version] }, async (nix) => {
    await using source = makeNixHome(nix(version));
    await using destination = makeNixHome(nix(version));
    const { application, library, source: text } = await makeSmallClosure(source);
    const key = await keyOfFerry(source, 'ours-1');
    const to = ['--to', destination.root, '--quiet'];
    const refused = await runFerry(source, ['copy', ...to, '--sign-key', key.secret, application]);
    assert.equal(refused.status, UNTRUSTED);
    assert.match(refused.stderr, /it has only "ours-1"\nhint: add the signer's public key/);

    const signing = ['--sign-key', key.secret, ...trusting(key)];
    await runFerryOk(source, ['copy', ...to, ...signing, library]);
    await destination.verify();
    const asked = ['--recursive', '--sigs-needed', '1', ...trusting(key), library];
    assert.equal(await nixStatus(destination, asked), GOOD);
    assert.equal((await signaturesOf(source, library)).length, 0, 'the source stays as it is');

    // What is there already gets it too; the other way, as a parameter of the store.
    const other = await keyOfNix(source, 'theirs-1');
    const uri = `local?root=${destination.root}&secret-key=${other.secret}`;
    const told = await runFerry(source, ['copy', '--to', uri, ...trusting(key), library]);
    assert.deepEqual([told.status, /unknown parameter/.test(told.stderr)], [GOOD, false]);
    const both = ['--recursive', '--sigs-needed', '2', ...trusting(key, other), library];
    assert.equal(await nixStatus(destination, both), GOOD);
    assert.ok((await signaturesOf(destination, text)).length >= 2);
    await destination.verify();
  });

  peerTest(`Nix ${version}: signatures of a substituter count`, { nix: [version] }, async (nix) => {
    await using home = makeNixHome(nix(version));
    await using other = makeNixHome(nix(version));
    const { library } = await makeSmallClosure(home);
    await makeSmallClosure(other);
    const key = await keyOfNix(other, 'theirs-1');
    await other.runOk('nix', ['store', 'sign', '--key-file', key.secret, library]);
    const args = ['--no-contents', ...trusting(key), library];
    assert.equal(await ferryStatus(home, args), UNTRUSTED);
    const asking = ['--substituter', other.root, ...args];
    assert.equal(await nixStatus(home, ['--substituter', other.storeUri, ...args]), GOOD);
    assert.equal(await ferryStatus(home, asking), GOOD);
    // One that can't be had is no reason not to look.
    const dead = await runFerry(home, [
      'verify',
      '--substituter',
      'ssh://ferry.invalid',
      ...asking,
    ]);
    assert.equal(dead.status, GOOD, dead.stderr);
    assert.match(dead.stderr, /^warning: /m);
  });
}

/** Of which Nix and ferry must think the same. */
function judgements(closure: SmallClosure): string[][] {
  const { source, text, library, application, publicKey } = closure;
  const keys = ['--option', 'trusted-public-keys', publicKey];
  const more = `${publicKey} other-1:${'A'.repeat(43)}=`;
  return [
    // Not a derivation by its name: to Nix 2.8 that means its outputs.
    [source, text],
    ['--sigs-needed', '3', source, text],
    [library],
    [...keys, application],
    [application],
    ['--recursive', ...keys, application],
    ['--sigs-needed', '2', '--option', 'trusted-public-keys', more, application],
    ['--sigs-needed', '0', ...keys, application],
    ['--all', ...keys],
    ['--all', '--no-trust'],
    ['--all', '--no-contents', '--no-trust'],
  ];
}

for (const version of nixVersions) {
  const name = `Nix ${version}: a daemon is told what was set for this command, and keeps signatures`;
  peerTest(name, { nix: [version] }, async (nix) => {
    await using source = makeNixHome(nix(version));
    await using destination = makeNixHome(nix(version));
    const { library } = await makeSmallClosure(source);
    const key = await keyOfFerry(source, 'ours-1');
    await using daemon = await startNixDaemon(destination);
    const copy = ['copy', '--to', daemon.uri, '--quiet', library];
    // It trusts who talks to it, and wants a signature by a key that it knows: of this one it is told.
    const refused = await runFerry(source, [...copy, '--sign-key', key.secret]);
    assert.equal(refused.status, UNTRUSTED);
    assert.match(refused.stderr, /lacks a (valid )?signature/);
    await runFerryOk(source, [...copy, '--sign-key', key.secret, ...trusting(key)]);
    await destination.verify();

    // What is there already gets a signature through the daemon.
    const other = await keyOfFerry(source, 'other-1');
    await runFerryOk(source, [...copy, '--sign-key', other.secret]);
    const both = ['--recursive', '--sigs-needed', '2', ...trusting(key, other), library];
    assert.equal(await nixStatus(destination, both), GOOD);
    const asked = ['--recursive', '--sigs-needed', '1', ...trusting(key), library];
    assert.equal(await nixStatus(destination, asked), GOOD);
    assert.equal(await ferryStatus(destination, ['--store', daemon.uri, ...asked]), GOOD);
  });
}
