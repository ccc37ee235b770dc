import assert from 'node:assert/strict';
import { test } from 'node:test';
import { clipToWidth, displayWidth, fitToWidth, wrapToWidth } from './display-width.ts';

test('a column for each letter, two for wide ones, none for what is drawn over others', () => {
  const widths: readonly (readonly [string, number])[] = [
    ['', 0],
    ['web1', 4],
    ['größe', 5],
    ['e\u0301', 1],
    ['データ', 6],
    ['서울', 4],
    ['服务器', 6],
    ['ｗｅｂ', 6],
    ['🚢', 2],
    ['a\u200bb', 2],
    ['… → │', 5],
  ];
  for (const [text, width] of widths) assert.equal(displayWidth(text), width, text);
});

test('clipped texts are as wide as there is room, whatever they are made of', () => {
  assert.equal(clipToWidth('web1', 4), 'web1');
  assert.equal(clipToWidth('web10', 4), 'web…');
  assert.equal(clipToWidth('web10', 3), 'web');
  assert.equal(clipToWidth('データベース', 6), 'デー…');
  for (let width = 0; width < 20; width++) {
    for (const text of ['データ-web-ベース', 'abcdefghijklmnop', '🚢🚢🚢🚢🚢']) {
      assert.ok(displayWidth(clipToWidth(text, width)) <= width);
      assert.equal(displayWidth(fitToWidth(text, width)), width);
    }
  }
});

test('words are broken into lines, and a word that is too long has one to itself', () => {
  assert.deepEqual(wrapToWidth(['one,', 'two,', 'three:'], 9), ['one, two,', 'three:']);
  assert.deepEqual(wrapToWidth(['one,', 'enormous,', 'two:'], 4), ['one,', 'enormous,', 'two:']);
  assert.deepEqual(wrapToWidth([], 4), []);
});
