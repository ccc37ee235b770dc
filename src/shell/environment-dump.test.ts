import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ByteString } from '../bytes/byte-string.ts';
import { formatDumpScript, parseDump } from './environment-dump.ts';

const dumpOf = (...fields: readonly string[]): Uint8Array =>
  Buffer.from(fields.map((field) => `${field}\0`).join(''), 'latin1');

const records: readonly (readonly string[])[] = [
  ['text', 'x', 'PATH', '/bin'],
  ['array', 'a', 'list', '2', '0', '5', 'x', 'y z\n'],
  ['array', 'A', 'table', '1', 'k]', 'v\u00ff'],
  ['array', 'ax', 'none', '0'],
  ['text', '-', 'plain', ''],
  ['function', 'my-hook', 'my-hook () \n{ \n    :\n}'],
  ['end'],
];
const whole = dumpOf(...records.flat());

test('variables, lists, tables and functions are read as bash wrote them', () => {
  const { variables, functions } = parseDump(whole);
  assert.deepEqual(Object.fromEntries(variables), {
    PATH: { kind: 'text', value: '/bin', isExported: true },
    list: {
      kind: 'list',
      entries: [
        ['0', 'x'],
        ['5', 'y z\n'],
      ],
      isExported: false,
    },
    table: { kind: 'table', entries: [['k]', 'v\u00ff']], isExported: false },
    none: { kind: 'list', entries: [], isExported: true },
    plain: { kind: 'text', value: '', isExported: false },
  });
  assert.deepEqual([...functions], [['my-hook', 'my-hook () \n{ \n    :\n}']]);
});

test('cut short anywhere, or going on, it is refused', () => {
  for (let length = 0; length < whole.length; length++) {
    assert.throws(() => parseDump(whole.subarray(0, length)), { code: 'protocol' }, `${length}`);
  }
  assert.throws(() => parseDump(Buffer.concat([whole, Buffer.of(0)])), { code: 'protocol' });
});

test('what no bash writes is refused', () => {
  const hostile = [
    dumpOf('other', 'x', 'name', 'end'),
    dumpOf('text', 'x', 'a;b', 'v', 'end'),
    dumpOf('text', 'x', '', 'v', 'end'),
    ...['-1', '1.5', 'x', '99999999999', '1e9'].map((count) =>
      dumpOf('array', 'a', 'l', count, 'end'),
    ),
    dumpOf('array', 'a', 'l', '1', '$(evil)', 'v', 'end'),
  ];
  for (const bytes of hostile) assert.throws(() => parseDump(bytes), { code: 'protocol' });
});

test('what Node cannot pass is told to bash as bytes', () => {
  const variables = new Map(
    [
      ['A', 'plain'],
      ['B', "it's \xff"],
      ['not-a-name', '\xff'],
    ].map(([name, value]) => [name as ByteString, value as ByteString]),
  );
  const script = formatDumpScript('declare x=1\n' as ByteString, variables);
  assert.ok(script.includes("\nexport B='it'\\''s \xff'\n"));
  assert.doesNotMatch(script, /export A=|not-a-name/);
  assert.ok(script.indexOf('declare x=1') < script.indexOf('source $stdenv/setup'));
});
