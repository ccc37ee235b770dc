import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { FerryError } from '../error.ts';
import type { StoreDir } from '../format/store-path.ts';
import { resolvePath, type ResolvedPath } from './resolve-path.ts';

const hello = `${'a'.repeat(32)}-hello-2.12`;
const profile = `${'b'.repeat(32)}-profile`;

// A machine: its store, a profile as on NixOS, a result link, a store below a root.
const machine = realpathSync(mkdtempSync(join(tmpdir(), 'ferry-resolve-')));
after(() => rmSync(machine, { recursive: true, force: true }));
const storeDir = join(machine, 'nix/store') as StoreDir;
const at = (...parts: string[]): string => join(machine, ...parts);
const write = (path: string): void => {
  mkdirSync(join(path, '..'), { recursive: true });
  writeFileSync(path, '');
};
write(at('nix/store', hello, 'bin/hello'));
symlinkSync('hello', at('nix/store', hello, 'bin/hi'));
mkdirSync(at('nix/store', profile, 'bin'), { recursive: true });
symlinkSync(join(storeDir, hello, 'bin/hello'), at('nix/store', profile, 'bin/hello'));
symlinkSync(join(storeDir, profile), at('current'));
mkdirSync(at('home'));
symlinkSync(join(storeDir, hello), at('home/result'));
symlinkSync('result', at('home/result-2'));
symlinkSync('result/bin', at('home/bin'));
symlinkSync('gone', at('home/dangling'));
symlinkSync('loop', at('home/loop'));
write(at('home/file'));
write(at('home/script/local'));
symlinkSync(join(storeDir, hello, 'bin/hello'), at('home/script/hello'));
mkdirSync(at('root/nix/var'), { recursive: true });
symlinkSync(`/nix/store/${hello}`, at('root/nix/var/system'));
mkdirSync(at('root/nix/store', hello), { recursive: true });

function resolve(word: string): ResolvedPath {
  const searchPath = `relative:${at('home/script')}:${at('current/bin')}`;
  return resolvePath(word, { storeDir, cwd: at('home'), searchPath });
}

function fails(word: string, code: string, message: RegExp, hint?: RegExp): void {
  assert.throws(
    () => resolve(word),
    (error: unknown) => {
      assert.ok(error instanceof FerryError);
      assert.equal(error.code, code);
      assert.match(error.message, message);
      if (hint !== undefined) assert.match(error.hint ?? '', hint);
      return true;
    },
  );
}

test('a store path is itself, whether or not it is there', () => {
  assert.deepEqual(resolve(`${storeDir}/${hello}`), { path: hello, inside: '' });
  assert.deepEqual(resolve(`${storeDir}/${hello}/`), { path: hello, inside: '' });
  const absent = `${'c'.repeat(32)}-absent`;
  assert.deepEqual(resolve(`${storeDir}//${absent}/./bin`), { path: absent, inside: 'bin' });
  assert.deepEqual(resolve(absent), { path: absent, inside: '' });
});

test('a file inside is found in its path', () => {
  assert.deepEqual(resolve(`${storeDir}/${hello}/bin/hello`), { path: hello, inside: 'bin/hello' });
  assert.deepEqual(resolve(`${storeDir}/${hello}/bin/../share`), { path: hello, inside: 'share' });
});

test('links into the store are followed, also those to links and below links', () => {
  assert.deepEqual(resolve('result'), { path: hello, inside: '' });
  assert.deepEqual(resolve('./result-2'), { path: hello, inside: '' });
  assert.deepEqual(resolve('./result/bin/hello'), { path: hello, inside: 'bin/hello' });
  assert.deepEqual(resolve('./result/bin/hi'), { path: hello, inside: 'bin/hello' });
  assert.deepEqual(resolve('bin/hello'), { path: hello, inside: 'bin/hello' });
  assert.deepEqual(resolve(at('current')), { path: profile, inside: '' });
});

test('a program of a profile is the package that it belongs to, as in Nix', () => {
  assert.deepEqual(resolve(at('current/bin/hello')), { path: hello, inside: 'bin/hello' });
});

test('what is in the store stays, even where it is a link to another path', () => {
  assert.deepEqual(resolve(`${storeDir}/${profile}/bin/hello`), {
    path: profile,
    inside: 'bin/hello',
  });
});

test('a bare name is a program on PATH when it is nothing else', () => {
  assert.deepEqual(resolve('hello'), { path: hello, inside: 'bin/hello' });
  fails('local', 'not-found', /"local" is not in the store/, /ferry store add/);
});

test('in a store below a root, its own files and its logical paths both lead there', () => {
  const rooted = (word: string): ResolvedPath =>
    resolvePath(word, {
      storeDir: '/nix/store' as StoreDir,
      realStoreDir: at('root/nix/store'),
      cwd: at('home'),
    });
  assert.deepEqual(rooted(at('root/nix/store', hello)), { path: hello, inside: '' });
  assert.deepEqual(rooted(`/nix/store/${hello}`), { path: hello, inside: '' });
  assert.deepEqual(rooted('/nix/var/system'), { path: hello, inside: '' });
  assert.deepEqual(rooted(at('root/nix/var/system')), { path: hello, inside: '' });
  assert.deepEqual(rooted(at('root/nix/var/system/bin')), { path: hello, inside: 'bin' });
});

test('what leads nowhere says why', () => {
  fails('nothing', 'not-found', /neither a file, nor a store path, nor a program on PATH/);
  fails('./nothing', 'not-found', /neither a file nor a path in the store/);
  fails('file', 'not-found', /"file" is not in the store/, /ferry store add/);
  fails('dangling', 'not-found', /is a link to ".*gone", which is not there/);
  fails('loop', 'not-found', /more than 40 links/);
  fails(`${storeDir}/nonsense`, 'not-found', /is not a store path/, /32 letters and digits/);
  fails(storeDir, 'not-found', /is not in the store/);
  fails('nixpkgs#hello', 'not-found', /nixpkgs#hello/, /nix build --no-link --print-out-paths/);
  fails(`${storeDir}/${'a'.repeat(32)}`, 'not-found', /not a store path/, /the name belongs to it/);
  fails(`${storeDir}/${hello}.drv^out`, 'not-found', /not a store path/, /--include-outputs/);
});
