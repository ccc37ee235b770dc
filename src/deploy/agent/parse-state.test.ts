import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FerryError } from '../../error.ts';
import { parseState, StateReader } from './parse-state.ts';

const whole = `activation a-system-00ff busy
ferry-activation 1
phase waiting
profile /nix/var/nix/profiles/system
new-path /nix/store/0-new
old-path /nix/store/0-old
old-generation 11
new-generation 12
reason because of "this"
changed-at 1795294721
end
`;

test('a state is read as it was written', () => {
  assert.deepEqual(parseState(whole), {
    id: 'a-system-00ff',
    phase: 'waiting',
    profile: '/nix/var/nix/profiles/system',
    newPath: '/nix/store/0-new',
    oldPath: '/nix/store/0-old',
    oldGeneration: 11,
    newGeneration: 12,
    reason: 'because of "this"',
    changedAt: 1795294721,
  });
  assert.equal(parseState(whole.replace(' busy', ' lost')).phase, 'lost');
});

test('what need not be there may be missing', () => {
  const lines = whole.split('\n').filter((line) => !/^(?:old|new-gen|reason)/.test(line));
  const { oldPath, oldGeneration, newGeneration, reason } = parseState(lines.join('\n'));
  assert.deepEqual([oldPath, oldGeneration, newGeneration, reason], Array(4).fill(undefined));
});

const hostile: Readonly<Record<string, string>> = {
  nothing: '',
  'another beginning': whole.replace('activation ', 'deactivation '),
  'an id with a slash': whole.replace('a-system-00ff', 'a/../b'),
  'a state nobody knows': whole.replace(' busy', ' asleep'),
  'another version': whole.replace('ferry-activation 1', 'ferry-activation 2'),
  'no phase': whole.replace('phase waiting\n', ''),
  'a phase nobody knows': whole.replace('phase waiting', 'phase lost'),
  'a phase of Object': whole.replace('phase waiting', 'phase constructor'),
  'no path': whole.replace('new-path /nix/store/0-new\n', ''),
  'a field twice': whole.replace('reason ', 'profile /other\nreason '),
  'an empty field': whole.replace('because of "this"', ''),
  'a control character': whole.replace('because', 'be\u001b[2Jcause'),
  'no number': whole.replace('old-generation 11', 'old-generation 0x11'),
  'a number that is too long': whole.replace(
    'old-generation 11',
    `old-generation ${'1'.repeat(16)}`,
  ),
  'a time that no date has': whole.replace(/changed-at \d+/, 'changed-at 999999999999999'),
  'no end': whole.replace('end\n', ''),
  'something after it': `${whole}more\n`,
  'two of them': whole + whole,
  'too much': whole.replace('because', 'x'.repeat(70_000)),
};

for (const [what, text] of Object.entries(hostile)) {
  test(`a state with ${what} is refused`, () => {
    assert.throws(() => parseState(text), { code: 'protocol' });
  });
}

test('a reader of states takes one after the other, and stays failed', () => {
  const reader = new StateReader();
  const states = [...whole.split('\n').slice(0, -1), ...whole.split('\n').slice(0, -1)]
    .map((line) => reader.take(line))
    .filter((state) => state !== undefined);
  assert.equal(states.length, 2);
  assert.deepEqual(states[0], states[1]);
  assert.ok(reader.isBetween);
  assert.throws(() => reader.take('what?'), FerryError);
  assert.throws(() => reader.take('activation a-x busy'), { code: 'protocol' });
  assert.ok(!reader.isBetween);
});
