import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isFerryError } from '../error.ts';
import type { DeployEvent } from './events.ts';
import { HostStory } from './host-story.ts';
import { Turns } from './strategy.ts';

function openStory(signal?: AbortSignal): {
  story: HostStory;
  events: DeployEvent[];
  turns: Turns;
} {
  const events: DeployEvent[] = [];
  const turns = new Turns({ strategy: { kind: 'rolling', count: 1 } });
  const story = new HostStory('h1', { turns, signal, onEvent: (event) => events.push(event) });
  return { story, events, turns };
}

const summary = { copied: 3, alreadyValid: 1, failed: 0, narSize: 70, signaturesAdded: 0 };

test('what was copied is part of the end, and only the first end counts', () => {
  const { story, events } = openStory();
  story.enter('copying');
  story.copy({ type: 'done', summary });
  story.end('live', { path: '/nix/store/x', generation: 2 });
  story.fail('failed', new Error('later'));
  assert.deepEqual(story.result, {
    host: 'h1',
    outcome: 'live',
    path: '/nix/store/x',
    generation: 2,
    oldGeneration: undefined,
    error: undefined,
    copiedPaths: 3,
    copiedBytes: 70,
  });
  assert.deepEqual(
    events.map(({ type }) => type),
    ['phase', 'copy', 'ended'],
  );
});

test('without a turn it is skipped', async () => {
  const { story, turns } = openStory();
  turns.stop();
  assert.equal(await turns.take(), true);
  const taking = story.takeTurn();
  turns.ended('rolled-back', true);
  assert.equal(await taking, false);
  assert.equal(story.result?.outcome, 'skipped');
});

test('told to stop before anything was changed, it is skipped without an error', () => {
  const abort = new AbortController();
  const { story } = openStory(abort.signal);
  story.enter('copying');
  abort.abort();
  story.fail('failed', abort.signal.reason);
  assert.equal(story.result?.outcome, 'skipped');
  assert.equal(story.result?.error, undefined);
});

test('told to stop in the activation, nobody knows how it ends', () => {
  const abort = new AbortController();
  const { story } = openStory(abort.signal);
  story.enter('activating');
  abort.abort();
  story.fail('failed', abort.signal.reason);
  assert.equal(story.result?.outcome, 'unknown');
  assert.ok(isFerryError(story.result?.error));
  assert.match(story.result.error.message, /goes back by itself/);
});
