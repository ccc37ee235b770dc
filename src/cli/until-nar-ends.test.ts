import assert from 'node:assert/strict';
import { test } from 'node:test';
import { bytesOf, helloNar, richNar } from '../../test/vectors/nar/build.ts';
import { hostileNars } from '../../test/vectors/nar/hostile.ts';
import { untilNarEnds } from './until-nar-ends.ts';

async function taken(bytes: Uint8Array, step: number): Promise<Uint8Array> {
  async function* pieces(): AsyncGenerator<Uint8Array> {
    for (let at = 0; at < bytes.length; at += step) yield bytes.subarray(at, at + step);
  }
  const chunks: Uint8Array[] = [];
  for await (const chunk of untilNarEnds(pieces())) chunks.push(chunk);
  return new Uint8Array(Buffer.concat(chunks));
}

test('a NAR is taken to its end and no further, however it is cut', async () => {
  for (const more of ['', 'more', helloNar]) {
    for (const step of [1, 7, 8, 64, 1 << 20]) {
      assert.deepEqual(await taken(bytesOf(richNar, more), step), richNar);
    }
  }
});

test('nothing is asked for once it has ended', async () => {
  let isClosed = false;
  async function* endless(): AsyncGenerator<Uint8Array> {
    try {
      yield helloNar;
      await new Promise(() => {});
    } finally {
      isClosed = true;
    }
  }
  for await (const chunk of untilNarEnds(endless())) assert.deepEqual(chunk, helloNar);
  assert.ok(isClosed);
});

test('what is none, or ends too early, is refused', async () => {
  for (const { name, bytes } of hostileNars) {
    await assert.rejects(taken(bytes, 1 << 20), { code: 'corrupt' }, name);
  }
  await assert.rejects(taken(helloNar.subarray(0, 50), 8), { code: 'corrupt' });
  await assert.rejects(taken(new Uint8Array(), 8), { code: 'corrupt' });
});
