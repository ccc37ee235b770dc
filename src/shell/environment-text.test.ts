import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ByteString } from '../bytes/byte-string.ts';
import type { BashVariable, EnvironmentDump } from './environment-dump.ts';
import { environmentJson, formatEnvironmentText } from './environment-text.ts';

const text = (value: string, isExported = false): BashVariable => ({
  kind: 'text',
  value: value as ByteString,
  isExported,
});
const entries = (...pairs: readonly [string, string][]): (readonly [ByteString, ByteString])[] =>
  pairs as unknown as (readonly [ByteString, ByteString])[];

const dump: EnvironmentDump = {
  variables: new Map<string, BashVariable>([
    ['PATH', text('/store/bin', true)],
    ['HOME', text('/homeless', true)],
    ['BASH_VERSION', text('5')],
    ['COMP_WORDBREAKS', text(' ')],
    ['LINES', text('of the derivation', true)],
    ['quoted', text('it\'s $x `y` \\ "z"\n\u00ff')],
    ['list', { kind: 'list', entries: entries(['0', 'a b'], ['7', "c'"]), isExported: false }],
    ['table', { kind: 'table', entries: entries(['k]', '/tmp/made/x']), isExported: true }],
  ]),
  functions: new Map([
    ['hook', 'hook () \n{ \n    :\n}' as ByteString],
    ['_nix_shell_clean_tmpdir', 'never' as ByteString],
  ]),
};
const own = new Set(['LINES']);
const options = { directory: '/tmp/made' as ByteString, files: new Map<string, ByteString>(), own };

test('assignments of all that is for others, each word quoted', () => {
  const lines = formatEnvironmentText(dump, options).split('\n');
  for (const line of [
    "PATH='/store/bin'",
    'export PATH',
    "LINES='of the derivation'",
    "quoted='it'\\''s $x `y` \\ \"z\"",
    "\u00ff'",
    "unset list; declare -ga list=([0]='a b' [7]='c'\\''')",
    'hook () ',
    'if [ "$(type -t runHook)" = function ]; then runHook shellHook; fi',
  ]) {
    assert.ok(lines.includes(line), line);
  }
  assert.doesNotMatch(lines.join('\n'), /homeless|BASH_VERSION|COMP_|never/);
});

test('what the running shell has in PATH comes behind, and nothing empty gets in', () => {
  const lines = formatEnvironmentText(dump, options).split('\n');
  assert.equal(lines[0], '__ferry_saved_PATH=${PATH:-}');
  assert.ok(lines.includes('PATH="$PATH${PATH:+${__ferry_saved_PATH:+:}}$__ferry_saved_PATH"'));
});

test('a temporary directory is made where something is in it, and its name stands for the old one', () => {
  const withFile = formatEnvironmentText(dump, {
    ...options,
    files: new Map([['.attr-0', "it's" as ByteString]]),
  });
  assert.match(withFile, /\nif NIX_BUILD_TOP=\$\(mktemp -d .*\); then\n/);
  assert.ok(withFile.includes(`printf %s 'it'\\''s' >"$NIX_BUILD_TOP/.attr-0"\nfi\n`));
  assert.ok(withFile.includes(`declare -gA table=(['k]']=''"$NIX_BUILD_TOP"'/x')`));
  const variables = new Map([['a', text('b')]]);
  const without = formatEnvironmentText({ variables, functions: new Map() }, options);
  assert.doesNotMatch(without, /mktemp|saved/);
});

test('as JSON each variable has its type', () => {
  const { variables, functions } = JSON.parse(JSON.stringify(environmentJson(dump, own))) as {
    variables: Record<string, unknown>;
    functions: Record<string, unknown>;
  };
  assert.deepEqual(variables, {
    PATH: { type: 'exported', value: '/store/bin' },
    LINES: { type: 'exported', value: 'of the derivation' },
    quoted: { type: 'var', value: 'it\'s $x `y` \\ "z"\n\ufffd' },
    list: { type: 'array', value: ['a b', "c'"] },
    table: { type: 'associative', value: { 'k]': '/tmp/made/x' } },
  });
  assert.deepEqual(functions, { hook: 'hook () \n{ \n    :\n}' });
});
