import assert from 'node:assert/strict';
import { test } from 'node:test';
import { uriWithoutSecrets } from './uri-without-secrets.ts';

for (const [text, wanted] of [
  ['https://cache.example.org', 'https://cache.example.org'],
  ['https://cache.example.org/a@b?priority=10', 'https://cache.example.org/a@b'],
  ['https://alice:p%40ss@cache.example.org/x?secret-key=/k', 'https://cache.example.org/x'],
  ['HTTP://alice:p@ss@cache.example.org', 'HTTP://cache.example.org'],
  ['s3://key:secret@bucket?endpoint=x', 's3://bucket'],
  ['ssh://alice@server?compress=true', 'ssh://alice@server'],
  ['file:///srv/c@che?compression=zstd', 'file:///srv/c@che'],
  ['daemon', 'daemon'],
  ['/some/where?root=/x', '/some/where'],
] as const) {
  test(`"${text}" is told as "${wanted}"`, () => {
    assert.equal(uriWithoutSecrets(text), wanted);
  });
}
