/** `nix-store --export` and `--import` beside real Nix, and streams of one taken in by the other. */
import assert, { AssertionError } from 'node:assert/strict';
import { readdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { openBesideNix, type BesideNix } from '../../support/beside-nix.ts';
import { ferryBin, ferryEnv } from '../../support/ferry-program.ts';
import { makeNixHome, type NixHome } from '../../support/nix-home.ts';
import { nixVersions, peerTest } from '../../support/peers.ts';
import { runForBytes, type FinishedBytes } from '../../support/run.ts';
import { makeSmallClosure, type SmallClosure } from '../../support/small-closure.ts';
import { bytesOf, file, nar, u64 } from '../../vectors/nar/build.ts';
import { seedOf } from '../../support/seed.ts';

const magic = u64(0x4558494e);
const invalid = '/nix/store/00000000000000000000000000000000-nothing';
const late = '/nix/store/zzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzz-nothing';

peerTest('exports are those of Nix 2.34, errors too', { nix: ['2.34'] }, async (nix) => {
  await using beside = await openBesideNix(nix('2.34'));
  const { closure } = beside;
  const { source, text, library, libraryDrv, application, development, link } = closure;
  const words = [
    '',
    source,
    text,
    link,
    libraryDrv,
    `${library} ${text}`,
    `${application} ${library} ${source} ${text}`,
    `${development} ${application} ${development}`,
    closure.paths.join(' '),
    closure.paths.toReversed().join(' '),
    `${source}/run`,
    `${library}/lib/small.txt ${library}`,
    'HOME/result',
    'HOME/result/bin/small',
    `--store local?root=HOME/root ${text}`,
    `--add-root HOME/kept ${text}`,
    `--no-output ${text}`,
    `-v ${text}`,
    `--option keep-outputs true ${text}`,
    // What is not there, or makes no sense.
    invalid,
    `${invalid} ${text}`,
    `${text} ${late}`,
    `${text} ${source} ${library} ${invalid} ${late}`,
    `${text} nothing`,
    'HOME/nothing',
    'HOME',
    '/nix/store/bad',
    `${libraryDrv}!out`,
    `--frob ${text}`,
    `--import ${text}`,
    `--max-freed 7 ${text}`,
  ];
  for (const home of [beside.theirs, beside.ours]) linkResult(home, closure);
  for (const each of words) {
    await requireSameBytes(beside, each);
  }
  const input = `${text}\n${source}  ${library}`;
  await beside.compare('nix-store', '--export --stdin', { input });
  await beside.compare('nix-store', `--export ${application} --stdin`, { input });
});

peerTest('what has changed in the store is not exported', { nix: ['2.34'] }, async (nix) => {
  await using beside = await openBesideNix(nix('2.34'), {
    prepareEach: async (home, { library }) => {
      const changed = join(home.realPath(library), 'lib/zeros');
      writeFileSync(changed, 'x'.repeat(70_000));
    },
  });
  const { text, library, source, application } = beside.closure;
  await requireSameBytes(beside, `${text} ${source}`);
  // Nix gives out its NAR, and breaks off before what names it.
  await requireSameBytes(beside, library);
  await requireSameBytes(beside, `${source} ${text} ${library} ${application}`);
});

peerTest('imports end as in Nix 2.34, and leave the same', { nix: ['2.34'] }, async (nix) => {
  await using beside = await openBesideNix(nix('2.34'));
  const { closure, theirs } = beside;
  const { source, text, library, application, libraryDrv, applicationDrv } = closure;
  const exported = async (...paths: readonly string[]): Promise<Uint8Array> =>
    (await theirs.runForBytes('nix-store', ['--export', ...paths])).stdout;
  const whole = await exported(source, text, library, application);
  const trailer = (...pieces: (string | Uint8Array)[]): Uint8Array =>
    bytesOf(u64(1), nar(file('x')), ...pieces);
  const named = (name: string, ...rest: (string | Uint8Array)[]): Uint8Array =>
    trailer(magic, `/nix/store/11111111111111111111111111111111-${name}`, ...rest);
  const self = '/nix/store/11111111111111111111111111111111-self';
  const plain = [u64(0), '', u64(0)] as const;
  const streams: Record<string, Uint8Array> = {
    nothing: new Uint8Array(),
    'the end alone': u64(0),
    'half a mark': new Uint8Array(4),
    'another mark': u64(2),
    'a mark that is a text': Buffer.from('nix-archive-1abc'),
    'a closure': whole,
    'a closure with something after it': bytesOf(whole, 'something'),
    'a closure without its end': whole.subarray(0, -8),
    'one closure after the other': bytesOf(whole, whole),
    'a path without its references': await exported(library),
    'two paths, the second without all of its references': await exported(text, library),
    derivations: await exported(text, source, libraryDrv, applicationDrv),
    'a derivation alone': await exported(libraryDrv),
    'a path twice': bytesOf((await exported(text)).subarray(0, -8), await exported(text)),
    'a path twice, with other contents': bytesOf(
      named('x', ...plain),
      u64(1),
      nar(file('y')),
      magic,
      '/nix/store/11111111111111111111111111111111-x',
      ...plain,
      u64(0),
    ),
    'a path that refers to itself': bytesOf(named('self', u64(1), self, '', u64(0)), u64(0)),
    'a reference twice': bytesOf(named('self', u64(2), self, self, '', u64(0)), u64(0)),
    'a deriver that is none': bytesOf(named('x', u64(0), text, u64(0)), u64(0)),
    'a deriver that is no path': bytesOf(named('x', u64(0), 'deriver', u64(0)), u64(0)),
    'a cycle': bytesOf(
      named('x', u64(1), self, '', u64(0)),
      named('self', u64(1), '/nix/store/11111111111111111111111111111111-x', '', u64(0)),
      u64(0),
    ),
    'an old signature': bytesOf(named('x', u64(0), '', u64(1), 'signature'), u64(0)),
    'what is neither a signature nor none': bytesOf(named('x', u64(0), '', u64(2)), u64(0)),
    'a signature past 32 bits': bytesOf(named('x', u64(0), '', u64(2n ** 32n)), u64(0)),
    'another magic': bytesOf(trailer(u64(1), text, ...plain), u64(0)),
    'a magic past 32 bits': bytesOf(trailer(u64(0x1_4558_494en), text, ...plain), u64(0)),
    'a name with a slash': bytesOf(named('x/y', ...plain), u64(0)),
    'a name with two dots': bytesOf(named('../../etc', ...plain), u64(0)),
    'a name with a NUL': bytesOf(named('x\0y', ...plain), u64(0)),
    'a name that is too long': bytesOf(named('x'.repeat(300), ...plain), u64(0)),
    'a slash too many': bytesOf(
      trailer(magic, '/nix/store//11111111111111111111111111111111-x', ...plain),
      u64(0),
    ),
    'another store directory': bytesOf(
      trailer(magic, '/gnu/store/11111111111111111111111111111111-x', ...plain),
      u64(0),
    ),
    'a base name': bytesOf(trailer(magic, '11111111111111111111111111111111-x', ...plain), u64(0)),
    'a giant length': bytesOf(trailer(magic, u64(2n ** 60n)), u64(0)),
    'a derivation that is none': bytesOf(named('x.drv', ...plain), u64(0)),
    'a NAR that is none': bytesOf(u64(1), 'nix-archive-2', magic),
    'names in the wrong order': bytesOf(
      u64(1),
      nar(
        '(',
        'type',
        'directory',
        'entry',
        '(',
        'name',
        'b',
        'node',
        file(''),
        ')',
        'entry',
        '(',
        'name',
        'a',
        'node',
        file(''),
        ')',
        ')',
      ),
      magic,
      '/nix/store/11111111111111111111111111111111-x',
      ...plain,
      u64(0),
    ),
    'a file in a file': bytesOf(
      u64(1),
      nar('(', 'type', 'directory', 'entry', '(', 'name', 'a/b', 'node', file(''), ')', ')'),
      magic,
      '/nix/store/11111111111111111111111111111111-x',
      ...plain,
      u64(0),
    ),
  };
  for (const [index, [name, input]] of Object.entries(streams).entries()) {
    const store = `local?root=HOME/into-${index}`;
    const words = ['--import', ...(index === 5 ? ['--no-output'] : []), '--store', store];
    const { theirs: found } = await beside.compare('nix-store', words, { input });
    await beside.compareStores('nix-store', ['--store', store, '--dump-db']);
    if (found.status !== 0) requireTidy(beside.ours, `into-${index}`, name);
  }
  for (const words of ['--import x', '--import --frob', '--import --export']) {
    await beside.compare('nix-store', words, { input: whole });
  }
  // Into the store that has it all.
  await beside.compare('nix-store', '--import', { input: whole });
  await beside.compare('nix-store', '--import --stdin', { input: whole });
  await beside.compareStores('nix-store', '--dump-db');
});

peerTest(
  'a stream with a changed byte is the same to both',
  { nix: ['2.34'] },
  async (nix, context) => {
    const seed = seedOf(context);
    await using beside = await openBesideNix(nix('2.34'));
    const { source, text } = beside.closure;
    const { stdout } = await beside.theirs.runForBytes('nix-store', ['--export', text, source]);
    let state = seed;
    const random = (below: number): number => {
      state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
      return Math.floor((state / 2 ** 32) * below);
    };
    for (let round = 0; round < 25; round++) {
      const input = stdout.slice();
      const at = random(input.length);
      const bit = random(8);
      input[at] = (input[at] ?? 0) ^ (1 << bit);
      const store = `local?root=HOME/flip-${round}`;
      try {
        await beside.compare('nix-store', ['--import', '--store', store], { input });
        await beside.compareStores('nix-store', ['--store', store, '--dump-db']);
      } catch (cause) {
        if (nixCrashed(cause)) continue;
        throw new Error(`bit ${bit} of byte ${at}, FERRY_SEED=${seed}`, { cause });
      }
    }
  },
);

for (const version of nixVersions) {
  peerTest(`streams of ferry and of Nix ${version} are one`, { nix: [version] }, async (nix) => {
    await using home = makeNixHome(nix(version));
    await using other = makeNixHome(nix(version));
    await using ours = makeNixHome(nix(version));
    const { paths, application } = await makeSmallClosure(home);
    const byNix = await home.runForBytes('nix-store', ['--export', ...paths]);
    const byFerry = await ferry(home, ['nix-store', '--export', ...paths]);
    assert.equal(byNix.status, 0, byNix.stderr);
    assert.equal(byFerry.status, 0, byFerry.stderr);
    assert.ok(Buffer.compare(byFerry.stdout, byNix.stdout) === 0, 'the same bytes');

    const lines = new TextDecoder().decode(
      (await ferry(ours, ['import', '--quiet'], byNix.stdout)).stdout,
    );
    const order = await other.run('nix-store', ['--import'], { input: byFerry.stdout });
    assert.equal(lines, order.stdout);
    for (const store of [other, ours]) {
      await store.verify();
      assert.equal(
        await store.runOk('nix-store', ['--query', '--hash', ...paths]),
        await home.runOk('nix-store', ['--query', '--hash', ...paths]),
      );
      const again = await store.runForBytes('nix-store', ['--export', ...paths]);
      assert.ok(Buffer.compare(again.stdout, byNix.stdout) === 0, 'the same bytes again');
    }
    const dump = ['--dump-db'];
    assert.equal(await ours.runOk('nix-store', dump), await other.runOk('nix-store', dump));

    // The closure by itself, into what has nothing of it.
    await using fresh = makeNixHome(nix(version));
    const closure = await ferry(home, ['export', '--quiet', application]);
    const imported = await fresh.run('nix-store', ['--import'], { input: closure.stdout });
    assert.equal(imported.status, 0, imported.stderr);
    assert.equal(imported.stdout.trim().split('\n').at(-1), application);
    await fresh.verify();
  });
}

/** By a list of billions of references Nix is ended by a signal; we say no. */
function nixCrashed(error: unknown): boolean {
  if (!(error instanceof AssertionError)) return false;
  const [ours, theirs] = [error.actual, error.expected] as { status?: unknown }[];
  return theirs?.status === null && ours?.status === 1;
}

async function requireSameBytes({ theirs, ours }: BesideNix, words: string): Promise<void> {
  const list = words === '' ? [] : words.split(' ');
  const wordsFor = (home: NixHome): string[] => [
    '--export',
    ...list.map((word) => word.replaceAll('HOME', home.path)),
  ];
  const nix = await theirs.runForBytes('nix-store', wordsFor(theirs), { cwd: theirs.path });
  const ferrys = await ferry(ours, ['nix-store', ...wordsFor(ours)]);
  assert.equal(ferrys.status, nix.status, `${words}: ${ferrys.stderr}`);
  assert.ok(Buffer.compare(ferrys.stdout, nix.stdout) === 0, `other bytes for: ${words}`);
}

async function ferry(
  home: NixHome,
  args: readonly string[],
  input?: Uint8Array,
): Promise<FinishedBytes> {
  return await runForBytes(ferryBin, args, { cwd: home.path, env: ferryEnv(home), input });
}

function linkResult(home: NixHome, { application }: SmallClosure): void {
  symlinkSync(application, join(home.path, 'result'));
}

/** Nix leaves what it was at, and its lock. */
function requireTidy(home: NixHome, root: string, name: string): void {
  const names = readdirSync(join(home.path, root, 'nix/store'));
  const left = names.filter((each) => each.endsWith('.lock') || each.includes('importing'));
  assert.deepEqual(left, [], name);
}
