/** Where Nix has the same command, the output is the same: each is run by both, on the same paths. */
import assert from 'node:assert/strict';
import { symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { makeNixHome, type NixHome } from '../support/nix-home.ts';
import { peerTest } from '../support/peers.ts';
import { run, runForBytes, runOk, type Finished } from '../support/run.ts';
import { makeSmallClosure } from '../support/small-closure.ts';

const bin = fileURLToPath(new URL('../../bin', import.meta.url));

/** ferry as a user of this home would run it. */
function ferry(home: NixHome, program: string, args: readonly string[]): Promise<Finished> {
  return run(program, args, { cwd: home.path, env: environment(home) });
}

function environment(home: NixHome): Record<string, string> {
  return { ...home.env, PATH: `${bin}:${home.env['PATH'] ?? ''}` };
}

async function ferryOk(home: NixHome, args: readonly string[]): Promise<string> {
  const text = await runOk(join(bin, 'ferry'), args, { cwd: home.path, env: environment(home) });
  return text.replace(/\n$/, '');
}

peerTest('hashes, archives and listings are those of Nix', { nix: ['2.34'] }, async (nix) => {
  await using home = makeNixHome(nix('2.34'));
  const { source, text, library } = await makeSmallClosure(home);
  const tree = home.realPath(source);
  const file = home.realPath(text);
  const same: [nix: string[], ferry: string[]][] = [
    [
      ['hash', 'path', tree],
      ['hash', 'path', tree],
    ],
    [
      ['hash', 'path', '--base32', tree],
      ['hash', 'path', '--base32', tree],
    ],
    [
      ['hash', 'path', '--type', 'sha512', tree],
      ['hash', 'path', '--type', 'sha512', tree],
    ],
    [
      ['hash', 'file', file],
      ['hash', 'file', file],
    ],
    [
      ['hash', 'file', '--base16', '--type', 'md5', file],
      ['hash', 'file', '--base16', '--type', 'md5', file],
    ],
    [
      ['store', 'ls', '-lR', source],
      ['store', 'ls', '-lR', source],
    ],
    [
      ['store', 'ls', '-d', source],
      ['store', 'ls', '-d', source],
    ],
    [
      ['store', 'ls', '--json', '-R', source],
      ['store', 'ls', '--json', '-R', source],
    ],
    [
      ['store', 'cat', text],
      ['store', 'cat', text],
    ],
    [
      ['store', 'add', '--name', 'x', tree],
      ['store', 'add', '--name', 'x', tree],
    ],
    [
      ['store', 'add', '--mode', 'flat', file],
      ['store', 'add', '--mode', 'flat', file],
    ],
    [
      ['store', 'add', '--mode', 'text', file],
      ['store', 'add', '--mode', 'text', file],
    ],
    [
      ['store', 'ls', '-R', library],
      ['store', 'ls', '-R', library],
    ],
  ];
  for (const [theirs, ours] of same) {
    assert.equal(await ferryOk(home, ours), await home.runOk('nix', theirs), ours.join(' '));
  }
  const packed = await runForBytes(join(bin, 'ferry'), ['nar', 'pack', tree], { env: home.env });
  const dumped = await home.runForBytes('nix-store', ['--dump', tree]);
  assert.deepEqual(Buffer.from(packed.stdout), Buffer.from(dumped.stdout));
});

peerTest('nix-copy-closure talks as that of Nix 2.8', { nix: ['2.8'] }, async (nix) => {
  await using home = makeNixHome(nix('2.8'));
  const { application, text } = await makeSmallClosure(home);
  const far = (name: string): string => `localhost?remote-store=${join(home.path, name)}`;
  const calls = (who: string): string[][] => [
    [],
    ['--to'],
    ['--show-progress', '--gzip'],
    ['--option', 'cores'],
    ['localhost'],
    ['--to', far(who), application],
    ['--to', far(who), application],
    ['-s', '-v', '--option', 'cores', '1', far(who), application, text],
    ['--quiet', '--from', far(who), application],
  ];
  const dropIn = join(home.path, 'nix-copy-closure');
  symlinkSync(join(bin, 'ferry'), dropIn);
  const theirCalls = calls('theirs');
  for (const [i, args] of calls('ours').entries()) {
    const ours = await ferry(home, dropIn, args);
    const theirs = await home.run('nix-copy-closure', theirCalls[i] ?? []);
    assert.deepEqual(told(ours, home), told(theirs, home), args.join(' '));
  }
});

/** What differs by design: where the near store is, which Nix tells of a store below a root only. */
function told({ status, stdout, stderr }: Finished, home: NixHome): unknown {
  const lines = stderr
    .replaceAll(/ from '[^']*'/g, '')
    .replaceAll(home.path, '')
    .split('\n')
    .sort();
  return { status, stdout, lines };
}
