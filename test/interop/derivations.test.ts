/** Derivations that real Nix made: each is read, written byte for byte and hashed; shown and added as Nix does it. */
import assert from 'node:assert/strict';
import { chmodSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fromByteString } from '../../src/bytes/byte-string.ts';
import { checkDerivation } from '../../src/format/check-derivation.ts';
import { DerivationHashes } from '../../src/format/derivation-hashes.ts';
import { formatDerivation, parseDerivation } from '../../src/format/derivation.ts';
import {
  defaultStoreDir,
  isDerivation,
  parseStorePathBaseName,
  type StorePath,
} from '../../src/format/store-path.ts';
import { openBesideNix, type BesideNix } from '../support/beside-nix.ts';
import { makeDerivationCorpus } from '../support/derivation-corpus.ts';
import { runFerry, runFerryOk } from '../support/ferry-program.ts';
import { makeNixHome } from '../support/nix-home.ts';
import { peerTest } from '../support/peers.ts';
import { makeSmallClosure } from '../support/small-closure.ts';

/** Fewer would mean that the corpus is not what it says. */
const DERIVATIONS_MIN = 1000;

peerTest('a thousand derivations are what they were', { nix: ['2.34'] }, async (nix, context) => {
  await using home = makeNixHome(nix('2.34'), { ram: true });
  const { whole } = await makeDerivationCorpus(home);
  const directory = home.realPath(defaultStoreDir);
  const texts = new Map<StorePath, Uint8Array>();
  for (const name of readdirSync(directory)) {
    const path = name.startsWith('.') ? undefined : parseStorePathBaseName(name);
    if (path !== undefined && isDerivation(path)) {
      texts.set(path, readFileSync(join(directory, name)));
    }
  }
  assert.ok(texts.size >= DERIVATIONS_MIN, `${texts.size} derivations`);
  const references = await referencesOf(home);

  const start = performance.now();
  const derivations = new Map(
    [...texts].map(([path, text]) => [path, parseDerivation(defaultStoreDir, text)]),
  );
  const parsed = performance.now();
  const written = [...derivations].map(
    ([path, derivation]) =>
      [path, fromByteString(formatDerivation(defaultStoreDir, derivation))] as const,
  );
  const formatted = performance.now();
  const hashes = new DerivationHashes(defaultStoreDir, (path) => {
    const derivation = derivations.get(path);
    assert.ok(derivation !== undefined, path);
    return derivation;
  });
  const problems = [...derivations].flatMap(([path, derivation]) => {
    const text = texts.get(path) ?? new Uint8Array();
    const toCheck = { path, text, derivation, references: references.get(path) ?? [] };
    return checkDerivation(defaultStoreDir, toCheck, hashes);
  });
  const checked = performance.now();
  for (const [path, text] of written) assert.deepEqual(Buffer.from(text), texts.get(path), path);
  assert.deepEqual(problems, []);
  const ms = (from: number, to: number): string => `${(to - from).toFixed(0)} ms`;
  context.diagnostic(
    `${texts.size} derivations: read in ${ms(start, parsed)}, written in ${ms(parsed, formatted)}, hashed in ${ms(formatted, checked)}`,
  );

  const { stdout, stderr } = await runFerry(home, ['derivation', 'check', '-r', whole]);
  assert.equal(stdout, '');
  assert.match(stderr, new RegExp(`checked 1,\\d+ derivations: no problem`));
});

/** As they are registered. */
async function referencesOf(home: {
  runOk(program: 'nix-store', args: readonly string[]): Promise<string>;
}): Promise<Map<StorePath, StorePath[]>> {
  const lines = (await home.runOk('nix-store', ['--dump-db'])).split('\n');
  const baseName = (line: string): StorePath =>
    parseStorePathBaseName(line.slice(defaultStoreDir.length + 1));
  const references = new Map<StorePath, StorePath[]>();
  for (let at = 0; at + 4 < lines.length; ) {
    const count = Number(lines[at + 4]);
    const first = at + 5;
    const paths = lines.slice(first, first + count).map(baseName);
    references.set(baseName(lines[at] ?? ''), paths);
    at = first + count;
  }
  return references;
}

