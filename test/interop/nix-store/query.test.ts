/** Every query of `nix-store`, beside Nix 2.34: the same words, the same lines in the same order, the same end. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { openBesideNix, type BesideNix, type CompareOptions } from '../../support/beside-nix.ts';
import { farNix, runFerry } from '../../support/ferry-program.ts';
import { startNixDaemon } from '../../support/nix-daemon.ts';
import { peerTest, type NixPeer } from '../../support/peers.ts';
import { makeQueryCorpus, makeQueryRoots, type QueryCorpus } from '../../support/query-corpus.ts';
import { runOk } from '../../support/run.ts';
import { startSshd } from '../../support/sshd.ts';
import { makeTempDirectory } from '../../support/temp.ts';

const ABSENT = '/nix/store/00000000000000000000000000000000-none';
const ABSENT_DRV = `${ABSENT}.drv`;

interface Scene {
  readonly beside: BesideNix;
  readonly corpus: QueryCorpus;
}

async function openScene(
  nix: NixPeer,
  settings: Readonly<Record<string, string>> = {},
): Promise<Scene & AsyncDisposable> {
  let corpus: QueryCorpus | undefined;
  const beside = await openBesideNix(nix, {
    // Nix reads derivations of floating outputs only with that; ferry does so anyway.
    settings: { 'experimental-features': 'nix-command ca-derivations', ...settings },
    async prepare(home) {
      corpus = await makeQueryCorpus(home);
    },
    async prepareEach(home, closure) {
      if (corpus !== undefined) await makeQueryRoots(home, closure, corpus);
    },
  });
  assert.ok(corpus !== undefined);
  return { beside, corpus, [Symbol.asyncDispose]: () => beside[Symbol.asyncDispose]() };
}

type Call = string | readonly [words: string, options: CompareOptions];

async function compareAll({ beside }: Scene, calls: readonly Call[]): Promise<void> {
  for (const call of calls) {
    if (typeof call === 'string') await beside.compare('nix-store', call);
    else await beside.compare('nix-store', call[0], call[1]);
  }
}

const sorted = (text: string): string => text.split('\n').sort().join('\n');

peerTest('sets of paths: references, referrers, closures', { nix: ['2.34'] }, async (nix) => {
  await using scene = await openScene(nix('2.34'));
  const { closure } = scene.beside;
  const { chain, diamond, severalDrv, out, bin, dev, doc, fixed, fixedDrvs } = scene.corpus;
  const { unbuiltDrv, floatingDrv, oddDrv, chainDrv } = scene.corpus;
  const { application, applicationDrv, library, link, linkDrv, source, text } = closure;
  const [base = '', , right = '', top = ''] = diamond;
  const all = [...closure.paths, ...chain, ...diamond, out, bin, dev, fixed];
  await compareAll(scene, [
    `-q --requisites ${application}`,
    `-q -R ${application} ${library}`,
    `-qR ${link} ${top} ${dev}`,
    `--query --requisites ${all.join(' ')}`,
    `--query --requisites ${all.toReversed().join(' ')}`,
    `-q -R -R --requisites ${top}`,
    `-q -R`,
    `-q -R ${linkDrv}`,
    `-q -R --include-outputs ${linkDrv}`,
    `-q -R --include-outputs ${unbuiltDrv} ${chainDrv}`,
    `-q -R --include-outputs ${fixedDrvs.join(' ')}`,
    `-q -R --include-outputs ${floatingDrv}`,
    `-q -R --include-outputs ${application}`,
    `-q -R --use-output ${applicationDrv}`,
    `-q -R -u ${chainDrv} ${application}`,
    `-q -R -u ${unbuiltDrv}`,
    `-q -R -u ${floatingDrv}`,
    `-q -R ${ABSENT}`,
    `-q -R ${application} ${ABSENT}`,
    `-q -R HOME/result`,
    `-q -R HOME/to-result`,
    `-q -R HOME/program ${out}/bin/program ${out}/not/there`,
    `-q -R HOME/file`,
    `-q --references ${application}`,
    `-q --references ${top} ${right} ${application} ${top}`,
    `-q --references ${base} ${text}`,
    `-q --references ${linkDrv} ${unbuiltDrv}`,
    `-q --references -u ${severalDrv}`,
    `-q --references -u ${applicationDrv} ${chainDrv}`,
    `-q --references ${ABSENT}`,
    `-q --references ${application} ${ABSENT}`,
    `-q --references`,
    `-q --referrers ${source}`,
    `-q --referrers ${library} ${base}`,
    `-q --referers ${base} ${chain[0]}`,
    `-q --referrers ${link}`,
    `-q --referrers ${ABSENT}`,
    `-q --referrers ${severalDrv} ${fixedDrvs[0]}`,
    `-q --referrers -u ${applicationDrv}`,
    `-q --referrers HOME/result`,
    `-q --referrers-closure ${base}`,
    `-q --referrers-closure ${source} ${chain[1]}`,
    `-q --referers-closure ${chain[0]}`,
    `-q --referrers-closure ${ABSENT}`,
    `-q --referrers-closure ${ABSENT} ${library}`,
    `-q --referrers-closure -u ${applicationDrv}`,
    `-q --referrers-closure ${oddDrv}`,
    `-q --referrers-closure ${all.join(' ')}`,
    `-q --valid-derivers ${fixed}`,
    `-q --valid-derivers ${application} ${library} ${fixed}`,
    `-q --valid-derivers ${closure.development} ${link} ${chain[5]} ${doc}`,
    `-q --valid-derivers ${source}`,
    `-q --valid-derivers ${chain[0]}`,
    `-q --valid-derivers ${ABSENT} ${applicationDrv}`,
    `-q --valid-derivers`,
  ]);
  const input = `${application}\n  ${library}\t${top}\n`;
  await scene.beside.compare('nix-store', '-q -R --stdin', { input });
  await scene.beside.compare('nix-store', `-q --references --stdin ${dev}`, { input });
  await scene.beside.compare('nix-store', ['-q', '-R', '']);
});

peerTest('facts about each path', { nix: ['2.34'] }, async (nix) => {
  await using scene = await openScene(nix('2.34'));
  const { application, applicationDrv, library, linkDrv, source, text, development } =
    scene.beside.closure;
  const { severalDrv, out, doc, fixed, fixedDrvs, unbuiltDrv, unbuilt, chain } = scene.corpus;
  const { floatingDrv, structuredDrv, oddDrv } = scene.corpus;
  await compareAll(scene, [
    `-q ${applicationDrv}`,
    `-q --outputs ${severalDrv} ${linkDrv}`,
    `-q --outputs ${application} ${severalDrv} ${severalDrv}`,
    `-q --outputs ${unbuiltDrv} ${fixedDrvs.join(' ')} ${oddDrv} ${structuredDrv}`,
    `-q --outputs ${floatingDrv}`,
    `-q --outputs ${linkDrv} ${floatingDrv} ${severalDrv}`,
    `-q --outputs ${ABSENT}`,
    `-q --outputs ${linkDrv} ${ABSENT_DRV} ${severalDrv}`,
    `-q --outputs -u ${linkDrv}`,
    `-q`,
    `-q --outputs HOME/result`,
    `-q --deriver ${application} ${development} ${source} ${fixed} ${chain[2]}`,
    `-q -d ${library}`,
    `-q -d ${applicationDrv}`,
    `-q -d ${library} ${ABSENT} ${application}`,
    `-q -d ${library} HOME/file ${application}`,
    `-q -d -u ${applicationDrv}`,
    `-q --hash ${application} ${text} ${application}`,
    `-q --hash ${out} ${ABSENT} ${application}`,
    `-q --hash -u ${severalDrv}`,
    `-q --hash -u ${applicationDrv} ${linkDrv}`,
    `-q --hash HOME/program`,
    `-q --hash ${severalDrv}`,
    `-q --size ${library} ${source} ${text} ${fixed}`,
    `-q --size -u ${applicationDrv}`,
    `-q --size ${unbuilt}`,
    `-q --size ${source} ${doc}`,
    `-q --size HOME/result/bin/program`,
    `-q --binding name ${applicationDrv} ${severalDrv}`,
    `-q -b name ${application} ${library} ${fixed}`,
    `-q ${application} -b name`,
    `-q -b out ${applicationDrv}`,
    `-q -b outputs ${severalDrv} ${out}`,
    `-q -b quotes ${oddDrv}`,
    `-q -b lines ${oddDrv}`,
    `-q -b unicode ${oddDrv}`,
    `-q -b empty ${oddDrv}`,
    `-q -b args ${oddDrv}`,
    `-q -b dollar ${oddDrv} ${applicationDrv}`,
    `-q -b __json ${structuredDrv}`,
    `-q -b list ${structuredDrv}`,
    `-q -b none ${applicationDrv}`,
    `-q -b name ${source}`,
    `-q -b name ${applicationDrv} ${source} ${severalDrv}`,
    `-q -b name ${ABSENT}`,
    `-q -b name ${ABSENT_DRV}`,
    `-q -b name`,
    `-q -b`,
    `-q --binding name --binding out ${applicationDrv}`,
    `-q -b system -b name out ${applicationDrv}`,
    `-q --resolve ${application} HOME/result HOME/to-result HOME/program ${ABSENT}`,
    `-q --resolve ${application}/share/self ${ABSENT}/x/y`,
    `-q --resolve HOME/to-to-result`,
    `-q --resolve HOME/./result/ HOME/links/../result`,
    `-q --resolve ${application} HOME/loop ${application}`,
    `-q --resolve HOME/dangling`,
    `-q --resolve HOME/file`,
    `-q --resolve HOME/result/bin`,
    `-q --resolve HOME/root${application}`,
    `-q --resolve result`,
    `-q --resolve ./to-result`,
    `-q --resolve ${application.slice('/nix/store/'.length)}`,
    '-q --resolve /nix/store',
    '-q --resolve /nix/store/',
    '-q --resolve /nix/store/short',
    '-q --resolve /nix/store/../store/00000000000000000000000000000000-none',
    '-q --resolve nix-store',
    '-q --resolve',
    // Two queries at once, and what isn't known.
    `-q -R --references ${application}`,
    `-q --tree --graph ${application}`,
    `-q --hash --size ${application}`,
    `-q --frob ${application}`,
    `-q -z ${application}`,
    `-q --dry-run ${application}`,
    `-q --query ${applicationDrv}`,
    `-q --no-output ${applicationDrv}`,
  ]);
});

peerTest('pictures of closures', { nix: ['2.34'] }, async (nix) => {
  await using scene = await openScene(nix('2.34'));
  const { closure } = scene.beside;
  const { application, applicationDrv, library, link, linkDrv } = closure;
  const { chain, diamond, severalDrv, out, bin, dev, fixed, unbuiltDrv } = scene.corpus;
  const [base = '', left = '', , top = ''] = diamond;
  const all = [...closure.paths, ...chain, ...diamond, out, bin, dev, fixed].join(' ');
  const words = [
    application,
    `${link} ${top}`,
    chain[5],
    top,
    `${left} ${top} ${base}`,
    `${dev} ${out} ${bin} ${dev}`,
    `${linkDrv} ${unbuiltDrv}`,
    `-u ${severalDrv}`,
    `-u ${applicationDrv} ${linkDrv}`,
    'HOME/result HOME/program',
    ABSENT,
    `${application} ${ABSENT} ${library}`,
    `${fixed} HOME/file ${library}`,
    all,
    '',
  ];
  for (const picture of ['--tree', '--graph', '--graphml']) {
    await compareAll(
      scene,
      words.map((some) => `-q ${picture} ${some}`.trim()),
    );
  }
});

peerTest('roots that reach paths', { nix: ['2.34'] }, async (nix) => {
  for (const settings of [{}, { 'keep-outputs': 'true' }, { 'keep-derivations': 'false' }]) {
    await using scene = await openScene(nix('2.34'), settings);
    const { application, applicationDrv, library, source } = scene.beside.closure;
    const { chain, diamond, severalDrv, out, bin, dev, fixed, fixedDrvs } = scene.corpus;
    const words = [
      application,
      source,
      `${library} ${diamond[0]} ${fixed}`,
      chain[0],
      chain[5],
      `${out} ${bin} ${dev}`,
      severalDrv,
      `-u ${severalDrv}`,
      `${fixedDrvs[0]} ${applicationDrv}`,
      'HOME/indirect',
      ABSENT,
      'HOME/file',
      '',
    ];
    // What the settings change is what an output and its derivation keep of each other.
    const few = [application, severalDrv, `-u ${severalDrv}`, fixedDrvs[0]];
    for (const some of Object.keys(settings).length === 0 ? words : few) {
      // Nix has them in a set without an order.
      await scene.beside.compare('nix-store', `-q --roots ${some}`.trim(), { by: sorted });
    }
  }
});

peerTest('programs that run hold what they mention', { nix: ['2.34'] }, async (nix) => {
  await using scene = await openScene(nix('2.34'));
  const { oddDrv } = scene.corpus;
  const env = { HELD: `${oddDrv}:/elsewhere` };
  const child = spawn('/bin/sleep', ['600'], { env, stdio: 'ignore' });
  try {
    await once(child, 'spawn');
    const words = `-q --roots ${oddDrv}`;
    const { theirs } = await scene.beside.compare('nix-store', words, { by: sorted });
    assert.equal(theirs.stdout, `/proc/${child.pid}/environ -> ${oddDrv}\n`);
  } finally {
    child.kill('SIGKILL');
    await once(child, 'exit');
  }
});

peerTest('validity, environments and logs', { nix: ['2.34'], programs: ['bzip2'] }, async (nix) => {
  await using scene = await openScene(nix('2.34'));
  const { beside, corpus } = scene;
  const { application, applicationDrv, library, link, text } = beside.closure;
  const { oddDrv, structuredDrv, floatingDrv, severalDrv, out, fixed, fixedDrvs } = corpus;
  await writeLogs(scene);
  await compareAll(scene, [
    `--check-validity ${application} ${library}`,
    `--check-validity ${application} ${ABSENT} ${library}`,
    '--check-validity',
    `--check-validity HOME/result HOME/file`,
    `--check-validity --print-invalid ${application} ${ABSENT} ${library} ${ABSENT_DRV} ${ABSENT}`,
    `--check-validity --print-invalid ${ABSENT} HOME/file ${ABSENT}`,
    `--check-validity --print-invalid HOME/result`,
    `--check-validity --frob ${application}`,
    `--print-env ${applicationDrv}`,
    `--print-env ${oddDrv}`,
    `--print-env ${structuredDrv}`,
    `--print-env ${floatingDrv}`,
    `--print-env ${severalDrv}`,
    `--print-env ${ABSENT_DRV}`,
    `--print-env ${application}`,
    `--print-env HOME/result`,
    '--print-env',
    `--print-env ${oddDrv} ${severalDrv}`,
    `--print-env --frob ${oddDrv}`,
    `--print-env ${oddDrv}/x`,
    `--read-log ${applicationDrv}`,
    `-l ${application}`,
    `-l ${severalDrv} ${out} HOME/result ${applicationDrv}`,
    `-l ${fixedDrvs[1]}`,
    `-l ${fixed}`,
    `-l ${link}`,
    `-l ${text}`,
    `-l ${applicationDrv} ${link} ${applicationDrv}`,
    `-l ${ABSENT} ${ABSENT_DRV}`,
    '-l',
    `-l --frob ${applicationDrv}`,
  ]);
});

/** Plain, compressed, and where Nix had them once. */
async function writeLogs({ beside, corpus }: Scene): Promise<void> {
  const base = (drv: string): string => drv.slice('/nix/store/'.length);
  const split = (drv: string): string => join(base(drv).slice(0, 2), base(drv).slice(2));
  for (const home of [beside.theirs, beside.ours]) {
    const logs = join(home.path, 'root/nix/var/log/nix/drvs');
    const write = (name: string, content: string): void => {
      mkdirSync(dirname(join(logs, name)), { recursive: true });
      writeFileSync(join(logs, name), content);
    };
    write(split(beside.closure.applicationDrv), 'building\nwithout an end of line');
    write(split(corpus.severalDrv), 'many lines\n'.repeat(20_000));
    await runOk('bzip2', [join(logs, split(corpus.severalDrv))]);
    write(base(corpus.fixedDrvs[1] ?? ''), 'an old one\n');
  }
}

