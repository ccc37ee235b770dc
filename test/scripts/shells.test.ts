/** What the shells and man make of what ferry prints for them. */
import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { ferryBin } from '../support/ferry-program.ts';
import { peerTest } from '../support/peers.ts';
import { run, runOk } from '../support/run.ts';
import { makeTempDirectory, type TempDirectory } from '../support/temp.ts';

const PATH = `${dirname(ferryBin)}:/usr/bin:/bin`;

async function completionsFor(shell: string, temp: TempDirectory, name: string): Promise<string> {
  const file = temp.join(name);
  writeFileSync(file, await runOk(ferryBin, ['completions', shell]));
  return file;
}

peerTest('bash completes commands, options and stores', { programs: ['bash'] }, async () => {
  using temp = makeTempDirectory();
  const file = await completionsFor('bash', temp, 'ferry.bash');
  const complete = (...words: readonly string[]): Promise<string> => {
    const list = words.map((word) => `'${word}'`).join(' ');
    const script = `. ${file}; COMP_WORDS=(${list}); COMP_CWORD=${words.length - 1}
      $(complete -p ferry | sed 's/.*-F \\([^ ]*\\).*/\\1/') ferry; printf '%s\\n' "\${COMPREPLY[@]}"`;
    return runOk('bash', ['--norc', '-c', script], { env: { PATH, HOME: temp.path } });
  };
  assert.match(await complete('ferry', 'st'), /^store\b/);
  assert.match(await complete('ferry', 'copy', '--dry'), /^--dry-run\b/);
});

peerTest('fish completes commands and options', { programs: ['fish'] }, async () => {
  using temp = makeTempDirectory();
  const file = await completionsFor('fish', temp, 'ferry.fish');
  const env = { PATH, HOME: temp.path };
  const complete = (line: string): Promise<string> =>
    runOk('fish', ['--no-config', '-c', `source ${file}; complete -C '${line}'`], { env });
  assert.match(await complete('ferry store v'), /^verify\t/);
  assert.match(await complete('ferry copy --dry'), /^--dry-run\t/);
});

peerTest('zsh loads its completions', { programs: ['zsh'] }, async () => {
  using temp = makeTempDirectory();
  await completionsFor('zsh', temp, '_ferry');
  const script = `fpath=(${temp.path} $fpath); autoload -U compinit; compinit -u -D; autoload +X _ferry && whence -w _ferry`;
  const { stdout, stderr } = await run('zsh', ['-fc', script], { env: { PATH, HOME: temp.path } });
  assert.deepEqual([stdout.trim(), stderr], ['_ferry: function', '']);
});

peerTest('man formats the pages without a warning', { programs: ['man'] }, async () => {
  using temp = makeTempDirectory();
  mkdirSync(temp.join('pages'));
  chmodSync(temp.path, 0o755);
  for (const words of [[], ['copy'], ['store', 'add'], ['nix-copy-closure']]) {
    const file = temp.join('pages', `${words.join('-') || 'ferry'}.1`);
    writeFileSync(file, await runOk(ferryBin, ['man', ...words]));
    const env = { PATH, HOME: temp.path, MANWIDTH: '80', LC_ALL: 'C.UTF-8' };
    const { stdout, stderr } = await run('man', ['--warnings', '-l', file], { env });
    assert.match(stdout, /NAME/);
    assert.equal(stderr, '');
  }
});
