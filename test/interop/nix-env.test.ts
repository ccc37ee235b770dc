/** `nix-env` beside that of Nix 2.34, as far as it is about the generations of profiles. */
import assert from 'node:assert/strict';
import {
  existsSync,
  lutimesSync,
  mkdirSync,
  readdirSync,
  readlinkSync,
  symlinkSync,
} from 'node:fs';
import { join } from 'node:path';
import { openBesideNix, type BesideNix } from '../support/beside-nix.ts';
import { ferryBin, ferryEnv } from '../support/ferry-program.ts';
import type { NixHome } from '../support/nix-home.ts';
import { peerTest } from '../support/peers.ts';
import { run } from '../support/run.ts';
import type { SmallClosure } from '../support/small-closure.ts';

/** Generations 1 to 6 of a profile, each a day older than the one after it; the fourth is current. */
function makeProfile({ path }: NixHome, closure: SmallClosure): Promise<void> {
  const at = (name: string): string => join(path, 'profiles', name);
  mkdirSync(join(path, 'profiles'));
  const targets = [closure.application, closure.library, closure.text];
  for (let number = 1; number <= 6; number++) {
    const link = at(`system-${number}-link`);
    symlinkSync(targets[number % 3] ?? '', link);
    const time = Date.now() / 1000 - (7 - number) * 86_400;
    lutimesSync(link, Math.floor(time), Math.floor(time));
  }
  symlinkSync('system-4-link', at('system'));
  // They look like generations, or like the profile's own.
  symlinkSync('nowhere', at('system-x-link'));
  symlinkSync('nowhere', at('system-2'));
  symlinkSync('nowhere', at('system-extra-3-link'));
  symlinkSync('system-99-link', at('gone'));
  return Promise.resolve();
}

/** Links below the home, but for those of Nix's own. */
function linksOf({ path }: NixHome): string[] {
  return readdirSync(join(path, 'profiles'), { withFileTypes: true })
    .map((entry) => {
      const file = join(path, 'profiles', entry.name);
      return entry.isSymbolicLink() ? `${entry.name} -> ${readlinkSync(file)}` : entry.name;
    })
    .sort();
}

/** The words, and whether stderr is equal too. */
type Line = readonly [words: string, stderr: 'same' | 'own'];

const lines: readonly Line[] = [
  ['-p HOME/profiles/system --list-generations', 'same'],
  ['--profile profiles/system --list-generations', 'same'],
  ['-p HOME/profiles/none --list-generations', 'same'],
  ['-p HOME/nowhere/none --list-generations', 'own'],
  ['-p HOME/profiles/gone --list-generations', 'same'],
  ['-p HOME/profiles/system --list-generations word', 'same'],
  ['-p HOME/profiles/system --list-generations --foo', 'same'],
  ['-p HOME/profiles/system --list-generations --rollback', 'same'],
  ['-p HOME/profiles/system', 'same'],
  ['-p', 'same'],
  ['', 'same'],
  ['-p HOME/profiles/system --rollback --dry-run', 'same'],
  ['-p HOME/profiles/system --rollback', 'same'],
  ['-p HOME/profiles/system --rollback', 'same'],
  ['-p HOME/profiles/system --rollback --quiet', 'same'],
  ['-p HOME/profiles/system --rollback', 'same'],
  ['-p HOME/profiles/none --rollback', 'same'],
  ['-p HOME/profiles/system --rollback 3', 'same'],
  ['-p HOME/profiles/system -G 9', 'same'],
  ['-p HOME/profiles/system -G x', 'same'],
  ['-p HOME/profiles/system -G', 'same'],
  ['-p HOME/profiles/system -G 1 2', 'same'],
  ['-p HOME/profiles/system --switch-generation 5', 'same'],
  ['-p HOME/profiles/system -G 3 --quiet --quiet', 'same'],
  ['-G 4 -p HOME/profiles/system', 'same'],
  ['-p HOME/profiles/system --list-generations', 'same'],
  ['-p HOME/profiles/system --delete-generations', 'same'],
  ['-p HOME/profiles/system --delete-generations 4', 'same'],
  ['-p HOME/profiles/system --delete-generations 1 4 2', 'same'],
  ['-p HOME/profiles/system --delete-generations 17', 'same'],
  ['-p HOME/profiles/system --delete-generations x', 'same'],
  ['-p HOME/profiles/system --delete-generations 1 old', 'same'],
  ['-p HOME/profiles/system --delete-generations d', 'same'],
  ['-p HOME/profiles/system --delete-generations 0d', 'same'],
  ['-p HOME/profiles/system --delete-generations xd', 'same'],
  ['-p HOME/profiles/system --delete-generations 3days', 'same'],
  ['-p HOME/profiles/system --delete-generations +', 'same'],
  ['-p HOME/profiles/system --delete-generations +0', 'same'],
  ['-p HOME/profiles/system --delete-generations +x', 'same'],
  ['-p HOME/profiles/system --delete-generations old --dry-run', 'same'],
  ['-p HOME/profiles/system --delete-generations +2 --dry-run', 'same'],
  ['-p HOME/profiles/system --delete-generations 3d --dry-run', 'same'],
  ['-p HOME/profiles/system --delete-generations 1 6 --dry-run', 'same'],
  ['-p HOME/profiles/system --list-generations', 'same'],
  ['-p HOME/profiles/system --delete-generations 4d', 'same'],
  ['-p HOME/profiles/system --delete-generations +2', 'same'],
  ['-p HOME/profiles/system --delete-generations 6', 'same'],
  ['-p HOME/profiles/system --delete-generations old', 'same'],
  ['-p HOME/profiles/system --list-generations', 'same'],
  ['-p HOME/profiles/none --delete-generations old', 'same'],
  ['-S', 'same'],
];