/** Queries that a store of another kind answers, or says that it can't. */
function wordsForOtherStores({ beside, corpus }: Scene): readonly string[] {
  const { application, applicationDrv, library, linkDrv, source } = beside.closure;
  const { chain, severalDrv, out, fixed, oddDrv, floatingDrv, unbuiltDrv } = corpus;
  return [
    `-q --outputs ${severalDrv} ${application} ${linkDrv}`,
    `-q --outputs ${linkDrv} ${floatingDrv}`,
    `-q --outputs ${linkDrv} ${ABSENT_DRV}`,
    `-q -R ${application} ${out}`,
    `-q -R --include-outputs ${linkDrv}`,
    `-q -R -u ${applicationDrv}`,
    `-q -R ${ABSENT}`,
    `-q --references ${application} ${out} ${chain[1]}`,
    `-q --references ${application} ${ABSENT}`,
    `-q --referrers ${library}`,
    `-q --referrers ${ABSENT}`,
    `-q --referrers-closure ${source}`,
    `-q --valid-derivers ${fixed} ${application}`,
    `-q --deriver ${application} ${source} ${ABSENT}`,
    `-q --binding quotes ${oddDrv}`,
    `-q --binding name ${application} ${severalDrv}`,
    `-q --hash ${library} ${ABSENT} ${source}`,
    `-q --size -u ${applicationDrv}`,
    `-q --tree ${application} ${out} ${ABSENT}`,
    `-q --graph ${application} ${chain[2]}`,
    `-q --graphml -u ${severalDrv}`,
    `-q --resolve ${application} HOME/result`,
    `--check-validity ${application} ${library}`,
    `--check-validity --print-invalid ${ABSENT} ${unbuiltDrv} ${ABSENT_DRV}`,
    `--print-env ${oddDrv}`,
  ];
}

