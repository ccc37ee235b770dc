import assert from 'node:assert/strict';
import { test } from 'node:test';
import { rawVariablesOf } from './raw-environment.ts';

const none = (): undefined => undefined;

test('variables are the bytes of their text', () => {
  const variables = { A: 'x', EMPTY: '', UMLAUT: 'ü', GONE: undefined };
  assert.deepEqual(
    [...rawVariablesOf({ variables }, none)],
    [
      ['A', 'x'],
      ['EMPTY', ''],
      ['UMLAUT', '\u00c3\u00bc'],
    ],
  );
});

test('what is no UTF-8 is what the process was started with', () => {
  const raw = (): Uint8Array => Buffer.from('B=other\0A=a\xffb=c\0N\xfe=1\0', 'latin1');
  const variables = { A: 'a\ufffdb=c', 'N\ufffd': '1', B: 'mine', C: '\ufffd' };
  assert.deepEqual(
    [...rawVariablesOf({ variables }, raw)],
    [
      ['A', 'a\u00ffb=c'],
      ['N\u00fe', '1'],
      ['B', 'mine'],
      // Really that character: the process was started without it.
      ['C', '\u00ef\u00bf\u00bd'],
    ],
  );
});

test('where the system does not tell, the replacement stays', () => {
  assert.deepEqual(
    [...rawVariablesOf({ variables: { A: '\ufffd' } }, none)],
    [['A', '\u00ef\u00bf\u00bd']],
  );
});
