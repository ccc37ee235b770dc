import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Output } from '../context.ts';
import { LiveLines } from './live-lines.ts';
import { OrderedOutput } from './ordered-output.ts';

class Terminal implements Output {
  readonly isTerminal = true;
  readonly hasColours = false;
  columns = 20;
  written: string[] = [];
  /** Writes wait for this. */
  gate: Promise<void> = Promise.resolve();

  width(): number {
    return this.columns;
  }

  async write(data: string | Uint8Array): Promise<void> {
    await this.gate;
    this.written.push(String(data));
  }
}

function setUp(): { terminal: Terminal; output: OrderedOutput; lines: LiveLines } {
  const terminal = new Terminal();
  const output = new OrderedOutput(terminal);
  return { terminal, output, lines: new LiveLines(output) };
}

test('what is printed goes above the lines in one write with them', async () => {
  const { terminal, output, lines } = setUp();
  lines.draw(['one', 'two']);
  await output.settled();
  lines.print('above');
  lines.clear();
  await output.settled();
  assert.deepEqual(terminal.written, [
    '\u001b[?25lone\u001b[K\ntwo\u001b[K\n\u001b[J',
    '\u001b[?25l\u001b[2Fabove\u001b[K\none\u001b[K\ntwo\u001b[K\n\u001b[J',
    '\u001b[2F\u001b[J\u001b[?25h',
  ]);
});

test('the same lines are not drawn again, and no lines are the same as none', async () => {
  const { terminal, output, lines } = setUp();
  lines.draw([]);
  for (let n = 0; n < 3; n++) {
    lines.draw(['one']);
    await output.settled();
  }
  assert.equal(terminal.written.length, 1);
  lines.draw([]);
  await output.settled();
  assert.match(terminal.written.at(-1) ?? '', /\[\?25h$/);
});

test('a terminal that became narrower has broken lines into several', async () => {
  const { terminal, output, lines } = setUp();
  lines.draw(['\u001b[1m123456789012345678\u001b[0m', '漢字漢字漢字']);
  await output.settled();
  terminal.columns = 10;
  lines.draw(['short']);
  await output.settled();
  assert.match(terminal.written.at(-1) ?? '', /\[4Fshort/);
});

test('a terminal that takes nothing is not sent every picture', async () => {
  const { terminal, output, lines } = setUp();
  const gate = Promise.withResolvers<void>();
  terminal.gate = gate.promise;
  for (let n = 0; n < 100; n++) lines.draw([`line ${n}`]);
  gate.resolve();
  await output.settled();
  await Promise.resolve();
  assert.equal(terminal.written.length, 1);
});
