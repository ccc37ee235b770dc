/** `nix-store --realise` beside Nix 2.34: from substituters, with roots, and what nobody can give. */
import assert from 'node:assert/strict';
import {
  chmodSync,
  existsSync,
  readdirSync,
  readlinkSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { openBesideNix, type BesideNix, type CompareOptions } from '../../support/beside-nix.ts';
import { runFerry, runFerryOk } from '../../support/ferry-program.ts';
import { startNixDaemon } from '../../support/nix-daemon.ts';
import { makeNixHome, type NixHome } from '../../support/nix-home.ts';
import { peerTest, type NixPeer } from '../../support/peers.ts';
import { makeQueryCorpus, type QueryCorpus } from '../../support/query-corpus.ts';
import { makeSmallClosure, type SmallClosure } from '../../support/small-closure.ts';
import { makeTempDirectory } from '../../support/temp.ts';

const ABSENT = '/nix/store/00000000000000000000000000000000-none';
const ABSENT_DRV = `${ABSENT}.drv`;

interface Scene extends AsyncDisposable {
  readonly beside: BesideNix;
  readonly corpus: QueryCorpus;
  /** Takes away again what was realised: all but the sources and the derivations. */
  strip(): Promise<void>;
  compare(words: string, options?: CompareOptions): Promise<void>;
}

/** A cache has everything; the stores have derivations and sources. */
async function openScene(nix: NixPeer): Promise<Scene> {
  const resources = new AsyncDisposableStack();
  const { path } = resources.use(makeTempDirectory({ prefix: 'ferry-realise-' }));
  const cache = `file://${path}/cache`;
  const full = resources.use(makeNixHome(nix));
  const closure = await makeSmallClosure(full);
  await makeQueryCorpus(full);
  await full.runOk('nix', [
    'copy',
    '--all',
    '--no-check-sigs',
    '--to',
    `${cache}?compression=none`,
  ]);
  let corpus: QueryCorpus | undefined;
  const beside = resources.use(
    await openBesideNix(nix, {
      settings: { substituters: cache, 'require-sigs': 'false' },
      async prepare(home) {
        corpus = await makeQueryCorpus(home);
      },
    }),
  );
  assert.ok(corpus !== undefined);
  const { chain, diamond, out, bin, dev, fixed } = corpus;
  const built = [out, bin, dev, fixed, ...chain, ...diamond, ...outputsOf(closure)];
  const strip = async (): Promise<void> => {
    for (const home of [beside.theirs, beside.ours]) await removeValid(home, built);
  };
  await strip();
  const taken = resources.move();
  return {
    beside,
    corpus,
    strip,
    compare: async (words, options) => {
      await beside.compare('nix-store', words, options);
    },
    [Symbol.asyncDispose]: () => taken.disposeAsync(),
  };
}

function outputsOf({ library, application, development, link }: SmallClosure): string[] {
  return [library, application, development, link];
}

async function removeValid(home: NixHome, paths: readonly string[]): Promise<void> {
  const { stdout } = await home.run('nix-store', ['--check-validity', '--print-invalid', ...paths]);
  const invalid = new Set(stdout.split('\n'));
  const valid = paths.filter((path) => !invalid.has(path));
  if (valid.length > 0) await home.runOk('nix-store', ['--delete', '--ignore-liveness', ...valid]);
}

/** Both have the same paths now, and those are whole. */
async function compareContents({ beside }: Scene): Promise<void> {
  await beside.compareStores('nix-store', '--verify --check-contents');
  await beside.compareStores('nix-store', '--dump-db');
  await beside.compareStores('nix', 'path-info --all --sigs');
}

peerTest('what would be fetched and built is told as by Nix', { nix: ['2.34'] }, async (nix) => {
  await using scene = await openScene(nix('2.34'));
  const { closure } = scene.beside;
  const { application, applicationDrv, link, linkDrv, library, source } = closure;
  const { severalDrv, unbuiltDrv, fixedDrvs, chain, oddDrv } = scene.corpus;
  const calls = [
    link,
    library,
    source,
    linkDrv,
    `${applicationDrv}!dev`,
    `${applicationDrv}!out,dev ${linkDrv} ${link}`,
    `${severalDrv}!bin`,
    severalDrv,
    unbuiltDrv,
    `${unbuiltDrv} ${oddDrv} ${link}`,
    fixedDrvs.join(' '),
    `${chain[5]} ${source}`,
    ABSENT,
    `${ABSENT_DRV} ${ABSENT} ${application}`,
    `${ABSENT_DRV}!out`,
    `--ignore-unknown ${ABSENT} ${application}`,
    `--quiet ${link}`,
    '',
  ];
  for (const words of calls) {
    await scene.compare(`-r --dry-run ${words}`.trim(), { stderr: true });
  }
  // Nothing was done.
  await scene.compare(`--check-validity --print-invalid ${link} ${application} ${library}`);
});

peerTest('paths and outputs come from a cache', { nix: ['2.34'] }, async (nix) => {
  await using scene = await openScene(nix('2.34'));
  const { application, applicationDrv, link, linkDrv, library, source, development } =
    scene.beside.closure;
  const { severalDrv, unbuiltDrv, fixedDrvs, fixed, chain, chainDrv, out } = scene.corpus;
  const calls = [
    `--realise ${link}`,
    `-r ${linkDrv}`,
    `-r ${applicationDrv}`,
    `-r ${applicationDrv}!dev`,
    `-r ${applicationDrv}!dev,out ${linkDrv}!out ${source} ${chain[2]}`,
    `-r ${severalDrv}!bin,dev`,
    `--realize ${chainDrv} ${fixedDrvs.join(' ')}`,
    `-r --no-output ${library}`,
    `-r --check ${library} ${source}`,
    `-r --ignore-unknown ${ABSENT} ${library} ${ABSENT_DRV}`,
    `-r --no-gc-warning ${fixed}`,
    // What fails takes nothing with it that the others have.
    `-r ${ABSENT}`,
    `-r ${ABSENT_DRV}`,
    `-r ${unbuiltDrv}`,
    `-r ${severalDrv}`,
    `-r ${severalDrv}!none`,
    `-r ${severalDrv}!doc`,
    `-r HOME/file`,
    `-r ${library}!out`,
    `-r --frob ${library}`,
    `-r --check ${applicationDrv}`,
    '-r',
  ];
  for (const words of calls) {
    await scene.compare(words);
    await scene.strip();
  }
  // Queries that realise first, and derivations that are fetched to be read.
  for (const words of [
    `-q -f ${applicationDrv}`,
    `-q -f --hash ${library} ${application}`,
    `-q -f --size -u ${applicationDrv}`,
    `-q -f -R -u ${linkDrv}`,
    `-q -f --references ${out} ${ABSENT} ${library}`,
    `-q -f --outputs ${linkDrv} ${ABSENT} ${severalDrv}`,
  ]) {
    await scene.compare(words);
    await scene.strip();
  }
  // The process that asks holds what it has realised.
  const withoutPid = (text: string): string => text.replaceAll(/\{temp:\d+\}/g, '{temp}');
  await scene.compare(`-q -f --roots ${development}`, { by: withoutPid });
  for (const home of [scene.beside.theirs, scene.beside.ours]) {
    await removeValid(home, [unbuiltDrv, oddOf(scene)]);
  }
  for (const words of [
    `-q --outputs ${unbuiltDrv}`,
    `-q -b name ${oddOf(scene)}`,
    `-r --dry-run ${unbuiltDrv}`,
  ]) {
    await scene.compare(words);
  }
  await compareContents(scene);
});

function oddOf({ corpus }: Scene): string {
  return corpus.oddDrv;
}

peerTest('what is broken is taken anew', { nix: ['2.34'] }, async (nix) => {
  await using scene = await openScene(nix('2.34'));
  const { beside } = scene;
  const { application, applicationDrv, library, linkDrv, source } = beside.closure;
  const { chain, chainDrv } = scene.corpus;
  for (const home of [beside.theirs, beside.ours]) {
    await home.runOk('nix-store', ['--realise', linkDrv, applicationDrv, chainDrv]);
  }
  const breakPaths = (...paths: readonly string[]): void => {
    for (const home of [beside.theirs, beside.ours]) {
      for (const path of paths) {
        const real = home.realPath(path);
        chmodSync(real, 0o755);
        writeFileSync(join(real, 'added'), 'by somebody else');
        chmodSync(real, 0o555);
      }
    }
  };
  for (const words of [
    `-r --repair ${library}`,
    `-r --repair ${source} ${application}`,
    `-r --repair ${applicationDrv}`,
    `-r --repair ${linkDrv}!out`,
    `-r --repair --check ${library}`,
    `-r --repair ${ABSENT}`,
    `-r --repair ${ABSENT_DRV}`,
  ]) {
    breakPaths(library, application);
    await scene.compare(words);
  }
  for (const words of [
    `-r --repair ${library} ${application}`,
    `-r --repair ${chainDrv}`,
    // Nobody has it.
    `-r --repair ${chainDrv} --option substitute false`,
    `-r --repair ${library} --option substitute false`,
  ]) {
    await scene.compare(words);
  }
  breakPaths(chain[0] ?? '');
  await scene.compare(`-r --repair ${chainDrv}`);
  // Ferry keeps the signatures that the path had, beside those that come with its contents.
  await beside.compareStores('nix-store', '--verify --check-contents');
  await beside.compareStores('nix-store', '--dump-db');
});

peerTest('roots are named and numbered as by Nix', { nix: ['2.34'] }, async (nix) => {
  await using scene = await openScene(nix('2.34'));
  const { beside } = scene;
  const { application, applicationDrv, library, link, linkDrv, source } = beside.closure;
  for (const home of [beside.theirs, beside.ours]) {
    writeFileSync(join(home.path, 'file'), 'in the way');
    symlinkSync('nowhere', join(home.path, 'elsewhere'));
    symlinkSync(library, join(home.path, 'older'));
  }
  for (const words of [
    `-r ${application} --add-root HOME/a`,
    `-r --add-root b --indirect ${library} ${applicationDrv} ${applicationDrv}!dev ${source}`,
    `-r --add-root HOME/deep/down/c ${linkDrv}`,
    `-r --add-root HOME/older ${application}`,
    `-r --add-root HOME/d --no-output ${link}`,
    `-r --add-root HOME/file ${application}`,
    `-r --add-root HOME/elsewhere ${application}`,
    `-r --add-root /nix/store/x ${application}`,
    `-r --add-root HOME/e ${application} ${ABSENT}`,
    `-q -f --add-root HOME/f ${library} ${applicationDrv}`,
    `-q --add-root HOME/g --outputs ${applicationDrv}`,
    `-r --dry-run --add-root HOME/h ${application}`,
    `-r --add-root HOME/a ${link}`,
  ]) {
    await scene.compare(words);
    assert.deepEqual(linksOf(beside.ours), linksOf(beside.theirs), words);
  }
});

/** Names of links in the home, and what the collector finds of them. */
function linksOf({ path }: NixHome): object {
  const links = (directory: string): [string, string][] =>
    readdirSync(directory, { withFileTypes: true })
      .filter((entry) => entry.isSymbolicLink())
      .map((entry): [string, string] => [
        entry.name,
        readlinkSync(join(directory, entry.name)).replaceAll(path, 'HOME'),
      ])
      .sort(([a], [b]) => (a < b ? -1 : 1));
  const auto = join(path, 'root/nix/var/nix/gcroots/auto');
  return {
    here: [path, join(path, 'deep/down')].filter((some) => existsSync(some)).map(links),
    // Their names are hashes of where the links are.
    auto: existsSync(auto)
      ? links(auto)
          .map(([, target]) => target)
          .sort()
      : [],
  };
}

peerTest('a daemon realises, and is told of roots', { nix: ['2.34'] }, async (nix) => {
  await using scene = await openScene(nix('2.34'));
  const { beside } = scene;
  await using _theirs = await startNixDaemon(beside.theirs);
  await using _ours = await startNixDaemon(beside.ours);
  const { application, applicationDrv, library, link, linkDrv } = beside.closure;
  const { severalDrv, unbuiltDrv, chain } = scene.corpus;
  const daemon = '--store unix://HOME/s?root=HOME/root';
  for (const words of [
    `-r --dry-run ${linkDrv} ${chain[3]} ${ABSENT} ${unbuiltDrv}`,
    `-r ${linkDrv}`,
    `-r ${applicationDrv}!dev ${library}`,
    `-r --add-root HOME/a ${link} ${applicationDrv}`,
    `-r --check ${library}`,
    `-r --ignore-unknown ${ABSENT} ${chain[3]}`,
    `-r ${ABSENT}`,
    `-r ${severalDrv}`,
    `-r --check ${applicationDrv}`,
    `-q -f ${applicationDrv}`,
    `-q -f --add-root HOME/b ${linkDrv} ${application}`,
  ]) {
    await scene.compare(`${daemon} ${words}`);
    assert.deepEqual(linksOf(beside.ours), linksOf(beside.theirs), words);
  }
  // Ferry's own command, the same way.
  const ferry = ['realise', '--store', daemon.split(' ')[1] ?? '', '--add-root', 'HOME/own'];
  const run = await runFerryOk(
    beside.ours,
    [...ferry, link, library].map((word) => word.replaceAll('HOME', beside.ours.path)),
  );
  const own = join(beside.ours.path, 'own');
  assert.equal(run, `${own}\n${own}-2\n`);
  const roots = await beside.ours.runOk('nix-store', ['--gc', '--print-roots']);
  assert.ok(roots.includes(`"${own}-2" -> ${library}`), roots);
  await compareContents(scene);
});

const BUILDABLE = `
let
  manifest = builtins.toFile "manifest" "";
  make = name: more: derivation ({ inherit name manifest; system = "builtin"; builder = "builtin:buildenv"; derivations = [ ]; } // more);
  floating = { __contentAddressed = true; outputHashMode = "recursive"; outputHashAlgo = "sha256"; };
in {
  plain = (make "plain" { }).drvPath;
  floating = (make "floating" floating).drvPath;
  failing = (make "failing" { derivations = [ "true" "no number" ]; }).drvPath;
}
`;

peerTest('a daemon builds, which ferry itself does not', { nix: ['2.34'] }, async (nix) => {
  let drvs = { plain: '', floating: '', failing: '' };
  const settings = {
    'experimental-features': 'nix-command ca-derivations',
    'build-hook': '',
    'sandbox-paths': '',
  };
  await using beside = await openBesideNix(nix('2.34'), {
    settings,
    async prepare(home) {
      const evaluate = ['--eval', '--strict', '--json', '--read-write-mode', '-E', BUILDABLE];
      drvs = JSON.parse(await home.runOk('nix-instantiate', evaluate));
    },
  });
  const { plain, floating, failing } = drvs;
  const here = await runFerry(beside.ours, ['nix-store', '--realise', plain]);
  assert.equal(here.status, 1);
  assert.match(here.stderr, /would have to be built, and ferry does not build/);
  await using _theirs = await startNixDaemon(beside.theirs);
  await using _ours = await startNixDaemon(beside.ours);
  const daemon = '--store unix://HOME/s?root=HOME/root';
  for (const words of [
    `-r --dry-run ${plain} ${floating} ${failing}`,
    `-r ${failing}`,
    `-r ${failing} ${plain}`,
    `-r --add-root HOME/link ${plain} ${floating}`,
    `-r ${floating}!out`,
    `-r --check ${plain}`,
    `-q -f ${floating}`,
    `-q --outputs ${floating}`,
    `-q -R --include-outputs ${plain} ${floating}`,
  ]) {
    await beside.compare('nix-store', `${daemon} ${words}`);
    assert.deepEqual(linksOf(beside.ours), linksOf(beside.theirs), words);
  }
});
