import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { RollBackPlan } from '../../deploy/roll-back.ts';
import { FerryError } from '../../error.ts';
import { rollBackPlanJson, rollBackPlanText } from './render-roll-back-plan.ts';

const path = (name: string): string => `/nix/store/${'a'.repeat(32)}-${name}`;
const plan = (host: string, current: number | undefined, number: number): RollBackPlan => ({
  host,
  current,
  currentPath: current === undefined ? undefined : path(`v${current}`),
  goal: { number, path: path(`v${number}`), createdAtMs: 0 },
});
const error = new FerryError('not-found', '"db" has no generation older than 1', {
  hint: 'it is the only one',
});
const results = [
  { host: 'web-1', error: undefined },
  { host: 'web-2', error: undefined },
  { host: 'new', error: undefined },
  { host: 'db', error },
];
const plans = new Map(
  [plan('web-1', 3, 2), plan('web-2', 2, 2), plan('new', undefined, 1)].map((one) => [
    one.host,
    one,
  ]),
);

test('of each host is said where it would go back to, or why it would not', () => {
  assert.deepEqual(rollBackPlanText(results, plans).split('\n'), [
    'web-1  would go from generation 3 to 2, v2',
    'web-2  generation 2 is current already, v2',
    'new    would go from no generation to 1, v1',
    `db     can't: "db" has no generation older than 1`,
    '       hint: it is the only one',
    'would roll back 2 of 4 hosts',
    '',
  ]);
  assert.match(rollBackPlanText(results.slice(0, 1), plans), /^would roll back 1 host$/m);
});

test('programs are told the same', () => {
  const { version, hosts } = JSON.parse(rollBackPlanJson(results, plans));
  assert.equal(version, 1);
  assert.deepEqual(hosts[0], {
    name: 'web-1',
    generation: 3,
    currentPath: path('v3'),
    goal: { generation: 2, path: path('v2') },
    error: null,
  });
  assert.equal(hosts[2].generation, null);
  assert.equal(hosts[3].goal, null);
  assert.equal(hosts[3].error.code, 'not-found');
});