peerTest('queries of a daemon', { nix: ['2.34'], programs: ['bzip2'] }, async (nix) => {
  await using scene = await openScene(nix('2.34'));
  await writeLogs(scene);
  await using _theirs = await startNixDaemon(scene.beside.theirs);
  await using _ours = await startNixDaemon(scene.beside.ours);
  const { application, applicationDrv, source } = scene.beside.closure;
  const { severalDrv, diamond } = scene.corpus;
  const daemon = '--store unix://HOME/s?root=HOME/root';
  for (const words of [
    ...wordsForOtherStores(scene),
    `-l ${applicationDrv} ${severalDrv}`,
    `-l ${source}`,
  ]) {
    await scene.beside.compare('nix-store', `${daemon} ${words}`);
  }
  for (const words of [`${source} ${application}`, diamond[0], ABSENT]) {
    await scene.beside.compare('nix-store', `${daemon} -q --roots ${words}`, { by: sorted });
  }
});

peerTest('queries over SSH', { nix: ['2.34'], programs: ['sshd'] }, async (nix) => {
  await using scene = await openScene(nix('2.34'));
  await using temp = makeTempDirectory({ prefix: 'ferry-query-ssh-' });
  await using sshd = await startSshd({ dir: temp.path });
  // Nobody changes it: one will do for both.
  sshd.provide('nix-store', farNix(scene.beside.theirs));
  const { theirs } = scene.beside;
  sshd.provide('nix-daemon', { program: theirs.peer.program('nix-daemon'), env: theirs.env });
  const env = { NIX_SSHOPTS: sshd.sshOptions };
  const all = wordsForOtherStores(scene);
  const { source, applicationDrv } = scene.beside.closure;
  const more = [`-q --roots ${source}`, `-l ${applicationDrv}`];
  for (const words of [...all, ...more]) await compareOver(scene, 'ssh://far', words, env);
  // This is the daemon's protocol, which is compared elsewhere.
  const some = all.filter((words) => /outputs|derivers|referrers|tree|print-env/.test(words));
  for (const words of [...some, ...more]) await compareOver(scene, 'ssh-ng://far', words, env);
});

