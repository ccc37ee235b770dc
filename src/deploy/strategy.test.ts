import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseStrategy, Turns, type TurnsOptions } from './strategy.ts';

const settle = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve));

/** Takes a turn for each name and keeps book of what was answered. */
function takeAll(turns: Turns, names: readonly string[]): Map<string, boolean> {
  const answers = new Map<string, boolean>();
  for (const name of names) void turns.take().then((answer) => answers.set(name, answer));
  return answers;
}

const open = (strategy: string, more: Omit<TurnsOptions, 'strategy'> = {}): Turns =>
  new Turns({ strategy: parseStrategy(strategy), ...more });

test('strategies are read, with one as their number', () => {
  assert.deepEqual(parseStrategy('all'), { kind: 'all' });
  assert.deepEqual(parseStrategy('rolling'), { kind: 'rolling', count: 1 });
  assert.deepEqual(parseStrategy('canary:12'), { kind: 'canary', count: 12 });
  for (const text of ['', 'ALL', 'rolling:0', 'rolling:-1', 'canary:', 'rolling:1x', 'all:2']) {
    assert.throws(() => parseStrategy(text), { code: 'usage' }, text);
  }
});

test('all go at once, whatever becomes of the others', async () => {
  const turns = open('all');
  const answers = takeAll(turns, ['a', 'b']);
  await settle();
  assert.deepEqual([...answers.values()], [true, true]);
  turns.ended('rolled-back', true);
  assert.equal(await turns.take(), true);
});

test('rolling lets so many go at a time', async () => {
  const turns = open('rolling:2');
  const answers = takeAll(turns, ['a', 'b', 'c', 'd']);
  await settle();
  assert.deepEqual([...answers.keys()], ['a', 'b']);
  turns.ended('live', true);
  await settle();
  assert.deepEqual([...answers.keys()], ['a', 'b', 'c']);
  turns.ended('unchanged', true);
  await settle();
  assert.equal(answers.get('d'), true);
});

test('rolling stops at the first that goes back', async () => {
  const turns = open('rolling:1');
  const answers = takeAll(turns, ['a', 'b']);
  await settle();
  turns.ended('rolled-back', true);
  await settle();
  assert.deepEqual(
    [...answers],
    [
      ['a', true],
      ['b', false],
    ],
  );
  assert.equal(await turns.take(), false);
});

test('one that was refused or could not be copied to stops nobody', async () => {
  const turns = open('rolling:1');
  turns.ended('refused', false);
  turns.ended('failed', false);
  assert.equal(await turns.take(), true);
});

test('with a number every failure counts, for all strategies', async () => {
  for (const strategy of ['all', 'rolling:9', 'canary:1']) {
    const turns = open(strategy, { maxFailures: 1 });
    turns.ended('refused', false);
    turns.ended('skipped', false);
    assert.equal(await turns.take(), true);
    turns.ended('failed', true);
    assert.equal(turns.isStopped, true);
    assert.equal(await turns.take(), false);
  }
});

test('with a number, going back stops nothing until it is passed', async () => {
  const turns = open('rolling:1', { maxFailures: 1 });
  assert.equal(await turns.take(), true);
  turns.ended('rolled-back', true);
  assert.equal(await turns.take(), true);
});

test('canaries go first, and the rest when they are live', async () => {
  const turns = open('canary:2');
  const answers = takeAll(turns, ['a', 'b', 'c', 'd']);
  await settle();
  assert.deepEqual([...answers.keys()], ['a', 'b']);
  turns.ended('live', true);
  await settle();
  assert.equal(answers.size, 2);
  turns.ended('live', true);
  await settle();
  assert.equal(answers.size, 4);
});

test('a canary that could not be tried gives its place to the next', async () => {
  const turns = open('canary:1');
  const answers = takeAll(turns, ['a', 'b', 'c']);
  await settle();
  turns.ended('failed', true);
  await settle();
  assert.deepEqual([...answers.keys()], ['a', 'b']);
  turns.ended('live', true);
  await settle();
  assert.equal(answers.get('c'), true);
});

test('a canary that goes back ends it all', async () => {
  const turns = open('canary:1');
  const answers = takeAll(turns, ['a', 'b']);
  await settle();
  turns.ended('unknown', true);
  await settle();
  assert.equal(answers.get('b'), false);
});

test('stopped, those that wait never go', async () => {
  const turns = open('rolling:1');
  const answers = takeAll(turns, ['a', 'b']);
  await settle();
  turns.stop();
  await settle();
  assert.equal(answers.get('b'), false);
});