peerTest('derivations are shown as Nix shows them', { nix: ['2.34'] }, async (nix, context) => {
  let shown = '';
  let whole = '';
  await using beside = await openBesideNix(nix('2.34'), {
    ram: true,
    prepare: async (home) => {
      ({ shown, whole } = await makeDerivationCorpus(home));
    },
  });
  const { applicationDrv, application, development, linkDrv, source } = beside.closure;
  const raw = await rawDrv(beside, whole);
  const lines: readonly string[] = [
    applicationDrv,
    `-r ${applicationDrv}`,
    application,
    development,
    `${linkDrv} ${applicationDrv} ${application}`,
    `--pretty -r ${linkDrv}`,
    `--no-pretty ${linkDrv}`,
    `${applicationDrv}^out`,
    `${applicationDrv}^dev,out`,
    `${applicationDrv}^*`,
    `${applicationDrv}^nothing`,
    `-r ${shown}`,
    `--pretty -r ${shown}`,
    // What can't be shown.
    source,
    raw,
    '/nix/store/00000000000000000000000000000000-absent.drv',
  ];
  for (const line of lines) {
    await context.test(line.slice(0, 80), async () => {
      await beside.compare('nix', `derivation show ${line}`);
    });
  }
  await context.test('the older name', async () => {
    await beside.compare('nix', `show-derivation ${applicationDrv}`, { stderr: true });
  });
  await context.test('ferry derivation show prints the same', async () => {
    const theirs = await beside.theirs.runOk('nix', ['derivation', 'show', '-r', shown]);
    const ours = await runFerryOk(beside.ours, ['derivation', 'show', '-r', shown]);
    assert.equal(ours.trimEnd(), theirs);
  });
});

async function rawDrv({ theirs }: BesideNix, whole: string): Promise<string> {
  const all = await theirs.runOk('nix-store', ['--query', '--references', whole]);
  const raw = all.split('\n').find((path) => path.endsWith('-raw.drv'));
  assert.ok(raw !== undefined);
  return raw;
}

peerTest(
  'older releases showed them otherwise',
  { nix: ['2.8', '2.26', '2.34'] },
  async (nix, context) => {
    await using home = makeNixHome(nix('2.34'), { ram: true });
    const { shown } = await makeDerivationCorpus(home);
    for (const [format, release, words] of [
      ['1', '2.8', ['show-derivation']],
      ['2', '2.26', ['derivation', 'show']],
      ['4', '2.34', ['derivation', 'show', '--pretty']],
    ] as const) {
      await context.test(`as Nix ${release} does`, async () => {
        await using old = makeNixHome(nix(release), { ram: true });
        const theirs = await old.runOk('nix', [
          ...words,
          '--store',
          home.storeUri,
          '--recursive',
          shown,
        ]);
        const ours = await runFerryOk(home, [
          'derivation',
          'show',
          '--json-format',
          format,
          '--pretty',
          '--recursive',
          shown,
        ]);
        assert.equal(ours.trimEnd(), theirs);
      });
    }
  },
);

type Shown = { outputs: Record<string, object>; env: Record<string, string> } & Record<
  string,
  unknown
>;

