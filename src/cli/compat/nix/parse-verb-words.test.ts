import assert from 'node:assert/strict';
import { test } from 'node:test';
import { defaultStoreDir } from '../../../format/store-path.ts';
import { noFlags } from './common-flags.ts';
import { parseBuilt } from './evaluate.ts';
import { nixSize } from './nix-size.ts';
import { checkWords, parseVerbWords, takeVerb } from './parse-verb-words.ts';
import { settingFlagOf } from './setting-flag.ts';
import { defineVerb } from './verb.ts';

const verb = defineVerb({
  description: [],
  arguments: [{ name: 'ONE', help: 'one' }],
  options: {
    to: { help: 'there', value: 'STORE' },
    all: { help: 'all', short: 'a' },
    long: { help: 'long', short: 'l' },
    pair: { help: 'two', value: 'A B' },
    each: { help: 'several', short: 's', value: 'X', repeated: true },
  },
  aliases: { '--target': 'to' },
  evaluates: true,
  examples: [],
  run: () => Promise.resolve(0),
});

function parse(
  text: string,
): ReturnType<typeof parseVerbWords> & { flags: ReturnType<typeof noFlags> } {
  const flags = noFlags();
  return { ...parseVerbWords(verb, text.split(' '), flags), flags };
}

test('flags stand anywhere, letters in bundles, values in words of their own', () => {
  const { words, options } = parse('x -al --to ssh://a y -s 1 -s 2 --pair p q');
  assert.deepEqual(words, ['x', 'y']);
  assert.deepEqual(options, {
    to: 'ssh://a',
    all: true,
    long: true,
    pair: 'p=q',
    each: ['1', '2'],
  });
});

test('the last word counts of what can be said once, by any of its names', () => {
  assert.equal(parse('--to a --target b').options['to'], 'b');
});

test('a value may look like a flag, and after -- nothing is one', () => {
  assert.equal(parse('--to -al').options['to'], '-al');
  assert.equal(parse('--to -al').options['all'], false);
  assert.deepEqual(parse('a -- -al --to').words, ['a', '-al', '--to']);
  assert.deepEqual(parse('a - b').words, ['a', '-', 'b']);
});

test('settings are flags', () => {
  const { flags } = parse(
    '--substituters u --no-require-sigs --extra-substituters v --extra-substituters w --option cores 4 -j8 --refresh',
  );
  assert.deepEqual(
    [...flags.settings].filter(([name]) => !name.startsWith('narinfo')),
    [
      ['substituters', 'u'],
      ['require-sigs', 'false'],
      ['extra-substituters', 'v w'],
      ['cores', '4'],
    ],
  );
  assert.equal(flags.settings.get('narinfo-cache-negative-ttl'), '0');
  assert.deepEqual(flags.passedOn.slice(-3), ['-j', '8', '--refresh']);
});

test('flags about evaluation are kept as they are, in order', () => {
  const { flags } = parse('--arg a 1 --impure -f x.nix --expr e');
  assert.deepEqual(flags.evaluation, ['--arg', 'a', '1', '--impure', '-f', 'x.nix', '--expr', 'e']);
});

test('settings: switches, values and additions are told apart', () => {
  assert.deepEqual(settingFlagOf('require-sigs'), { name: 'require-sigs', value: 'true' });
  assert.deepEqual(settingFlagOf('no-require-sigs'), { name: 'require-sigs', value: 'false' });
  assert.deepEqual(settingFlagOf('substituters'), { name: 'substituters' });
  assert.deepEqual(settingFlagOf('extra-substituters'), { name: 'extra-substituters' });
  assert.deepEqual(settingFlagOf('cores'), { name: 'cores' });
  for (const none of ['no-substituters', 'extra-require-sigs', 'nonsense', 'no-', '', 'extra-']) {
    assert.equal(settingFlagOf(none), undefined, none);
  }
});

test('what is called wrongly is told as Nix tells it', () => {
  assert.throws(() => parse('--frob'), { message: "unrecognised flag '--frob'" });
  assert.throws(() => parse('--to=x'), { message: "unrecognised flag '--to=x'" });
  assert.throws(() => parse('-ax'), { message: "unrecognised flag '-x'" });
  assert.throws(() => parse('--pair p'), {
    message: "flag '--pair' requires 2 argument(s), but only 1 were given",
  });
  assert.throws(() => checkWords(verb.arguments, []), { message: 'more arguments are required' });
  assert.throws(() => checkWords(verb.arguments, ['a', 'b']), {
    message: "unexpected argument 'b'",
  });
});

test('the verb is the first word that is no flag', () => {
  assert.deepEqual(takeVerb(['--option', 'a', 'b', '-v', 'copy', '--to', 'x']), {
    verb: 'copy',
    rest: ['--option', 'a', 'b', '-v', '--to', 'x'],
  });
  assert.equal(takeVerb(['--extra-experimental-features', 'nix-command', 'copy']).verb, 'copy');
  assert.equal(takeVerb(['--version']).verb, undefined);
  assert.throws(() => takeVerb(['--frob', 'copy']), { message: "unrecognised flag '--frob'" });
});

test('sizes are at least kibibytes, and keep their sign', () => {
  assert.deepEqual(
    [0, 144, 1024, 1025, 1048576, 1048577, -9934, 5e12].map((size) => nixSize(size)),
    ['0.0 KiB', '0.1 KiB', '1.0 KiB', '1.0 KiB', '1024.0 KiB', '1024.0 KiB', '-9.7 KiB', '4.5 TiB'],
  );
  assert.equal(nixSize(144, { aligned: true }), '   0.1 KiB');
});

const drvPath = `/nix/store/${'a'.repeat(32)}-x.drv`;
const out = `/nix/store/${'b'.repeat(32)}-x`;
const store = { storeDir: defaultStoreDir };

test('what nix build answers is read in all of its shapes', () => {
  const answer = [{ drvPath, outputs: { out } }, { path: out }, out];
  assert.deepEqual(parseBuilt(store, JSON.stringify(answer)), [
    { kind: 'built', drv: drvPath.slice(11), outputs: new Map([['out', out.slice(11)]]) },
    { kind: 'path', path: out.slice(11) },
    { kind: 'path', path: out.slice(11) },
  ]);
  assert.deepEqual(parseBuilt(store, '[]'), []);
});

test('an answer that is none is refused', () => {
  const bad = [
    '',
    '{}',
    '[1]',
    '[null]',
    '["/etc/passwd"]',
    '["/nix/store/../../etc"]',
    JSON.stringify([{ drvPath: out, outputs: { out } }]),
    JSON.stringify([{ drvPath, outputs: { out: `${out}/../x/y` } }]),
    JSON.stringify([{ drvPath, outputs: [out] }]),
    JSON.stringify([{ drvPath }]),
  ];
  for (const text of bad) assert.throws(() => parseBuilt(store, text), { code: 'protocol' }, text);
  assert.throws(() => parseBuilt(store, JSON.stringify([{ drvPath, outputs: { out: null } }])), {
    code: 'unsupported',
  });
});
