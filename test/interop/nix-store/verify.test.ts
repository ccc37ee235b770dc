/**
 * `nix-store --verify`, `--verify-path`, `--repair-path` and `--optimise` beside Nix 2.34, on stores that were damaged in
 * every way. Lines of stderr may come in another order; those that begin with "error:" are worded differently.
 */
import assert from 'node:assert/strict';
import {
  chmodSync,
  copyFileSync,
  cpSync,
  existsSync,
  linkSync,
  lstatSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { openBesideNix, type BesideNix } from '../../support/beside-nix.ts';
import type { NixHome } from '../../support/nix-home.ts';
import { peerTest } from '../../support/peers.ts';
import type { SmallClosure } from '../../support/small-closure.ts';
import { removeTree } from '../../support/temp.ts';
import { changeDatabase } from '../../support/store-database.ts';

type Damage = (home: NixHome, closure: SmallClosure) => void;

const VERIFY = ['--verify', '--verify --check-contents'];
const REPAIR = ['--verify --repair', '--verify --check-contents --repair'];
const BUILDS = ' (builds)';
const REPAIR_BUILT = REPAIR.map((words) => `${words}${BUILDS}`);

/** What is compared of stderr, in an order of its own. */
function told(text: string): string {
  const lines = text
    .split('\n')
    .filter((line) => !/^(error: (?!cannot repair path)| {2}because:|hint:)/.test(line));
  // What keeps Nix from repairing is told behind a colon here.
  return lines.sort().join('\n');
}

const TOLD = { stderr: true, by: told } as const;

function change(file: string, body: () => void): void {
  const directory = dirname(file);
  const modes = [directory, file].map((path) => lstatSync(path, { throwIfNoEntry: false })?.mode);
  chmodSync(directory, 0o755);
  if (modes[1] !== undefined && existsSync(file)) chmodSync(file, 0o644);
  body();
  if (modes[1] !== undefined && existsSync(file)) chmodSync(file, modes[1] & 0o7777);
  if (existsSync(directory)) chmodSync(directory, (modes[0] ?? 0) & 0o7777);
}

function overwrite(file: string, edit: (text: string) => string): void {
  const text = readFileSync(file, 'latin1');
  change(file, () => writeFileSync(file, edit(text), 'latin1'));
}

const zeros = ({ library }: SmallClosure): string => `${library}/lib/zeros`;
const linkOf = (home: NixHome, file: string): string => {
  const links = home.realPath('/nix/store/.links');
  const { ino } = lstatSync(home.realPath(file));
  const name = readdirSync(links).find((entry) => lstatSync(join(links, entry)).ino === ino);
  assert.ok(name !== undefined, `${file} has a link`);
  return join(links, name);
};

/** The store as it was before each of some damages. */
async function onEach(
  beside: BesideNix,
  rounds: readonly {
    readonly damage: Damage | ((home: NixHome, closure: SmallClosure) => Promise<void>);
    readonly words: readonly string[];
  }[],
): Promise<number> {
  const homes = [beside.theirs, beside.ours];
  const saved = (home: NixHome): string => join(home.path, 'saved');
  for (const home of homes) copyTree(home.root, saved(home));
  let calls = 0;
  for (const { damage, words } of rounds) {
    for (const home of homes) {
      removeTree(home.root);
      copyTree(saved(home), home.root);
      await damage(home, beside.closure);
    }
    for (const word of words) {
      // Nix builds anew what a derivation is there for, which it tells. In here that fails, and Nix removes the path.
      const isTold = !word.includes(BUILDS);
      await beside.compare('nix-store', word.replace(BUILDS, ''), isTold ? TOLD : {});
      calls++;
    }
    if (words.some((word) => word.includes(BUILDS))) continue;
    await beside.compareStores('nix-store', '--dump-db');
    await beside.compareStores('nix-store', '--verify --check-contents');
  }
  return calls;
}

/** With hard links as they are. */
function copyTree(from: string, to: string): void {
  cpSync(from, to, { recursive: true, preserveTimestamps: true, verbatimSymlinks: true });
  relink(from, to);
}

function relink(from: string, to: string): void {
  const first = new Map<number, string>();
  const visit = (path: string): void => {
    for (const entry of readdirSync(join(from, path), { withFileTypes: true })) {
      const inner = join(path, entry.name);
      if (entry.isDirectory()) {
        visit(inner);
        continue;
      }
      const { ino, nlink } = lstatSync(join(from, inner));
      if (nlink < 2) continue;
      const known = first.get(ino);
      if (known === undefined) first.set(ino, inner);
      else {
        const directory = dirname(join(to, inner));
        const { mode } = lstatSync(directory);
        chmodSync(directory, 0o755);
        rmSync(join(to, inner));
        linkSync(join(to, known), join(to, inner));
        chmodSync(directory, mode & 0o7777);
      }
    }
  };
  visit('');
}

peerTest('stores that are whole, and words that make no sense', { nix: ['2.34'] }, async (nix) => {
  await using beside = await openBesideNix(nix('2.34'), {
    prepareEach: async (home, { application }) =>
      symlinkSync(application, join(home.path, 'result')),
  });
  const { source, library, application, link } = beside.closure;
  const calls = [
    ...VERIFY,
    ...REPAIR,
    '--verify --check-contents -v',
    '--verify --check-contents --quiet',
    `--verify-path ${source} ${library}`,
    `--verify-path -v ${application}`,
    '--verify-path result',
    `--verify-path ${application}/bin/small ${link}`,
    '--verify-path',
    '--repair-path',
    '--optimise',
    '--optimise -v',
    '--optimize',
    ...VERIFY,
    '--verify extra',
    '--verify --frob',
    `--verify-path --frob ${source}`,
    '--verify-path ./nothing',
    '--verify-path /nix/store/xxx',
    '--verify-path /nix/store/xfp2hphvk98rkk9ywlqpp587rjdcgnc2-hello',
    `--verify-path ${source} /nix/store/xfp2hphvk98rkk9ywlqpp587rjdcgnc2-hello`,
    `--repair-path --check-contents ${source}`,
    '--repair-path /nix/store/xfp2hphvk98rkk9ywlqpp587rjdcgnc2-hello',
    '--optimise extra',
    '--optimise --frob',
    '--verify --optimise',
    '--verify --store file://HOME/cache',
    '--verify --repair --store file://HOME/cache',
    '--optimise --store file://HOME/cache',
    `--verify-path ${source} --store file://HOME/cache`,
  ];
  for (const words of calls) {
    const isAboutWords = /extra|frob|--verify --optimise|--repair-path --check/.test(words);
    await beside.compare('nix-store', words, isAboutWords ? { stderr: true } : TOLD);
  }
  await beside.compareStores('nix-store', '--dump-db');
});

peerTest('paths and files that are gone or changed', { nix: ['2.34'] }, async (nix) => {
  await using beside = await openBesideNix(nix('2.34'));
  const { library, application, development, link, text, source } = beside.closure;
  const pathIsGone =
    (...paths: readonly string[]): Damage =>
    (home) => {
      for (const path of paths) removeTree(home.realPath(path));
    };
  const both = [...VERIFY, `--verify-path ${library} ${application}`, ...REPAIR_BUILT];
  const calls = await onEach(beside, [
    // A byte changed, a size changed, a file gone, one too many, executable or not, a link elsewhere.
    {
      damage: (home, closure) =>
        overwrite(home.realPath(zeros(closure)), (old) => `x${old.slice(1)}`),
      words: [...both, `--repair-path ${library}${BUILDS}`],
    },
    {
      damage: (home, closure) => overwrite(home.realPath(zeros(closure)), (old) => `${old}x`),
      words: both,
    },
    {
      damage(home, closure) {
        const file = home.realPath(zeros(closure));
        change(file, () => rmSync(file));
      },
      words: both,
    },
    {
      damage: (home) =>
        change(join(home.realPath(library), 'lib', 'more'), () =>
          writeFileSync(join(home.realPath(library), 'lib', 'more'), ''),
        ),
      words: both,
    },
    {
      damage: (home, closure) => chmodSync(home.realPath(zeros(closure)), 0o555),
      words: both,
    },
    // What no hash covers.
    {
      damage: (home, closure) => chmodSync(home.realPath(zeros(closure)), 0o644),
      words: both,
    },
    {
      damage(home) {
        rmSync(home.realPath(link));
        symlinkSync('/elsewhere', home.realPath(link));
      },
      words: [...VERIFY, `--verify-path ${link}`, ...REPAIR_BUILT],
    },
    // Nobody refers to it; somebody does; whoever does is gone too.
    { damage: pathIsGone(link), words: [`--verify-path ${link}`, '--verify'] },
    { damage: pathIsGone(link, development), words: ['--verify --check-contents --repair'] },
    { damage: pathIsGone(text), words: [...VERIFY, `--verify-path ${text}`, ...REPAIR] },
    { damage: pathIsGone(application, link, development), words: VERIFY },
    { damage: pathIsGone(source, text), words: [...VERIFY, ...REPAIR] },
    {
      damage(home) {
        renameSync(home.realPath(text), `${home.realPath(text)}-x`);
        writeFileSync(home.realPath('/nix/store/strange name'), '');
      },
      words: VERIFY,
    },
  ]);
  assert.ok(calls > 40, `${calls} calls`);
});

peerTest('databases that lack hashes and sizes', { nix: ['2.34'] }, async (nix) => {
  await using beside = await openBesideNix(nix('2.34'));
  const { library, application } = beside.closure;
  const noHash = `update ValidPaths set hash = 'sha256:${'0'.repeat(64)}' where path = '${library}'`;
  const noSize = `update ValidPaths set narSize = null where path = '${application}'`;
  await onEach(beside, [
    { damage: (home) => changeDatabase(home.root, noHash), words: [...VERIFY, ...VERIFY] },
    { damage: (home) => changeDatabase(home.root, noSize), words: [...VERIFY, ...VERIFY] },
    {
      damage: (home) => changeDatabase(home.root, `${noHash}; ${noSize}`),
      words: ['--verify --check-contents --repair'],
    },
    {
      damage: (home) =>
        changeDatabase(home.root, `update ValidPaths set hash = 'md5:x' where path = '${library}'`),
      words: VERIFY,
    },
  ]);
});

peerTest('links that are damaged', { nix: ['2.34'] }, async (nix) => {
  await using beside = await openBesideNix(nix('2.34'), {
    async prepareEach(home) {
      // The same file in two paths, and an equal one that comes later.
      const tree = join(home.path, 'twice');
      cpSync(join(home.path, 'small-source'), tree, { recursive: true, verbatimSymlinks: true });
      writeFileSync(join(tree, 'more'), 'more\n');
      await home.runOk('nix-store', ['--add', tree]);
      await home.runOk('nix-store', ['--optimise']);
    },
  });
  const { source } = beside.closure;
  const file = `${source}/plain.txt`;
  await onEach(beside, [
    { damage() {}, words: [...VERIFY, '--verify --check-contents -v', '--optimise'] },
    // All that share the file are damaged with it.
    {
      damage: (home) => overwrite(home.realPath(file), (old) => old.toUpperCase()),
      words: [...VERIFY, '--verify --check-contents --repair', '--verify --check-contents'],
    },
    // The link alone: it stands for another file.
    {
      damage(home) {
        const link = linkOf(home, file);
        rmSync(link);
        writeFileSync(link, 'damaged\n', { mode: 0o444 });
      },
      words: [...VERIFY, '--verify --check-contents --repair', '--optimise'],
    },
    {
      damage(home) {
        const link = linkOf(home, file);
        copyFileSync(link, join(dirname(link), 'no-hash'));
        renameSync(link, `${link}0`);
      },
      words: ['--verify --check-contents', '--verify --check-contents --repair'],
    },
    {
      damage: (home) => overwrite(home.realPath(`${source}/run`), (old) => old),
      words: ['--optimise', '--verify --check-contents'],
    },
    {
      damage: (home) => rmSync(home.realPath('/nix/store/.links'), { recursive: true }),
      words: ['--verify --check-contents', '--optimise', '--verify --check-contents'],
    },
  ]);
});

peerTest('what is repaired from a substituter', { nix: ['2.34'] }, async (nix) => {
  await using beside = await openBesideNix(nix('2.34'), {
    prepareEach: async (home, { application, link, library }) => {
      const paths = [application, link, library];
      await home.runOk('nix', ['copy', '--to', `file://${home.path}/cache`, ...paths]);
    },
  });
  const { publicKey, library, application, source } = beside.closure;
  const from = '--option substituters file://HOME/cache';
  const keys = `--option trusted-public-keys ${publicKey}`;
  const damage =
    (file: string): Damage =>
    (home) =>
      overwrite(home.realPath(file), (old) => `x${old.slice(1)}`);
  const binary = damage(`${application}/bin/small`);
  const check = '--verify --check-contents';
  await onEach(beside, [
    { damage: binary, words: withKey(`${check} --repair ${from}`, keys, [check]) },
    { damage: binary, words: withKey(`--repair-path ${application} ${from}`, keys, [check]) },
    // Nobody who is trusted has signed it.
    { damage: binary, words: [`--repair-path ${application} ${from}${BUILDS}`] },
    {
      damage: damage(`${library}/lib/zeros`),
      words: [`--repair-path ${library} ${from} ${keys} --option require-sigs false`, check],
    },
    // Named by its contents.
    { damage: damage(`${source}/run`), words: [`${check} --repair ${from}`, check] },
    {
      damage: (home) => removeTree(home.realPath(source)),
      words: [check, `--verify --repair ${from}`, check],
    },
    {
      damage(home, closure) {
        binary(home, closure);
        damage(`${source}/run`)(home, closure);
        removeTree(home.realPath(application));
      },
      words: withKey(`${check} --repair ${from}`, keys, [check]),
    },
    // What nobody has is left out: Nix 2.34 then builds, and sometimes waits for ever. Ours: src/copy/repair.test.ts.
    // Whole, and taken anew all the same.
    { damage() {}, words: [`--repair-path ${source} ${application} ${from} ${keys}`, check] },
  ]);
});

function withKey(words: string, keys: string, more: readonly string[]): string[] {
  return [`${words} ${keys}`, ...more];
}