peerTest('nix-env about generations is that of Nix 2.34', { nix: ['2.34'] }, async (nix) => {
  await using beside = await openBesideNix(nix('2.34'), { prepareEach: makeProfile });
  for (const [words, stderr] of lines) {
    const split = words === '' ? [] : words;
    await beside.compare('nix-env', split, { stderr: stderr === 'same', by: withoutPlaces });
    assert.deepEqual(linksOf(beside.ours), linksOf(beside.theirs), words);
  }
});

/** Of times, only that they are told: the two homes were not made in the same second. */
function withoutPlaces(text: string): string {
  return text.replaceAll(/\d\d:\d\d:\d\d/g, 'TIME');
}

peerTest('nix-env --set is that of Nix 2.34', { nix: ['2.34'] }, async (nix) => {
  await using beside = await openBesideNix(nix('2.34'));
  const { application, applicationDrv, library, text } = beside.closure;
  for (const home of [beside.ours, beside.theirs]) mkdirSync(join(home.path, 'profiles'));
  const profile = ['-p', 'HOME/profiles/new'];
  const calls: readonly (readonly string[])[] = [
    [...profile, '--set', application],
    [...profile, '--set', application],
    [...profile, '--set', `${library}/some/file`],
    [...profile, '--set', text, '--dry-run'],
    [...profile, '--set', text],
    [...profile, '--rollback'],
    // It is not the newest.
    [...profile, '--set', library],
    [...profile, '--set', applicationDrv],
    [...profile, '--set', 'HOME/profiles/new'],
    [...profile, '--list-generations'],
    [...profile, '--set'],
    [...profile, '--set', text, library],
    [...profile, '--set', '--foo', text],
    [...profile, '--set', './nothing'],
    ['-p', 'HOME/nowhere/new', '--set', text],
    [...profile, '--set', '/nix/store/00000000000000000000000000000000-x'],
  ];
  for (const words of calls) {
    await beside.compare('nix-env', words, { by: withoutPlaces });
    assert.deepEqual(linksOf(beside.ours), linksOf(beside.theirs), words.join(' '));
  }
  await rootsAreEqual(beside);
});

/** The generations keep their paths from being collected. */
async function rootsAreEqual(beside: BesideNix): Promise<void> {
  await beside.compareStores('nix-store', '--gc --print-roots');
}

peerTest('nix-env finds the profile that Nix 2.34 finds', { nix: ['2.34'] }, async (nix) => {
  await using beside = await openBesideNix(nix('2.34'));
  const { application, text } = beside.closure;
  // Where the profiles of root and of the machine are: never those of this machine.
  const stateOf = ({ path }: NixHome): string => join(path, 'state');
  const calls: readonly (readonly string[])[] = [
    ['--list-generations'],
    ['--set', application],
    ['--set', text],
    ['--list-generations'],
    ['--rollback'],
    ['-S', 'HOME/state/profiles/other'],
    ['--set', text],
    ['--list-generations'],
    ['-p', 'HOME/state/profiles/other', '--list-generations'],
    ['-S', 'HOME/home/beside'],
    ['--list-generations'],
  ];
  for (const xdg of [[], ['--option', 'use-xdg-base-directories', 'true']]) {
    for (const words of calls.map((call) => [...call, ...xdg])) {
      const told = async (home: NixHome, program: string, env: object): Promise<object> => {
        const own = words.map((word) => word.replaceAll('HOME', home.path));
        const extra = { NIX_STATE_DIR: stateOf(home) };
        const all = { ...home.env, ...env, ...extra };
        const { status, stdout, stderr } = await run(program, own, { env: all, cwd: home.path });
        const said = withoutPlaces(stdout + stderr).replaceAll(home.path, 'HOME');
        return { status, said, links: allLinksOf(home) };
      };
      const link = join(beside.ours.path, 'nix-env');
      if (!existsSync(link)) symlinkSync(ferryBin, link);
      const ours = await told(beside.ours, link, ferryEnv(beside.ours));
      const theirs = await told(beside.theirs, nix('2.34').program('nix-env'), {});
      assert.deepEqual(ours, theirs, words.join(' '));
    }
  }
});

/** All links of profiles, wherever they lie below the home, and where they lead. */
function allLinksOf({ path }: NixHome): string[] {
  return readdirSync(path, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isSymbolicLink() && !entry.parentPath.includes('/root/nix/store'))
    .filter(({ name }) => name !== 'nix-env')
    .map((entry) => {
      const file = join(entry.parentPath, entry.name);
      return `${file} -> ${readlinkSync(file)}`.replaceAll(path, 'HOME');
    })
    .filter((line) => !line.includes('/gcroots/auto/') && !line.includes('.nix-defexpr/'))
    .sort();
}

peerTest('nix-env says what it leaves to Nix', { nix: ['2.34'] }, async (nix) => {
  await using beside = await openBesideNix(nix('2.34'));
  const env = { ...ferryEnv(beside.ours), NIX_STATE_DIR: join(beside.ours.path, 'state') };
  for (const words of [['-i', 'hello'], ['-e', 'hello'], ['-u'], ['-q'], ['--set', 'hello']]) {
    const { status, stdout, stderr } = await run(ferryBin, ['nix-env', ...words], { env });
    assert.equal(status, 1);
    assert.equal(stdout, '');
    assert.match(stderr, /leaves that to Nix/);
  }
});
