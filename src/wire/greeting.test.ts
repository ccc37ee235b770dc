import assert from 'node:assert/strict';
import { test } from 'node:test';
import { findGreeting, type GreetingOptions } from './greeting.ts';
import { plainText } from './transport.ts';

const magic = 0x5452eecb;
const word = Buffer.from('cbee525400000000', 'hex');
const after = Buffer.from('after');

async function* cut(bytes: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

async function greet(
  bytes: Uint8Array,
  size: number,
  options: GreetingOptions = {},
): Promise<{ isFound: boolean; noise: string; rest: string }> {
  const { isFound, noise, rest } = await findGreeting(cut(bytes, size), magic, options);
  const chunks: Uint8Array[] = [];
  for await (const chunk of rest) chunks.push(chunk);
  return { isFound, noise, rest: Buffer.concat(chunks).toString('latin1') };
}

const rest = Buffer.concat([word, after]).toString('latin1');

for (const [name, before, noise, isStarted] of [
  ['nothing', '', '', false],
  ["ssh's word", 'started\n', '', true],
  ['text', 'Welcome!\n', 'Welcome!', false],
  ["ssh's word and text", 'started\nWelcome\x1b[1m!\n', 'Welcome!', true],
  ['a short text', 'hi', 'hi', false],
] as const) {
  test(`after ${name} the protocol is found, however it is cut`, async () => {
    const all = Buffer.concat([Buffer.from(before), word, after]);
    for (let size = 1; size <= all.length; size++) {
      let started = false;
      const found = await greet(all, size, { onStarted: () => (started = true) });
      assert.deepEqual(found, { isFound: true, noise, rest });
      assert.equal(started, isStarted);
    }
  });
}

test('text alone is no greeting', async () => {
  assert.deepEqual(await greet(Buffer.from('account disabled\n'), 5), {
    isFound: false,
    noise: 'account disabled',
    rest: '',
  });
});

test('a flood is given up on, and quoted in part', async () => {
  let taken = 0;
  const flood = (async function* () {
    for (;;) {
      taken += 4096;
      yield Buffer.alloc(4096, 'x');
    }
  })();
  const { isFound, noise } = await findGreeting(flood, magic);
  assert.equal(isFound, false);
  assert.ok(noise.length <= 501, String(noise.length));
  assert.ok(taken <= 128 * 1024);
});

test('text of a far end loses what could steer a terminal', () => {
  const wild = 'a\x1b[31mb\x1b]0;title\x07c\r\nd\x00\x08e\u009bf\tg';
  assert.equal(plainText(wild), 'abc\ndef\tg');
});
