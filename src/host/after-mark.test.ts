import assert from 'node:assert/strict';
import { test } from 'node:test';
import { findMark } from './after-mark.ts';

async function* cut(bytes: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

async function find(
  text: string,
  size: number,
): Promise<{ isFound: boolean; noise: string; rest: string }> {
  const { isFound, noise, rest } = await findMark(cut(Buffer.from(text), size), 'the-mark');
  const chunks: Uint8Array[] = [];
  for await (const chunk of rest) chunks.push(chunk);
  return { isFound, noise, rest: Buffer.concat(chunks).toString() };
}

for (const [name, text, noise] of [
  ['at the very beginning', 'the-mark\nafter\n', ''],
  ['after a greeting', 'Welcome\x1b[1m!\n\nthe-mark\nafter\n', 'Welcome!'],
  ['after text that ends no line', 'Welcome!\nthe-mark\nafter\n', 'Welcome!'],
  [
    'after what only looks like it',
    'the-mark!\nXthe-mark\n\nthe-mark\nafter\n',
    'the-mark!\nXthe-mark',
  ],
] as const) {
  test(`the mark is found ${name}, however the text is cut`, async () => {
    for (let size = 1; size <= text.length; size++) {
      assert.deepEqual(await find(text, size), { isFound: true, noise, rest: 'after\n' });
    }
  });
}

test('text without the mark is quoted', async () => {
  const text = 'This account is currently not available.\n';
  assert.deepEqual(await find(text, 7), { isFound: false, noise: text.trim(), rest: '' });
});

test('a flood is given up on, and quoted in part', async () => {
  let taken = 0;
  const flood = (async function* () {
    for (;;) {
      taken += 65_536;
      yield Buffer.alloc(65_536, 'x');
    }
  })();
  const { isFound, noise } = await findMark(flood, 'the-mark');
  assert.equal(isFound, false);
  assert.equal(noise.length, 501);
  assert.ok(taken < 2 << 20);
});
