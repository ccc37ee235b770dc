/**
 * Bundles between stores of real Nix: what was exported from one is in the other as it was, with all that was known of
 * it but what holds for its own machine alone.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { ferryBin, ferryEnv, runFerry, runFerryOk } from '../support/ferry-program.ts';
import { makeNixHome, type NixHome } from '../support/nix-home.ts';
import { peerTest } from '../support/peers.ts';
import { describeClosure, requireSameClosure } from '../support/same-closure.ts';
import { makeSmallClosure, type SmallClosure } from '../support/small-closure.ts';

const needs = { nix: ['2.34'] } as const;
const UNTRUSTED = 3;

/** All that the closure has, derivations included. */
function everything({ paths }: SmallClosure): readonly string[] {
  return paths;
}

for (const compression of ['zstd', 'xz', 'gzip', 'none']) {
  peerTest(`a bundle with ${compression} carries a closure as it was`, needs, async (nix) => {
    await using source = makeNixHome(nix('2.34'), { ram: true });
    await using destination = makeNixHome(nix('2.34'), { ram: true });
    const closure = await makeSmallClosure(source);
    const paths = everything(closure);
    const wanted = await describeClosure(source, nix('2.34'), paths);
    const file = join(source.path, 'closure.bundle');
    const words = ['export', '--bundle', '--compression', compression, '-o', file, ...paths];
    await runFerryOk(source, words);
    await runFerryOk(source, ['bundle', 'verify', '--no-trust', file]);
    const printed = await runFerryOk(destination, ['import', '--no-check-sigs', file]);
    assert.deepEqual(printed.trim().split('\n').sort(), [...paths].sort());
    await requireSameClosure(destination, nix('2.34'), paths, wanted);
  });
}

peerTest('a bundle goes through a pipe, both ways at once', needs, async (nix) => {
  await using source = makeNixHome(nix('2.34'), { ram: true });
  await using destination = makeNixHome(nix('2.34'), { ram: true });
  const closure = await makeSmallClosure(source);
  const paths = everything(closure);
  const wanted = await describeClosure(source, nix('2.34'), paths);
  const exported = `"${ferryBin}" export --bundle --from "${source.storeUri}" ${paths.join(' ')}`;
  const imported = `"${ferryBin}" import --no-check-sigs --to "${destination.storeUri}"`;
  const piped = spawnSync('/bin/sh', ['-c', `${exported} | ${imported}`], {
    env: ferryEnv(destination),
    encoding: 'utf8',
  });
  assert.equal(piped.status, 0, piped.stderr);
  assert.deepEqual(piped.stdout.trim().split('\n').sort(), [...paths].sort());
  await requireSameClosure(destination, nix('2.34'), paths, wanted);
});

