import assert from 'node:assert/strict';
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { makeTempDirectory } from '../../test/support/temp.ts';
import { readEnvironment } from '../config/environment.ts';
import { listNamedShells } from './shell-names.ts';

test("named shells are the user's own, and then those of the machine", () => {
  using temp = makeTempDirectory();
  const env = readEnvironment({
    HOME: temp.path,
    XDG_STATE_HOME: temp.join('state'),
    NIX_STATE_DIR: temp.join('nix'),
  });
  assert.deepEqual(listNamedShells(env), []);
  const own = temp.join('state/ferry/shells');
  const machines = temp.join('nix/gcroots/ferry-shells');
  for (const [directory, name] of [
    [own, 'b'],
    [machines, 'b'],
    [machines, 'a'],
    [own, 'empty'],
  ] as const) {
    mkdirSync(`${directory}/${name}`, { recursive: true });
    if (name !== 'empty') symlinkSync('/nowhere', `${directory}/${name}/shell.drv`);
  }
  writeFileSync(`${own}/file`, '');
  assert.deepEqual(listNamedShells(env), [
    { name: 'a', link: `${machines}/a/shell.drv` },
    { name: 'b', link: `${own}/b/shell.drv` },
  ]);
});
