import assert from 'node:assert/strict';
import { test } from 'node:test';
import { samplePath } from '../../../test/conformance/nars.ts';
import { renderCopies } from './copy-many-progress.ts';
import { startCopyState, takeEvent, type CopyState } from './copy-state.ts';
import { displayWidth } from './display-width.ts';

const { path } = samplePath('large').info;

function copying(bytes: number): CopyState {
  const state = startCopyState(0);
  takeEvent(state, { type: 'start', paths: 2, narSize: 1000 }, 0);
  takeEvent(state, { type: 'path-start', path, narSize: 1000 }, 0);
  takeEvent(state, { type: 'path-bytes', path, bytes }, 0);
  return state;
}

test('each destination has a line of its own, with its name and how far it is', () => {
  const states = new Map([
    ['ssh://a', copying(500)],
    ['ssh://bert', startCopyState(0)],
  ]);
  assert.deepEqual(renderCopies(states, 80, 100), [
    '  ssh://a     [###############...............] 500 B of 1 KiB, 0/2 paths',
    '  ssh://bert  asking the stores what is there',
  ]);
});

test('no line is wider than the terminal, and no more lines are there than fit', () => {
  const states = new Map(
    Array.from({ length: 40 }, (_, index) => [
      `ssh://${'x'.repeat(index * 2)}`,
      copying(index * 20),
    ]),
  );
  for (const width of [0, 1, 10, 20, 40, 100, 300]) {
    const lines = renderCopies(states, width, 100);
    assert.equal(lines.length, 17);
    for (const line of lines) assert.ok(displayWidth(line) <= width, line);
  }
  assert.equal(renderCopies(states, 80, 100).at(-1), '  and 24 more');
});

test('when all are over nothing is left', () => {
  assert.deepEqual(renderCopies(new Map(), 80, 0), []);
});
