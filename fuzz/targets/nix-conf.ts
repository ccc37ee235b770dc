/** nix.conf: what is accepted, written line by line, is read again as the same; files that include each other end. */
import assert from 'node:assert/strict';
import { readEnvironment } from '../../src/config/environment.ts';
import { parseConfig } from '../../src/config/nix-conf.ts';
import type { ConfigText } from '../../src/config/read-config-text.ts';
import { loadSettings } from '../../src/config/settings.ts';
import { outcomeOf, type FuzzTarget } from '../target.ts';

const seeds = [
  'store = auto # the machine\nextra-substituters = https://a https://b\r\n\n\trequire-sigs = no',
  'include /a\n!include none\nmin-free = 10G\nignored-acls = b a b\nnetrc-file = /x//y/../z',
  'experimental-features = nix-command\nextra-system-features = x\nfoo = bar\nmax-free = 9223372036854775807',
];
const env = readEnvironment({ HOME: '/nonexistent', NIX_CONF_DIR: '/nonexistent' });

export const nixConfTarget: FuzzTarget = {
  name: 'nix-conf',
  seeds: seeds.map((text) => Buffer.from(text)),
  dictionary: [
    ' = ',
    '=',
    '\n',
    '\r',
    '#',
    'include ',
    '!include ',
    '/a',
    '/b',
    'extra-',
    '1T',
  ].map((text) => Buffer.from(text)),
  check: (input) => {
    const text = Buffer.from(input).toString('utf8');
    const { value } = outcomeOf(() => parse(text, text), ['usage']);
    if (value === undefined) return;
    const lines = value.map(({ name, value: words }) => `${name} = ${words}\n`).join('');
    const again = parse(lines, '');
    assert.deepEqual(
      again.map(({ name, value: words }) => [name, words]),
      value.map(({ name, value: words }) => [name, words]),
    );
    outcomeOf(
      () =>
        loadSettings(
          env,
          value.map(({ name, value: words }) => [name, words]),
        ),
      ['usage'],
    );
  },
};

/** `/a` is the text itself, `/b` includes it. */
function parse(text: string, a: string): ReturnType<typeof parseConfig> {
  const files: Readonly<Record<string, string>> = { '/a': a, '/b': 'include /a\nstore = b' };
  const readFile = (file: string): ConfigText => {
    const found = Object.hasOwn(files, file) ? files[file] : undefined;
    return found === undefined ? { state: 'absent' } : { state: 'read', text: found };
  };
  return parseConfig(text, '/etc/nix/nix.conf', { readFile });
}
