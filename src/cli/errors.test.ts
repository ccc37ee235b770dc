import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FerryError } from '../error.ts';
import { BrokenPipe, Interrupted } from './context.ts';
import { describeError, exitStatusOf, printable } from './errors.ts';

const plain = { verbosity: 0, mark: (text: string): string => text };

test('an error has its message, its hint and its status', () => {
  const error = new FerryError('unavailable', 'cannot connect to "far"', { hint: 'is it on' });
  assert.deepEqual(describeError(error, plain), [
    'error: cannot connect to "far"',
    'hint: is it on',
  ]);
  assert.equal(exitStatusOf(error), 4);
});

test('causes are told to those who ask', () => {
  const error = new FerryError('corrupt', 'a', { cause: new Error('b', { cause: 'c' }) });
  assert.deepEqual(describeError(error, plain), ['error: a']);
  assert.deepEqual(describeError(error, { ...plain, verbosity: 1 }), [
    'error: a',
    '  because: b',
    '  because: c',
  ]);
});

test('of two errors the first one counts, and both are told', () => {
  const first = new FerryError('no-space', 'disk full');
  const error = new SuppressedError(new FerryError('denied', 'cannot remove "x"'), first);
  assert.deepEqual(describeError(error, plain), [
    'error: disk full',
    'error, after that: cannot remove "x"',
  ]);
  assert.equal(exitStatusOf(error), 5);
});

test('a mistake of ours is told as one', () => {
  const error = new TypeError('x is not a function');
  const [first, hint] = describeError(error, plain);
  assert.equal(first, 'error: ferry made a mistake: x is not a function');
  assert.match(hint ?? '', /report/);
  assert.equal(exitStatusOf(error), 70);
  assert.match(describeError(error, { ...plain, verbosity: 1 }).join('\n'), /errors\.test\.ts/);
});

test('an untranslated error of the system is no mistake of ours', () => {
  const details = { code: 'ENOTDIR', syscall: 'lstat', path: '/a/b' };
  const error = Object.assign(new Error("ENOTDIR: not a directory, lstat '/a/b'"), details);
  assert.deepEqual(describeError(error, plain), ['error: cannot lstat "/a/b": not a directory']);
  assert.equal(exitStatusOf(error), 1);
});

test('signals and closed pipes have the status of programs that they ended', () => {
  assert.equal(exitStatusOf(new Interrupted('SIGINT', 2)), 130);
  assert.deepEqual(describeError(new BrokenPipe('x'), plain), []);
  assert.equal(exitStatusOf(new BrokenPipe('x')), 141);
});

test('text from elsewhere cannot steer the terminal', () => {
  assert.equal(printable('a\u001b[31mb\u0007\r\nc\td\u009bx'), 'a\\x1b[31mb\\x07\nc\td\\x9bx');
  const error = new FerryError('protocol', 'it says:\n\u001b]0;owned\u0007');
  assert.deepEqual(describeError(error, plain), ['error: it says:\n  \\x1b]0;owned\\x07']);
});
