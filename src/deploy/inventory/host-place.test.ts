import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { parseStoreUri } from '../../config/store-uri.ts';
import { addressFault, formatHostUri, parseHostUri, placeKey, userFault } from './host-place.ts';

test('what ssh could take for something else is no address', () => {
  const good = [
    '10.0.0.7',
    'web.example.org',
    'web_1',
    '2001:db8::1',
    'fe80::1%eth0',
    'münchen.de',
  ];
  for (const address of good) assert.equal(addressFault(address), undefined, address);
  const bad = [
    '',
    '-oProxyCommand=x',
    'a b',
    'a\nb',
    'a\0',
    'a@b',
    'a/b',
    'a:22',
    '[::1]',
    'a;b',
    'a?b',
  ];
  for (const address of [...bad, '$(x)', '`x`', "a'b", '\u200b', 'a'.repeat(256), '1:2:3', 'a%h']) {
    assert.notEqual(addressFault(address), undefined, JSON.stringify(address));
  }
});

test('what ssh could take for something else is no user', () => {
  for (const user of [
    'root',
    'alice.b',
    'DOMAIN\\alice',
    'alice@corp',
    'a+b',
    'svc_x$'.slice(0, 5),
  ]) {
    assert.equal(userFault(user), undefined, user);
  }
  for (const user of ['', '-x', 'a b', 'a/b', 'a\n', 'a;b', 'a'.repeat(256)]) {
    assert.notEqual(userFault(user), undefined, JSON.stringify(user));
  }
});

test('a URI is taken apart and put together', () => {
  for (const uri of [
    'ssh://host',
    'ssh-ng://root@10.0.0.7:2222',
    'ssh://alice@[2001:db8::1]:22',
    'ssh://[fe80::1%25eth0]',
    'ssh://host?ssh-key=/home/a/key&compress=true',
    'ssh://host?remote-program=/opt/x%20y',
  ]) {
    assert.equal(formatHostUri(parseHostUri(uri)), uri);
  }
  assert.equal(parseHostUri('ssh://[fe80::1%25eth0]').address, 'fe80::1%eth0');
  assert.equal(formatHostUri(parseHostUri('ssh://2001:db8::1')), 'ssh://[2001:db8::1]');
});

test('other stores are no hosts, and neither is what ssh must not get', () => {
  for (const uri of [
    'daemon',
    's3://bucket',
    './dir',
    'ssh://',
    'ssh://-oX@host',
    'ssh://-x',
    'http://a',
  ]) {
    assert.throws(() => parseHostUri(uri), { code: 'usage' }, uri);
  }
  for (const uri of ['ssh://a%20b', 'ssh://a%0ab', 'ssh://x%2fy', 'ssh://a;b', 'ssh://u%0a@h']) {
    assert.throws(() => parseHostUri(uri), { code: 'usage' }, uri);
  }
});

test('what is formatted is read as the same by whoever opens stores', () => {
  const word = fc.string({ unit: fc.constantFrom(...'ab1.-_%=&?/# +:é'.split('')), maxLength: 8 });
  fc.assert(
    fc.property(
      word,
      word,
      fc.option(fc.integer({ min: 1, max: 65_535 })),
      word,
      (user, host, port, value) => {
        fc.pre(addressFault(host) === undefined && userFault(user) === undefined);
        const place = {
          protocol: 'ssh' as const,
          user,
          address: host,
          port: port ?? undefined,
          parameters: new Map([['ssh-key', value]]),
        };
        const text = formatHostUri(place);
        assert.deepEqual(parseHostUri(text), place);
        assert.equal(parseStoreUri(text).kind, 'ssh');
      },
    ),
  );
});

test('the same machine has the same key, however it is logged in to', () => {
  const key = (uri: string): string => placeKey(parseHostUri(uri));
  assert.equal(key('ssh://root@Host?ssh-key=a'), key('ssh-ng://alice@host?compress=true'));
  assert.equal(key('ssh://[2001:DB8:0::1]'), key('ssh://[2001:db8::1]'));
  assert.equal(key('ssh://[fe80::1%25eth0]'), key('ssh://[FE80::1%25eth0]'));
  assert.notEqual(key('ssh://host'), key('ssh://host:2222'));
  assert.notEqual(key('ssh://host'), key('ssh://host?remote-store=/mnt'));
});
