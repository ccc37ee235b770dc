import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { parseAttributePath, valuesAt } from './attribute-path.ts';

const document = {
  public_ip: '192.0.2.1',
  network_interface: [
    { type: 'private', ip: '10.0.0.1', access_config: [] },
    { type: 'public', ip: '192.0.2.2', access_config: [{ nat_ip: '192.0.2.3' }] },
  ],
  tags: { Name: 'web', 'a.b': 'dotted', '0': 'zero' },
  addresses: [['127.0.0.1'], ['10.0.0.2', '10.0.0.3']],
  count: 3,
  nothing: null,
};

const paths: readonly (readonly [string, readonly unknown[]])[] = [
  ['public_ip', ['192.0.2.1']],
  ['network_interface.1.access_config.0.nat_ip', ['192.0.2.3']],
  ['network_interface[1].access_config[0].nat_ip', ['192.0.2.3']],
  ['network_interface[*].ip', ['10.0.0.1', '192.0.2.2']],
  ['network_interface.*.ip', ['10.0.0.1', '192.0.2.2']],
  ['network_interface.ip', ['10.0.0.1', '192.0.2.2']],
  ['network_interface[type=public].ip', ['192.0.2.2']],
  ['network_interface[type=none].ip', []],
  ['network_interface.access_config.nat_ip', ['192.0.2.3']],
  ['tags.Name', ['web']],
  ['tags["a.b"]', ['dotted']],
  ['tags.0', ['zero']],
  ['tags[*]', ['zero', 'web', 'dotted']],
  ['addresses[*][*]', ['127.0.0.1', '10.0.0.2', '10.0.0.3']],
  ['addresses[1]', [['10.0.0.2', '10.0.0.3']]],
  ['addresses[7]', []],
  ['count', [3]],
  ['count.x', []],
  ['nothing', [null]],
  ['nothing.x', []],
  ['none', []],
  ['toString', []],
  ['__proto__', []],
  ['constructor.name', []],
  ['network_interface.length', []],
];

for (const [path, values] of paths) {
  test(`${path} names ${JSON.stringify(values)}`, () => {
    assert.deepEqual(
      valuesAt(document, parseAttributePath(path)).map(({ value }) => value),
      values,
    );
  });
}

test('each value has the way to it', () => {
  const found = valuesAt(document, parseAttributePath('network_interface[type=public].ip'));
  assert.deepEqual(found, [{ value: '192.0.2.2', at: ['network_interface', 1, 'ip'] }]);
});

test('what is no path is refused', () => {
  const bad = [
    '',
    '.',
    'a.',
    '.a',
    'a..b',
    'a[',
    'a[]',
    'a[x]',
    'a b',
    'a[1]b',
    'a["b]',
    '[-1]',
    'a/b',
  ];
  for (const path of [...bad, Array.from({ length: 33 }, () => 'a').join('.')]) {
    assert.throws(() => parseAttributePath(path), { code: 'usage' }, path);
  }
});

test('whatever path and document, it ends, with no more values than a thousand', () => {
  const wide = Array.from({ length: 2000 }, () => Array.from({ length: 2000 }, () => 1));
  assert.equal(valuesAt(wide, parseAttributePath('[*][*]')).length, 1000);
  const word = fc.string({ unit: fc.constantFrom(...'ab01.[]*="_-\\ '.split('')), maxLength: 12 });
  fc.assert(
    fc.property(word, fc.jsonValue(), (text, value) => {
      try {
        assert.ok(valuesAt(value, parseAttributePath(text)).length <= 1000);
      } catch (error) {
        assert.equal((error as { code?: unknown }).code, 'usage');
      }
    }),
  );
});
