/** A closure as Nix's export stream: out of a store, into one, and from one into the other through a pipe. */
import { join } from 'node:path';
import { existsSync } from 'node:fs';
import { runOk } from '../../test/support/run.ts';
import type { CommandPlace, CommandRow } from '../command-row.ts';
import type { SetName } from '../corpus.ts';
import type { ToolName } from '../stage.ts';

const TIMEOUT_MS = 15 * 60_000;

/** Both write and read the same paths: Nix is told of each of them, ferry finds them by itself. */
function exporting({ program, set, source }: CommandPlace, tool: ToolName): string {
  const store = `--store '${source.storeUri}'`;
  if (tool === 'ferry') return `'${program(tool, 'ferry')}' export --quiet ${store} ${set.path}`;
  const nixStore = `'${program(tool, 'nix-store')}' ${store}`;
  return `${nixStore} --export $(${nixStore} --query --requisites ${set.path})`;
}

function importing({ program, destination }: CommandPlace, tool: ToolName): string {
  const store = `--store '${destination.storeUri}'`;
  return tool === 'ferry'
    ? `'${program(tool, 'ferry')}' import --quiet ${store} > /dev/null`
    : `'${program(tool, 'nix-store')}' --import ${store} > /dev/null`;
}

async function requireAll({ destination, set }: CommandPlace): Promise<void> {
  const query = ['--query', '--requisites', set.path];
  const found = (await destination.runOk('nix-store', query)).split('\n').length;
  if (found !== set.pathCount) throw new Error(`${found} of ${set.pathCount} paths arrived`);
}

function pipeRow(name: string, what: string, set: SetName, bar: CommandRow['bar']): CommandRow {
  return {
    name,
    what: `${what}, export to import`,
    set,
    bar,
    command: (place, tool) => ['sh', '-c', `${exporting(place, tool)} | ${importing(place, tool)}`],
    prepare: async ({ empty }) => empty(),
    check: requireAll,
  };
}

export const exportRows: readonly CommandRow[] = [
  pipeRow('export-import', 'big closure', 'debian', { ratioMax: 0.7, peakBytesMax: 200_000_000 }),
  {
    name: 'export',
    what: 'big closure, export alone',
    set: 'debian',
    bar: { ratioMax: 1 },
    command: (place, tool) => ['sh', '-c', `${exporting(place, tool)} | cat > /dev/null`],
  },
  {
    name: 'import',
    what: 'big closure, import alone',
    set: 'debian',
    bar: { ratioMax: 0.7 },
    command: (place, tool) => ['sh', '-c', `${importing(place, tool)} < '${exportIn(place)}'`],
    async prepare(place) {
      place.empty();
      const file = exportIn(place);
      if (existsSync(file)) return;
      await runOk('sh', ['-c', `${exporting(place, 'nix')} > '${file}'`], {
        env: place.source.env,
        timeoutMs: TIMEOUT_MS,
      });
    },
    check: requireAll,
  },
  pipeRow('export-import-tiny', '10,000 tiny paths', 'tiny-10000', {
    ratioMax: 0.7,
    peakBytesMax: 200_000_000,
  }),
  pipeRow('export-import-huge', 'a file of 4 GiB', 'big-file', { peakBytesMax: 200_000_000 }),
];

function exportIn({ directory }: CommandPlace): string {
  return join(directory, 'export');
}
