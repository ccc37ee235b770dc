import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { StorePath } from '../../format/store-path.ts';
import { doneBytes, remainingMs, startCopyState, takeEvent, type CopyState } from './copy-state.ts';
import { renderCopy, summaryLine } from './render-copy.ts';

const a = `${'a'.repeat(32)}-glibc-2.40-66` as StorePath;
const b = `${'b'.repeat(32)}-a-package-with-quite-a-long-name-and-version-12.34.56` as StorePath;

function copying(): CopyState {
  const state = startCopyState(0);
  takeEvent(state, { type: 'closure', paths: 366 }, 10);
  takeEvent(state, { type: 'start', paths: 12, narSize: 40 << 20 }, 1000);
  takeEvent(state, { type: 'path-start', path: a, narSize: 30 << 20 }, 1000);
  takeEvent(state, { type: 'path-start', path: b, narSize: 10 << 20 }, 1000);
  return state;
}

test('while asking it says so, and how far it came', () => {
  const state = startCopyState(0);
  const show = (): string[] => renderCopy(state, { width: 80, now: 300, pathsMax: 5 });
  assert.deepEqual(show(), ['asking the stores what is there']);
  takeEvent(state, { type: 'closure', paths: 366 }, 10);
  assert.deepEqual(show(), ['asking the stores what is there, 366 paths in the closure']);
});

test('no rate and no time left before there is anything to judge by', () => {
  const state = copying();
  takeEvent(state, { type: 'path-bytes', path: a, bytes: 1 << 20 }, 1500);
  assert.equal(remainingMs(state, 1500), undefined);
  assert.deepEqual(renderCopy(state, { width: 80, now: 1500, pathsMax: 5 }), [
    '  glibc-2.40-66                                                   3% of   30 MiB',
    '  a-package-with-quite-a-long-name-and-version-12.34.56           0% of   10 MiB',
    '[..............................] 1 MiB of 40 MiB, 0/12 paths',
  ]);
});

test('a steady rate gives a steady time left', () => {
  const state = copying();
  for (let now = 1100; now <= 5000; now += 100) {
    takeEvent(state, { type: 'path-bytes', path: a, bytes: 1 << 18 }, now);
  }
  assert.equal(Math.round((remainingMs(state, 5000) ?? 0) / 1000), 12);
  assert.deepEqual(renderCopy(state, { width: 100, now: 5000, pathsMax: 1 }), [
    '  glibc-2.40-66                                                                      33% of   30 MiB',
    '  and 1 more',
    '[#######.......................] 10 MiB of 40 MiB, 0/12 paths, 2.5 MiB/s, 12 s left',
  ]);
});

test('when nothing arrives for long it is called stalled, and no time is promised', () => {
  const state = copying();
  takeEvent(state, { type: 'path-bytes', path: a, bytes: 1 << 20 }, 1100);
  assert.equal(remainingMs(state, 20_000), undefined);
  const last = renderCopy(state, { width: 80, now: 20_000, pathsMax: 5 }).at(-1);
  assert.match(last ?? '', /, stalled$/);
});

test('what failed is not waited for any more', () => {
  const state = copying();
  takeEvent(state, { type: 'path-failed', path: b, error: new Error('x') }, 1100);
  assert.equal(doneBytes(state), 10 << 20);
});

test('no line is wider than the terminal, however narrow', () => {
  const state = copying();
  for (let now = 1100; now <= 5000; now += 100) {
    takeEvent(state, { type: 'path-bytes', path: a, bytes: 1 << 18 }, now);
  }
  for (let width = 1; width <= 120; width++) {
    for (const line of renderCopy(state, { width, now: 5000, pathsMax: 5 })) {
      assert.ok(line.length <= width, `${width} columns: "${line}"`);
    }
  }
});

test('more bytes than announced never make more than all', () => {
  const state = copying();
  takeEvent(state, { type: 'path-bytes', path: b, bytes: 1 << 30 }, 1100);
  assert.equal(doneBytes(state), 10 << 20);
});

const nothing = { copied: 0, alreadyValid: 0, failed: 0, narSize: 0, signaturesAdded: 0 };

test('the summary says what was done, and nothing else', () => {
  const line = (part: Partial<typeof nothing>): string =>
    summaryLine({ ...nothing, ...part }, 1200);
  assert.equal(
    line({ copied: 12, narSize: 36_175_872, alreadyValid: 354 }),
    'copied 12 paths, 34.5 MiB in 1.2 s (28.8 MiB/s), 354 were there already',
  );
  assert.equal(line({ copied: 1, narSize: 120 }), 'copied 1 path, 120 B in 1.2 s (100 B/s)');
  assert.equal(line({ alreadyValid: 366 }), 'nothing to copy: all 366 paths are there already');
  assert.equal(line({ alreadyValid: 1 }), 'nothing to copy: the path is there already');
  assert.equal(line({}), 'nothing to copy');
  assert.equal(
    line({ alreadyValid: 2, signaturesAdded: 3 }),
    'nothing to copy: all 2 paths are there already, added 3 signatures',
  );
  assert.equal(
    line({ copied: 1, narSize: 120, failed: 2 }),
    'copied 1 path, 120 B in 1.2 s (100 B/s), 2 paths could not be copied',
  );
  assert.equal(line({ failed: 2 }), '2 paths could not be copied');
});