peerTest('derivations are added as Nix adds them', { nix: ['2.34'] }, async (nix, context) => {
  await using beside = await openBesideNix(nix('2.34'), {
    settings: { 'experimental-features': 'nix-command flakes ca-derivations' },
  });
  const { applicationDrv } = beside.closure;
  const text = await beside.theirs.runOk('nix', ['derivation', 'show', applicationDrv]);
  const [one] = Object.values(
    (JSON.parse(text) as { derivations: Record<string, Shown> }).derivations,
  );
  assert.ok(one !== undefined);
  const changed = (change: (drv: Shown) => void): string => {
    const copy = structuredClone(one);
    change(copy);
    return JSON.stringify(copy);
  };
  const open = (drv: Shown): void => {
    drv.outputs = { out: {}, dev: {} };
    drv.env['out'] = '';
    drv.env['dev'] = '';
  };
  const cases: readonly (readonly [what: string, json: string])[] = [
    ['one that is there', JSON.stringify(one)],
    ['members that nobody knows', changed((drv) => (drv['extra'] = 1))],
    ['paths to be filled in', changed((drv) => (open(drv), (drv.env['more'] = 'ü')))],
    [
      'structured attributes',
      changed((drv) => {
        open(drv);
        drv['structuredAttrs'] = { b: 1, a: [1.5, null, true], ü: 'x', '10': 1, '9': {} };
      }).replace('"b":1', '"b":1.0,"c":18446744073709551615,"d":18446744073709551616'),
    ],
    [
      'a fixed output',
      changed((drv) => {
        const hash = 'sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=';
        drv.outputs = { out: { method: 'nar', hash } };
        drv.env = { name: 'x', out: '' };
      }),
    ],
    [
      'a floating output',
      changed((drv) => {
        drv.outputs = { out: { method: 'nar', hashAlgo: 'sha256' } };
        drv.env = { name: 'x' };
      }),
    ],
    ['a wrong path', changed((drv) => (drv.env['more'] = 'x'))],
    [
      'a wrong variable',
      changed((drv) => {
        drv.outputs = { out: {}, dev: {} };
        drv.env['out'] = '/x';
      }),
    ],
    ['another name', changed((drv) => (drv['name'] = 'other'))],
    ['no name', changed((drv) => delete drv['name'])],
    ['a name that none can have', changed((drv) => (drv['name'] = 'a/b'))],
    ['another version', changed((drv) => (drv['version'] = 3))],
    ['no outputs', changed((drv) => (drv.outputs = {}))],
    ['structured attributes as a variable', changed((drv) => (drv.env['__json'] = '{}'))],
    ['an input that is not there', changed((drv) => (open(drv), withInput(drv, '0'.repeat(32))))],
    [
      'a source that is not there',
      changed((drv) => {
        open(drv);
        (drv['inputs'] as { srcs: string[] }).srcs = [`${'0'.repeat(32)}-absent`];
      }),
    ],
    [
      'a hash in another spelling',
      changed(
        (drv) => (drv.outputs = { out: { method: 'nar', hash: `sha256:${'0'.repeat(64)}` } }),
      ),
    ],
    ['no JSON', 'nothing'],
    ['a list', '[]'],
    ['what show prints', text],
  ];
  for (const [what, json] of cases) {
    await context.test(what, async () => {
      await beside.compare('nix', 'derivation add', { input: json });
    });
  }
  await context.test('one that is not written', async () => {
    const input = changed((drv) => (open(drv), (drv.env['more'] = 'not written')));
    await beside.compare('nix', 'derivation add --dry-run', { input });
  });
  await beside.compareStores('nix-store', '--verify --check-contents');
  await beside.compareStores('nix-store', '--dump-db');
});

function withInput(drv: Shown, hashPart: string): void {
  const { drvs } = drv['inputs'] as { drvs: Record<string, object> };
  drvs[`${hashPart}-absent.drv`] = { outputs: ['out'], dynamicOutputs: {} };
}

peerTest('what a derivation says wrong is told', { nix: ['2.34'] }, async (nix) => {
  await using home = makeNixHome(nix('2.34'));
  const { applicationDrv, application, libraryDrv } = await makeSmallClosure(home);
  const file = home.realPath(applicationDrv);
  const text = readFileSync(file, 'utf8');
  const check = async (changed: string): Promise<string> => {
    chmodSync(file, 0o644);
    writeFileSync(file, changed);
    const args = ['derivation', 'check', '-r', applicationDrv];
    const { status, stdout } = await runFerry(home, args);
    assert.equal(status, 1);
    return stdout;
  };
  const other = application.replace('small-application', 'other');
  const output = await check(text.replaceAll(`"${application}"`, `"${other}"`));
  assert.match(output, new RegExp(`output "out" is "${other}", should be "${application}"`));
  assert.match(output, new RegExp(`variable "out" is "${other}", should be "${application}"`));
  assert.match(output, /its path should be "/);
  const moved = await check(text.replace('("builder",', '("aaa","x"),("builder",'));
  assert.match(moved, new RegExp(`output "out" is "${application}", should be "`));
  const without = await check(text.replace(`("${libraryDrv}",["out"])`, ''));
  assert.match(without, new RegExp(`registered to refer to "${libraryDrv}", and does not`));
  const broken = await check('Derive(');
  assert.equal(broken, '');
});

peerTest('derivations of other stores', { nix: ['2.34'] }, async (nix) => {
  await using home = makeNixHome(nix('2.34'));
  const { applicationDrv } = await makeSmallClosure(home);
  const cache = `file://${join(home.path, 'cache')}`;
  await runFerryOk(home, ['copy', '--no-check-sigs', '--to', cache, applicationDrv]);
  const [here, there] = await Promise.all(
    [[], ['--store', cache]].map((where) =>
      runFerryOk(home, ['derivation', 'show', '-r', ...where, applicationDrv]),
    ),
  );
  assert.equal(there, here);
  await runFerryOk(home, ['derivation', 'check', '-r', '--store', cache, applicationDrv]);
});