peerTest(
  'signatures travel and are asked for; that something was built there does not',
  needs,
  async (nix) => {
    await using source = makeNixHome(nix('2.34'), { ram: true });
    const closure = await makeSmallClosure(source);
    const settings = { 'trusted-public-keys': closure.publicKey, 'require-sigs': 'true' };
    await using destination = makeNixHome(nix('2.34'), { ram: true, settings });
    const file = join(source.path, 'closure.bundle');
    sayBuiltHere(source, closure.library);
    assert.equal((await infoOf(source, closure.library)).ultimate, true);
    await runFerryOk(source, ['export', '--bundle', '-o', file, closure.development]);
    const refused = await runFerry(destination, ['import', file]);
    assert.equal(refused.status, UNTRUSTED, refused.stderr);
    assert.match(refused.stderr, /cannot add path ".*-small-library": .*signature/);
    assert.equal(refused.stdout, '');
    const verified = await runFerry(destination, ['bundle', 'verify', file]);
    assert.equal(verified.status, UNTRUSTED, verified.stderr);
    assert.match(verified.stderr, /small-library" is not trusted/);
    await runFerryOk(destination, ['import', '--no-check-sigs', file]);
    await destination.verify();
    const [before, after] = await Promise.all(
      [source, destination].map((home) => infoOf(home, closure.application)),
    );
    assert.deepEqual(after?.signatures, before?.signatures);
    assert.equal(after?.signatures?.length, 1);
    assert.equal((await infoOf(destination, closure.library)).ultimate, false);
  },
);

/** As if its own Nix had built it. */
function sayBuiltHere(home: NixHome, path: string): void {
  const database = new DatabaseSync(join(home.root, 'nix/var/nix/db/db.sqlite'));
  database.prepare('update ValidPaths set ultimate = 1 where path = ?').run(path);
  database.close();
}

interface Info {
  readonly signatures?: readonly string[];
  readonly ultimate?: boolean;
}

async function infoOf(home: NixHome, path: string): Promise<Info> {
  const printed: Record<string, Info> = JSON.parse(
    await home.runOk('nix', ['path-info', '--json', path]),
  );
  return printed[path] ?? {};
}

peerTest(
  'a bundle leaves out what the other store has, and wants it to be there',
  needs,
  async (nix) => {
    await using source = makeNixHome(nix('2.34'), { ram: true });
    await using destination = makeNixHome(nix('2.34'), { ram: true });
    await using other = makeNixHome(nix('2.34'), { ram: true });
    const closure = await makeSmallClosure(source);
    const whole = join(source.path, 'library.bundle');
    await runFerryOk(source, ['export', '--bundle', '-o', whole, closure.library]);
    await runFerryOk(destination, ['import', '--no-check-sigs', whole]);
    const listed = await runFerryOk(destination, ['store', 'list']);
    const known = await destination.runOk('nix', ['path-info', '--all']);
    assert.deepEqual(listed.trim().split('\n'), known.split('\n').sort());
    const list = join(source.path, 'there');
    writeFileSync(list, listed);
    const lists = ['--without-closure-of', list];
    for (const [index, leaving] of [lists, ['--since', closure.library]].entries()) {
      const file = join(source.path, `rest-${index}.bundle`);
      await runFerryOk(source, ['export', '--bundle', ...leaving, '-o', file, closure.development]);
      const shown = JSON.parse(await runFerryOk(source, ['bundle', 'ls', '--json', file]));
      assert.deepEqual(shown.presupposed, [closure.library]);
      assert.equal(shown.paths.length, 2);
      const refused = await runFerry(other, ['import', '--no-check-sigs', file]);
      assert.equal(refused.status, 1);
      assert.match(
        refused.stderr,
        new RegExp(`it was made for a store that has "${closure.library}"`),
      );
      assert.equal(await other.runOk('nix', ['path-info', '--all']), '', 'and nothing was added');
    }
    await runFerryOk(destination, [
      'import',
      '--no-check-sigs',
      join(source.path, 'rest-0.bundle'),
    ]);
    await destination.verify();
    const closureOf = ['--query', '--requisites', closure.development];
    assert.equal(
      await destination.runOk('nix-store', closureOf),
      await source.runOk('nix-store', closureOf),
    );
  },
);

peerTest('ferry store list prints the closures that Nix does', needs, async (nix) => {
  await using home = makeNixHome(nix('2.34'), { ram: true });
  const closure = await makeSmallClosure(home);
  const words = [closure.development, closure.linkDrv];
  const requisites = await home.runOk('nix-store', ['--query', '--requisites', ...words]);
  const listed = await runFerryOk(home, ['store', 'list', '-r', ...words]);
  assert.deepEqual(listed.trim().split('\n'), requisites.split('\n').sort());
  const asJson = JSON.parse(await runFerryOk(home, ['store', 'list', '--json', '-r', ...words]));
  assert.deepEqual(asJson, listed.trim().split('\n'));
});

peerTest(
  'a bundle is a store: copied from, looked into, and kept alive by a root',
  needs,
  async (nix) => {
    await using source = makeNixHome(nix('2.34'), { ram: true });
    await using destination = makeNixHome(nix('2.34'), { ram: true });
    const closure = await makeSmallClosure(source);
    const file = join(source.path, 'closure.bundle');
    const split = ['--split', '64K', '--compression', 'none'];
    await runFerryOk(source, [
      'export',
      '--bundle',
      ...split,
      '-o',
      file,
      closure.development,
      closure.text,
    ]);
    assert.ok(statSync(`${file}.001`).size <= 65_536);
    const uri = `bundle://${file}`;
    const from = ['copy', '--from', uri, '--no-check-sigs'];
    await runFerryOk(destination, [...from, closure.library]);
    assert.deepEqual(
      (await destination.runOk('nix', ['path-info', '--all'])).split('\n').sort(),
      (await source.runOk('nix-store', ['-qR', closure.library])).split('\n').sort(),
    );
    const text = await runFerryOk(source, ['store', 'cat', '--store', uri, closure.text]);
    assert.equal(text, readFileSync(source.realPath(closure.text), 'utf8'));
    const link = join(destination.path, 'kept');
    await runFerryOk(destination, ['import', '--no-check-sigs', '--add-root', link, `${file}.001`]);
    await destination.runOk('nix-store', ['--gc']);
    await destination.verify();
    const left = await destination.runOk('nix', ['path-info', '--all']);
    assert.deepEqual(
      left.split('\n').sort(),
      (await source.runOk('nix-store', ['-qR', closure.development, closure.text]))
        .split('\n')
        .sort(),
    );
  },
);
