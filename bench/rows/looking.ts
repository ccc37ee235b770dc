/** What is asked about closures: of a store of a hundred thousand paths, and of the big corpus. */
import type { CommandPlace, CommandRow } from '../command-row.ts';
import type { ToolName } from '../stage.ts';

function same(name: string, words: readonly string[]): CommandRow['command'] {
  return ({ set, program }: CommandPlace, tool: ToolName) => [
    program(tool, name),
    ...words,
    set.path,
  ];
}

export const lookingRows: readonly CommandRow[] = [
  {
    name: 'requisites',
    what: 'nix-store -qR of 100,000 paths',
    set: 'hundred-thousand',
    command: same('nix-store', ['--query', '--requisites']),
    bar: { ratioMax: 0.2, peakBytesMax: 300_000_000 },
  },
  {
    name: 'closure-sizes',
    what: 'path-info -rS of 100,000 paths',
    set: 'hundred-thousand',
    // Nix walks the closure of each anew and has not been seen to end.
    command: ({ set, program }, tool) =>
      tool === 'nix' ? undefined : [program(tool, 'nix'), 'path-info', '-rS', set.path],
    bar: { secondsMax: 10 },
  },
  {
    name: 'tree',
    what: 'nix-store -q --tree',
    set: 'debian',
    command: same('nix-store', ['--query', '--tree']),
    bar: { ratioMax: 1.5 },
  },
  {
    name: 'graph',
    what: 'nix-store -q --graph',
    set: 'debian',
    command: same('nix-store', ['--query', '--graph']),
    bar: { ratioMax: 1.5 },
  },
  {
    name: 'path-info',
    what: 'nix path-info -rS --json',
    set: 'debian',
    command: same('nix', ['path-info', '-rS', '--json', '--json-format', '1']),
    bar: { ratioMax: 1.5 },
  },
];
