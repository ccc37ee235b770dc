/** What hosts say of activations and profiles: read to the end or refused, and then with what it promises. */
import assert from 'node:assert/strict';
import { parseSurvey } from '../../src/deploy/agent/profile-survey.ts';
import { parseState } from '../../src/deploy/agent/parse-state.ts';
import { outcomeOf, type FuzzTarget } from '../target.ts';

const state = `activation a-system-00ff busy
ferry-activation 1
phase waiting
profile /nix/var/nix/profiles/system
new-path /nix/store/0-new
old-path /nix/store/0-old
old-generation 11
new-generation 12
reason because
changed-at 1795294721
end
`;

const survey = `leads system-12-link
path /nix/store/0-b
booted /nix/store/0-a
active /nix/store/0-b
generation 12 1795294721 /nix/store/0-b
generation 9 1795290000 /nix/store/0-a
end`;

const words = ['\n', 'end\n', 'phase live\n', ' lost\n', 'generation 1 2 /x\n', '\u001b[2J', '9'];
const dictionary = words.map((word) => Buffer.from(word));
const CONTROL = /[\u0000-\u001f\u007f]/;

export const activationTargets: readonly FuzzTarget[] = [
  {
    name: 'activation-state',
    seeds: [Buffer.from(state)],
    dictionary,
    check: (input) => {
      const text = Buffer.from(input).toString('utf8');
      const { value } = outcomeOf(() => parseState(text), ['protocol']);
      if (value === undefined) return;
      assert.doesNotMatch(`${value.profile}${value.newPath}${value.reason ?? ''}`, CONTROL);
      assert.match(value.id, /^[a-z0-9-]{1,64}$/);
      assert.ok(Number.isSafeInteger(value.changedAt));
    },
  },
  {
    name: 'profile-survey',
    seeds: [Buffer.from(survey)],
    dictionary,
    check: (input) => {
      const lines = Buffer.from(input).toString('utf8').split('\n');
      const { value } = outcomeOf(() => parseSurvey('/p/system', lines), ['protocol']);
      for (const { number, path, createdAtMs } of value?.generations ?? []) {
        assert.ok(Number.isSafeInteger(number) && Number.isSafeInteger(createdAtMs));
        assert.ok(path.startsWith('/'));
        assert.doesNotMatch(path, CONTROL);
      }
    },
  },
];
