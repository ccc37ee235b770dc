import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { HostFacts } from '../host/host-facts.ts';
import type { ActivationState } from './activation-state.ts';
import type { ProfileSurvey } from './agent/agent.ts';
import {
  hostStatus,
  isAsSaid,
  unreachableStatus,
  type HostStanding,
  type StatusAnswers,
} from './fleet-status.ts';

const host = { name: 'web1', profile: '/nix/var/nix/profiles/system' };
const facts = { clockSkewMs: 60_400 } as HostFacts;

function survey(part: Partial<ProfileSurvey>): ProfileSurvey {
  return {
    current: 2,
    currentPath: '/b',
    currentSinceMs: 150_000,
    generations: [
      { number: 1, path: '/a', createdAtMs: 1000 },
      { number: 2, path: '/b', createdAtMs: 100_000 },
      { number: 3, path: '/c', createdAtMs: 200_000 },
    ],
    bootedPath: undefined,
    activePath: undefined,
    ...part,
  };
}

function activation(part: Partial<ActivationState>): ActivationState {
  return {
    id: 'x',
    phase: 'live',
    profile: host.profile,
    newPath: '/b',
    oldPath: '/a',
    oldGeneration: 1,
    newGeneration: 2,
    reason: undefined,
    changedAt: 100,
    ...part,
  };
}

function standing(
  wanted: string | undefined,
  profile: Partial<ProfileSurvey> = {},
  state?: Partial<ActivationState>,
): HostStanding {
  const answers: StatusAnswers = {
    facts,
    profile: survey(profile),
    activation: state === undefined ? undefined : activation(state),
    isActivationKnown: true,
    needsReboot: undefined,
  };
  return hostStatus(host, { path: wanted }, answers).standing;
}

test('what the profile leads to is compared with what the inventory says', () => {
  assert.equal(standing('/b'), 'as-it-should-be');
  assert.equal(standing('/c'), 'older-generation');
  assert.equal(standing('/a'), 'newer-generation');
  assert.equal(standing('/z'), 'other');
  assert.equal(standing(undefined), 'unsaid');
  const nothing = { current: undefined, currentPath: undefined, generations: [] };
  assert.equal(standing('/b', nothing), 'nothing');
  assert.equal(standing(undefined, nothing), 'nothing');
  // A profile that leads somewhere without a generation.
  assert.equal(standing('/c', { current: undefined, currentPath: '/elsewhere' }), 'other');
});

test('a path that is several generations counts as the latest of them', () => {
  const generations = [
    { number: 1, path: '/a', createdAtMs: 0 },
    { number: 2, path: '/b', createdAtMs: 0 },
    { number: 3, path: '/a', createdAtMs: 0 },
  ];
  assert.equal(standing('/a', { generations }), 'older-generation');
});

test('a system that is active is another than that of the profile until the next boot', () => {
  assert.equal(standing('/b', { activePath: '/b' }), 'as-it-should-be');
  assert.equal(standing('/b', { activePath: '/a' }), 'at-next-boot');
  assert.equal(standing('/z', { activePath: '/z' }), 'other');
});

test('an activation that came to no good end must be looked at, whatever runs', () => {
  for (const phase of ['prepared', 'activating', 'waiting', 'rolling-back'] as const) {
    assert.equal(standing('/b', {}, { phase }), 'activation-waiting');
  }
  assert.equal(standing('/b', {}, { phase: 'lost' }), 'activation-lost');
  assert.equal(standing('/b', {}, { phase: 'stuck' }), 'activation-stuck');
  assert.equal(standing('/b', {}, { phase: 'live' }), 'as-it-should-be');
});

test('what was taken back is told as long as it is the last that happened', () => {
  const back = { phase: 'rolled-back', newPath: '/c', oldPath: '/b' } as const;
  assert.equal(standing('/c', {}, back), 'activation-rolled-back');
  // Something else is wanted by now, or somebody did something else since.
  assert.equal(standing('/z', {}, back), 'other');
  assert.equal(standing('/c', { current: 1, currentPath: '/a' }, back), 'older-generation');
  // It may also be the wish that changed.
  assert.equal(standing('/b', {}, back), 'as-it-should-be');
});

test('times are by our clock, and to the second', () => {
  const answers = {
    facts,
    profile: survey({ activePath: '/b' }),
    activation: undefined,
    isActivationKnown: true,
    needsReboot: false,
  };
  const status = hostStatus(host, { path: '/b' }, answers);
  assert.equal(status.sinceMs, 90_000);
  assert.equal(status.generation, 2);
  assert.equal(status.activePath, undefined);
});

test('nothing has to be done where it is as it should be, or nothing is said', () => {
  const said = { path: '/b' };
  const unsaid = { path: undefined };
  assert.ok(isAsSaid({ standing: 'as-it-should-be', wanted: said }));
  assert.ok(isAsSaid({ standing: 'unsaid', wanted: unsaid }));
  // What the inventory says of it leads nowhere.
  assert.ok(!isAsSaid({ standing: 'unsaid', wanted: { ...unsaid, error: new Error('gone') } }));
  assert.ok(!isAsSaid({ standing: 'nothing', wanted: unsaid }));
  assert.ok(!isAsSaid(unreachableStatus(host, unsaid, new Error('gone'))));
});
