import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { hostNameFrom, isHostName, isTag, tagFrom } from './names.ts';

test('names are what can be typed, and no option, pattern, tag or URI', () => {
  const good = [
    'web-1',
    'web.example.org',
    'alice@host',
    'host:2222',
    '2001:db8::1',
    'münchen',
    '_x',
  ];
  for (const name of good) assert.ok(isHostName(name), name);
  const bad = [
    '',
    '-x',
    '@web',
    '.x',
    'a b',
    'a\n',
    'a/b',
    '../x',
    'web-*',
    'a?',
    'ssh://a',
    'a\u202eb',
  ];
  for (const name of [...bad, '__proto__', 'constructor', 'a'.repeat(254)]) {
    assert.ok(!isHostName(name), JSON.stringify(name));
  }
});

test('a name is made of what a provider has', () => {
  const made: readonly (readonly [string, string | undefined])[] = [
    ['Web Server 1', 'Web-Server-1'],
    ['web', 'web'],
    ['-oProxyCommand=x', 'oProxyCommand-x'],
    ['module.a["b c"].x', 'module.a-b-c-.x'],
    ['../../etc', 'etc'],
    ['\u001b[31mred', '31mred'],
    ['__proto__', undefined],
    ['***', undefined],
    ['', undefined],
  ];
  for (const [text, name] of made) assert.equal(hostNameFrom(text), name, text);
});

test('a tag is made of a label', () => {
  assert.equal(tagFrom('role=web'), 'role=web');
  assert.equal(tagFrom('k8s.io/role = a b'), 'k8s.io/role-=-a-b');
  assert.equal(tagFrom('\u001b]0;x\u0007'), '0-x-');
  assert.equal(tagFrom('  '), undefined);
});

const UNITS = [...'ab9-._:@=/+ \n\u0000\u001b\u202e\u00ad\u0301é東'.split(''), '😀', '\ud800'];

test('whatever is made is good', () => {
  fc.assert(
    fc.property(fc.string({ unit: fc.constantFrom(...UNITS) }), (text) => {
      const name = hostNameFrom(text);
      const tag = tagFrom(text);
      assert.ok(name === undefined || isHostName(name));
      assert.ok(tag === undefined || isTag(tag));
    }),
  );
});
