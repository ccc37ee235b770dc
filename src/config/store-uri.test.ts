import assert from 'node:assert/strict';
import { test } from 'node:test';
import { booleanParameter, numberParameter, parseStoreUri } from './store-uri.ts';

function parsed(text: string): unknown {
  const { parameters, ...rest } = parseStoreUri(text);
  return parameters.size === 0 ? rest : { ...rest, parameters: Object.fromEntries(parameters) };
}

test('URIs mean what they mean to Nix', () => {
  const table: [string, unknown][] = [
    ['', { kind: 'auto' }],
    ['auto', { kind: 'auto' }],
    ['daemon', { kind: 'daemon' }],
    ['unix://', { kind: 'daemon' }],
    ['unix:///run/s', { kind: 'daemon', socket: '/run/s' }],
    ['local', { kind: 'local' }],
    ['local?root=/tmp/a%20b', { kind: 'local', parameters: { root: '/tmp/a b' } }],
    ['local:///tmp/x', { kind: 'local', root: '/tmp/x' }],
    ['/tmp/x', { kind: 'local', root: '/tmp/x' }],
    [
      './x?store=/s&state=/t',
      { kind: 'local', root: './x', parameters: { store: '/s', state: '/t' } },
    ],
    ['ssh://host', { kind: 'ssh', host: 'host' }],
    ['ssh://alice@host:22', { kind: 'ssh', user: 'alice', host: 'host', port: 22 }],
    ['ssh-ng://[::1]:2', { kind: 'ssh-ng', host: '::1', port: 2 }],
    ['ssh://fe80::1', { kind: 'ssh', host: 'fe80::1' }],
    ['file:///c', { kind: 'file', path: '/c' }],
    ['bundle:///c%20d', { kind: 'bundle', path: '/c d' }],
    [
      'https://c.example/x?priority=1',
      { kind: 'https', authority: 'c.example', path: '/x', parameters: { priority: '1' } },
    ],
    [
      's3://bucket?region=eu',
      { kind: 's3', authority: 'bucket', path: '', parameters: { region: 'eu' } },
    ],
  ];
  for (const [text, wanted] of table) assert.deepEqual(parsed(text), wanted, text);
});

test('what is no store says what would be', () => {
  assert.throws(() => parseStoreUri('server'), { code: 'usage', hint: /ssh:\/\/server/ });
  assert.throws(() => parseStoreUri('alice@server'), {
    code: 'usage',
    hint: /ssh:\/\/alice@server/,
  });
  for (const text of [
    'ftp://x',
    'ssh://',
    'ssh://-oProxyCommand=x',
    'ssh://-x@h',
    'ssh://@h',
    'ssh://h:0',
    'ssh://h:99999',
    'ssh://a/b',
    'ssh://h?x',
    'local?=1',
    '/%zz',
  ]) {
    assert.throws(() => parseStoreUri(text), { code: 'usage' }, text);
  }
});

test('parameters are read as what they are', () => {
  const { parameters } = parseStoreUri('ssh://h?compress=yes&a=0&max-connections=4&b=x');
  assert.equal(booleanParameter(parameters, 'compress'), true);
  assert.equal(booleanParameter(parameters, 'a'), false);
  assert.equal(booleanParameter(parameters, 'none'), undefined);
  assert.equal(numberParameter(parameters, 'max-connections'), 4);
  assert.throws(() => booleanParameter(parameters, 'b'), { code: 'usage' });
  assert.throws(() => numberParameter(parameters, 'b'), { code: 'usage' });
});

test('no message of a malformed URI has its password', () => {
  for (const text of [
    'https://alice:hunter2@cache.example?x',
    'https://alice:hunter2@cache.example?x=%zz',
    'https://alice?hunter2@cache.example',
    'ftp://alice:hunter2@cache.example',
    'https:///alice:hunter2@cache.example',
  ]) {
    assert.throws(
      () => parseStoreUri(text),
      (error: Error) => !/hunter2/.test(error.message),
      text,
    );
  }
});
