/** What a host says of itself: whatever it is, it becomes facts that are safe to use, or is refused whole. */
import assert from 'node:assert/strict';
import { describeSurvey, parseSurvey, sessionSetUp } from '../../src/host/survey.ts';
import type { FuzzTarget } from '../target.ts';

const seeds = [
  'time=1700000000\nuser=alice\nuid=1000\nhome=/home/alice\nos=Linux\nmachine=aarch64\nboot=b-1\nsystemd=yes\ndf=/dev/sda 9 8 7 40% /\nenv.NIX_STATE_DIR=/var/nix\nplatforms=extra-platforms = armv7l-linux;extra-extra-platforms = a b\nprogram.nix-store=/nix/bin/nix-store\nversion.nix-store=nix-store (Nix) 2.34.8\nprogram.sudo=/usr/bin/sudo\nstatus.sudo=1\nsaid.sudo=sudo: a password is required\nend=yes\n',
  'time=1\nuser=root\nuid=0\nhome=/root\nos=Darwin\nmachine=arm64\nboot=\ndf=\nprogram.ferry=/usr/local/bin/ferry\nversion.ferry=ferry 0.5.0\nend=yes\n',
];

export const surveyTarget: FuzzTarget = {
  name: 'survey',
  seeds: seeds.map((text) => Buffer.from(text)),
  dictionary: [
    '\n',
    '=',
    "'",
    '"',
    ';',
    '$(x)',
    '\u001b[2J',
    '/',
    'program.doas=/d\nstatus.doas=0\nsaid.doas=\n',
    'end=yes\n',
  ].map((text) => Buffer.from(text)),
  check: (input) => {
    const values = parseSurvey(Buffer.from(input).toString('utf8'));
    if (values === undefined) return;
    const survey = describeSurvey(values, 'auto', 0);
    const { facts, roots } = survey;
    const programs = [facts.nixStore, facts.nixEnv, survey.nixDaemon].map((words) => words?.[0]);
    for (const program of [...programs, ...roots.map((way) => way.program)]) {
      assert.ok(program === undefined || program.startsWith('/'));
    }
    assert.ok(facts.freeBytes === undefined || Number.isSafeInteger(facts.freeBytes));
    assert.ok(Number.isFinite(facts.clockSkewMs));
    for (const isBecomingRoot of [false, true]) {
      const line = sessionSetUp(survey, isBecomingRoot);
      assert.doesNotMatch(line, /[\u0000-\u0008\u000a-\u001f\u007f]/);
      // Outside of quotes there is nothing but what we put there.
      const bare = line.replaceAll("'\\''", '').replaceAll(/'[^']*'/g, '');
      assert.match(bare, /^[\w@%+=:,./$;~ -]*$/);
    }
    const shown = `${facts.user} ${facts.system} ${facts.bootId} ${facts.extraSystems.join()}`;
    assert.doesNotMatch(shown, /[\u0000-\u0008\u000a-\u001f\u007f]/);
  },
};
