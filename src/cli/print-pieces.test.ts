import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Output } from './context.ts';
import { printPieces } from './print-pieces.ts';

function recorder(): { readonly output: Output; readonly written: string[] } {
  const written: string[] = [];
  const write = async (data: string | Uint8Array): Promise<void> => {
    written.push(String(data));
  };
  const output = { isTerminal: false, hasColours: false, width: () => 80, write };
  return { output, written };
}

test('small pieces go out together, in their order', async () => {
  const { output, written } = recorder();
  const lines = Array.from({ length: 10_000 }, (_, i) => `line ${i} of many\n`);
  await printPieces(output, lines);
  assert.equal(written.join(''), lines.join(''));
  assert.ok(written.length <= 4, `${written.length} writes`);
});

test('nothing is written of nothing', async () => {
  const { output, written } = recorder();
  await printPieces(output, []);
  assert.deepEqual(written, []);
});

test('what comes before an error is written', async () => {
  for (const isAsync of [false, true]) {
    const { output, written } = recorder();
    function* pieces(): Generator<string> {
      yield 'a\n';
      yield 'b\n';
      throw new Error('no more');
    }
    async function* later(): AsyncGenerator<string> {
      yield* pieces();
    }
    await assert.rejects(printPieces(output, isAsync ? later() : pieces()), /no more/);
    assert.deepEqual(written, ['a\nb\n']);
  }
});
