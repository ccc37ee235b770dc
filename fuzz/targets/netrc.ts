/** The file of passwords: what is accepted has entries with no more than the text had, and no refusal quotes a word. */
import assert from 'node:assert/strict';
import { findNetrc, parseNetrc } from '../../src/config/netrc.ts';
import { outcomeOf, type FuzzTarget } from '../target.ts';

export const netrcTarget: FuzzTarget = {
  name: 'netrc',
  seeds: [
    'machine cache.example.org login alice password s3cret\n',
    'machine a\n  login "a b"\n  password "q\\"\\n" # comment\ndefault login anonymous\n',
    'machine a macdef init\nmachine b\n\nmachine c login d account e\n',
  ].map((text) => Buffer.from(text)),
  dictionary: [
    'machine ',
    'default ',
    'login ',
    'password ',
    'macdef ',
    '"',
    '\\',
    '#',
    '\n\n',
    '\0',
  ].map((text) => Buffer.from(text)),
  check: (input) => {
    const text = Buffer.from(input).toString('utf8');
    const { value: entries, refusal } = outcomeOf(() => parseNetrc(text, 'FILE'), ['usage']);
    if (entries === undefined) {
      assert.match(
        refusal ?? '',
        /^cannot read "FILE": line \d+: (nothing follows "[a-z]+"|a quote is not closed|more than \d+ entries)$/,
      );
      return;
    }
    const characters = entries
      .flatMap(({ machine, login, password }) => [machine, login, password])
      .reduce((sum, word) => sum + (word?.length ?? 0), 0);
    // Lower case may have more characters (İ), never twice as many.
    assert.ok(characters <= text.length * 2);
    for (const { machine } of entries) {
      if (machine === undefined) continue;
      const found = findNetrc(entries, machine, { allowDefault: false });
      assert.ok(found === undefined || found.machine === machine);
    }
  },
};
