import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import type { StoreDir } from '../../../format/store-path.ts';
import type { Store } from '../../../store/store.ts';
import type { CommandContext } from '../../context.ts';
import { followToStorePath, followWords } from './store-path-words.ts';

const hello = `${'a'.repeat(32)}-hello-2.12`;
const machine = realpathSync(mkdtempSync(join(tmpdir(), 'ferry-follow-')));
after(() => rmSync(machine, { recursive: true, force: true }));
const at = (...parts: string[]): string => join(machine, ...parts);
mkdirSync(at('home'));
symlinkSync(`/nix/store/${hello}/bin/hello`, at('home/hello'));
symlinkSync('hello', at('home/again'));
symlinkSync('home', at('link'));
symlinkSync('../home/again', at('home/around'));
symlinkSync('loop', at('home/loop'));
symlinkSync('gone', at('home/dangling'));
writeFileSync(at('home/file'), '');

const context = { cwd: at('home') } as CommandContext;
const store = { storeDir: '/nix/store' as StoreDir } as Store;
const follow = (word: string): string => followToStorePath(context, store, word);

test('paths in the store, below one, and links that lead there', () => {
  for (const word of [
    `/nix/store/${hello}`,
    `/nix/store/${hello}/share/../bin//hello`,
    `/nix/./store/${hello}/`,
    'hello',
    './again',
    'around/',
    at('home/hello'),
    // Only the last name is looked at, and it is a link.
    at('link/hello'),
  ]) {
    assert.equal(follow(word), hello, word);
  }
});

test('nothing else is looked for', () => {
  const cases: readonly (readonly [word: string, code: string, message: RegExp])[] = [
    ['file', 'not-found', /^path ".*\/home\/file" is not in the store "\/nix\/store"$/],
    ['', 'not-found', /\/home" is not in the store/],
    ['missing', 'not-found', /is not in the store/],
    ['dangling', 'not-found', /\/home\/gone" is not in the store/],
    ['hello/bin', 'not-found', /hello\/bin" is not in the store/],
    ['/nix/store', 'not-found', /"\/nix\/store" is not in the store/],
    ['file/below', 'not-found', /is not in the store/],
    ['zero\0', 'not-found', /is not in the store/],
    ['/nix/storefront/x', 'not-found', /is not in the store/],
    ['loop', 'not-found', /more than 1024 links/],
    ['/nix/store/short', 'corrupt', /too short/],
    [`/nix/store/${hello} `, 'corrupt', /has a character other than/],
  ];
  for (const [word, code, message] of cases) {
    assert.throws(() => follow(word), { code, message }, word);
  }
  assert.throws(() => follow(hello), { hint: `write /nix/store/${hello}` });
});

test('words are paths up to the first that is none', () => {
  const all = followWords(context, store, ['hello', 'around']);
  assert.deepEqual(all, { paths: [hello, hello] });
  const some = followWords(context, store, ['hello', 'file', 'around']);
  assert.deepEqual(some.paths, [hello]);
  assert.match(String(some.failure?.error), /is not in the store/);
});