/** What Nix can't tell of such a store ferry doesn't get wrong: it can't either, or tells what is so over there. */
async function compareOver(
  { beside }: Scene,
  store: string,
  words: string,
  env: Readonly<Record<string, string>>,
): Promise<void> {
  const { theirs, ours } = beside;
  const all = `--store ${store} ${words}`;
  const nix = await theirs.run('nix-store', all.replaceAll('HOME', theirs.path).split(' '), {
    env,
  });
  if (nix.status === 0) {
    // Both ask the same far end. Nix has roots in a set without an order.
    const by = (text: string): string => {
      const same = text.replaceAll(theirs.path, 'HOME');
      return words.includes('--roots') ? sorted(same) : same;
    };
    await beside.compare('nix-store', all, { env, by });
    return;
  }
  const answer = await runFerry(
    ours,
    ['nix-store', ...all.replaceAll('HOME', ours.path).split(' ')],
    {
      env,
    },
  );
  const local = await theirs.run('nix-store', words.replaceAll('HOME', theirs.path).split(' '));
  const isUnable = answer.status === 1 && local.stdout.startsWith(answer.stdout);
  assert.ok(isUnable || answer.stdout === local.stdout, `${all}\n${answer.stderr}`);
}

peerTest('queries of a binary cache', { nix: ['2.34'] }, async (nix) => {
  await using scene = await openScene(nix('2.34'));
  for (const home of [scene.beside.theirs, scene.beside.ours]) {
    await home.runOk('nix', ['copy', '--all', '--no-check-sigs', '--to', `file://${home.path}/c`]);
  }
  for (const words of [
    ...wordsForOtherStores(scene),
    `-q --roots ${scene.beside.closure.source}`,
    `-l ${scene.beside.closure.applicationDrv}`,
  ]) {
    await scene.beside.compare('nix-store', `--store file://HOME/c ${words}`);
  }
});
