/** Writes what is made from the command line's own values: man/ and completions/. */
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { allManuals } from '../src/cli/manual.ts';
import { shellCompletions } from '../src/cli/shell-completions.ts';

const root = join(import.meta.dirname, '..');
write(
  'man',
  (await allManuals()).map(({ name, text }) => [name, text]),
);
write('completions', [
  ['ferry.bash', await shellCompletions('bash')],
  ['_ferry', await shellCompletions('zsh')],
  ['ferry.fish', await shellCompletions('fish')],
]);

function write(directory: string, files: readonly (readonly [string, string])[]): void {
  rmSync(join(root, directory), { recursive: true, force: true });
  mkdirSync(join(root, directory), { recursive: true });
  for (const [name, text] of files) writeFileSync(join(root, directory, name), text);
}
