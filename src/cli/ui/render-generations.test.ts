import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Output } from '../context.ts';
import { FerryError } from '../../error.ts';
import { GenerationsReport, removalQuestion } from './generations-report.ts';
import { generationsLines, type ListedProfile } from './render-generations.ts';

const paint = (_look: unknown, text: string): string => text;
const hash = 'a'.repeat(32);
const named = (name: string): string => `/nix/store/${hash}-${name}`;
/** Midday of that day in the zone of whoever runs this. */
const day = (number: number): number => new Date(2026, 10, number, 12, 30).getTime();

const system: ListedProfile = {
  current: 12,
  currentPath: named('v2'),
  activePath: named('v3'),
  bootedPath: named('v1'),
  generations: [
    { number: 9, path: named('v1'), createdAtMs: day(1) },
    { number: 11, path: named('v1'), createdAtMs: day(2) },
    { number: 12, path: named('v2'), createdAtMs: day(3) },
    { number: 13, path: named('v3'), createdAtMs: day(4) },
  ],
};
const style = { paint, width: 80, verbosity: 0 };

test('generations with what runs of them', () => {
  assert.deepEqual(generationsLines('web1  /p', system, style), [
    'web1  /p',
    '   9  2026-11-01 12:30  v1',
    '  11  2026-11-02 12:30  v1  (booted)',
    '  12  2026-11-03 12:30  v2  (current)',
    '  13  2026-11-04 12:30  v3  (active)',
  ]);
  const usual = { ...system, activePath: named('v2'), bootedPath: named('v2') };
  assert.equal(generationsLines('web1', usual, style)[3], '  12  2026-11-03 12:30  v2  (current)');
  assert.equal(
    generationsLines('web1', system, { ...style, verbosity: 1 })[1],
    `   9  2026-11-01 12:30  ${named('v1')}`,
  );
});

test('a profile that has none says where it leads', () => {
  const none = { current: undefined, currentPath: named('v2'), generations: [] };
  assert.deepEqual(generationsLines('web1', none, style), [
    'web1',
    `  no generations; it leads to ${named('v2')}`,
  ]);
});

function setUp(isJson: boolean): { report: GenerationsReport; written: () => string[] } {
  let text = '';
  const output: Output = {
    isTerminal: false,
    hasColours: false,
    width: () => 80,
    async write(data) {
      text += String(data);
    },
  };
  const report = new GenerationsReport(output, { ...style, isJson });
  return { report, written: () => text.trimEnd().split('\n') };
}

const owner = { host: 'web1', profile: '/p' };
const gone = new FerryError('unavailable', 'gone');

test('what went and what failed, and the status of those that failed in one way', async () => {
  const { report, written } = setUp(false);
  await report.removed(owner, [3, 4]);
  await report.chosen({ host: undefined, profile: '/p' }, [5]);
  await report.removed({ host: 'web2', profile: '/p' }, []);
  await report.failed({ host: 'web3', profile: '/p' }, gone);
  assert.equal(await report.done(), 4);
  assert.deepEqual(written(), [
    'web1: removed generations 3, 4',
    '/p: would remove generation 5',
    'web2: no generation to remove',
    '',
    'web3:',
    '  error: gone',
  ]);
  await report.failed({ host: 'web4', profile: '/p' }, new FerryError('no-space', 'full'));
  assert.equal(await report.done(), 1);
});

test('as JSON there is an object for each profile, and one at the end', async () => {
  const { report, written } = setUp(true);
  const [first] = system.generations;
  await report.listed(owner, { current: 9, generations: first === undefined ? [] : [first] });
  await report.removed({ host: undefined, profile: '/p' }, [3]);
  await report.failed(owner, gone);
  await report.done();
  assert.deepEqual(
    written().map((line) => JSON.parse(line) as unknown),
    [
      {
        type: 'profile',
        host: 'web1',
        profile: '/p',
        current: 9,
        generations: [
          { number: 9, path: named('v1'), time: new Date(day(1)).toISOString(), isCurrent: true },
        ],
        error: null,
      },
      { type: 'profile', host: null, profile: '/p', removed: [3], error: null },
      {
        type: 'profile',
        host: 'web1',
        profile: '/p',
        error: { code: 'unavailable', message: 'gone', hint: null },
      },
      { type: 'done', version: 1, profiles: 3, status: 4 },
    ],
  );
});

test('the question says how many, and of how many profiles', () => {
  assert.equal(removalQuestion([1]), 'remove 1 generation? [y/N] ');
  assert.equal(removalQuestion([3, 0, 2]), 'remove 5 generations of 2 profiles? [y/N] ');
});
