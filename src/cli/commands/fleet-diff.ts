/** `ferry fleet diff`: what a deployment would change on each host, package by package, and what would be sent. */
import { computeClosure } from '../../copy/closure.ts';
import type { SizedPath } from '../../copy/compare-stores.ts';
import { looksAsRoot } from '../../deploy/ask-status.ts';
import { surveyProfile } from '../../deploy/agent/agent.ts';
import { diffHost, type HostDiff } from '../../deploy/fleet-diff.ts';
import type { Host } from '../../deploy/fleet.ts';
import type { StorePath } from '../../format/store-path.ts';
import type { Store } from '../../store/store.ts';
import { askHosts } from '../ask-hosts.ts';
import { defineCommand, type Command } from '../command.ts';
import type { CommandContext } from '../context.ts';
import { DeployPaths } from '../deploy-tasks.ts';
import { exitStatusOf } from '../errors.ts';
import { chooseHosts, hostArgument, inventoryOptions, readFleet } from '../inventory-options.ts';
import { lookingOptions, paintFor } from '../looking.ts';
import { printPieces } from '../print-pieces.ts';
import { openSession, type Session } from '../session.ts';
import { fleetDiffJson, fleetDiffText, type DiffedHost } from '../ui/render-fleet-diff.ts';

/** In milliseconds: a slow link has to tell of a whole closure. */
const LIMIT_MS = 10 * 60_000;

export const fleetDiff: Command = defineCommand({
  description: [
    'Compares what the profile of each host leads to with what the inventory says is to run there, or with --closure: packages by version, sizes, and how much would be sent. Hosts on which the same would change are told of together. Nothing is copied and nothing changed.',
    'With --json there is one JSON object per line for each host, the last one of type "done".',
  ],
  arguments: [hostArgument],
  options: {
    closure: {
      help: 'what is to run on all of them, in place of what the inventory says',
      value: 'PATH',
      completes: 'file',
    },
    ...inventoryOptions,
    from: { help: 'the store to copy from', value: 'STORE', completes: 'store' },
    sort: {
      help: 'by name, or by how much a package grows or shrinks, the most last',
      value: 'HOW',
      choices: ['name', 'size'],
    },
    ...lookingOptions,
  },
  examples: [
    { meaning: 'what the next deployment does', command: 'ferry fleet diff' },
    {
      meaning: 'what this would do to a machine',
      command: 'ferry fleet diff --closure ./result ssh://root@server',
    },
  ],
  async run(context, words, options) {
    const { stdout, verbosity } = context;
    const fleet = await readFleet(context, options, { words });
    const hosts = chooseHosts(fleet, words);
    await using session = openSession(context);
    const source = await session.openExisting(options.from);
    const wanted = await findWanted(context, session, source, { hosts, word: options.closure });
    const diffed: DiffedHost[] = [];
    const tell = async ({ name }: Host, result: DiffedHost['result']): Promise<void> => {
      const one = { host: name, result };
      diffed.push(one);
      if (!options.json) return;
      await stdout.write(`${JSON.stringify(fleetDiffJson(one, source.storeDir))}\n`);
    };
    for (const [host, found] of wanted) if ('error' in found) await tell(host, found);
    const known = new Map(
      [...wanted].flatMap(([host, one]) => ('error' in one ? [] : [[host, one] as const])),
    );
    await askHosts<HostDiff>(context, [...known.keys()], {
      session,
      limitMs: LIMIT_MS,
      ask: async (connection, host, limit) => {
        const after = known.get(host);
        if (after === undefined) throw new Error('a host that nobody asked for');
        const { asRoot } = looksAsRoot(connection, host);
        const survey = await surveyProfile(connection, host.profile, { asRoot, signal: limit });
        const destination = await connection.openStore();
        const { freeBytes } = connection.facts;
        const ends = { source, destination, wanted: after.closure, freeBytes, signal: limit };
        return await diffHost(survey.currentPath, after.path, ends);
      },
      onAnswer: async (answer) => {
        const { host } = answer;
        await tell(host, 'error' in answer ? { error: answer.error } : { diff: answer.value });
      },
    });
    const status = exitStatusOfAll(diffed);
    if (options.json) {
      const done = { type: 'done', version: 1, hosts: diffed.length, status };
      await stdout.write(`${JSON.stringify(done)}\n`);
      return status;
    }
    const style = {
      paint: paintFor(stdout),
      bytes: options.bytes,
      bySize: options.sort === 'size',
      width: stdout.isTerminal ? stdout.width() || 80 : Infinity,
      storeDir: source.storeDir,
      verbosity,
    };
    await printPieces(stdout, fleetDiffText(diffed, style));
    return status;
  },
});

interface Wanted {
  readonly path: StorePath;
  readonly closure: readonly SizedPath[];
}

/** What is to run on each host, or why that can't be found here: the others can be told of all the same. */
async function findWanted(
  context: CommandContext,
  session: Session,
  source: Store,
  { hosts, word }: { readonly hosts: readonly Host[]; readonly word: string | undefined },
): Promise<Map<Host, Wanted | { readonly error: unknown }>> {
  const { signal } = context;
  const paths = new DeployPaths(context, session, source);
  const wanted = new Map<Host, Wanted | { readonly error: unknown }>();
  const closures = new Map<StorePath, SizedPath[]>();
  for (const host of hosts) {
    try {
      const path = await paths.closureOf(host, word);
      const closure = closures.get(path) ?? sized(await computeClosure(source, [path], { signal }));
      closures.set(path, closure);
      wanted.set(host, { path, closure });
    } catch (error) {
      signal.throwIfAborted();
      wanted.set(host, { error });
    }
  }
  return wanted;
}

function sized(closure: ReadonlyMap<StorePath, SizedPath>): SizedPath[] {
  return Array.from(closure.values(), ({ path, narSize }) => ({ path, narSize }));
}

/** Hosts that could not be asked are a failure; where all failed in one way, of that kind. */
function exitStatusOfAll(diffed: readonly DiffedHost[]): number {
  const kinds = new Set(
    diffed.flatMap(({ result }) => ('error' in result ? [exitStatusOf(result.error)] : [])),
  );
  const [first = 0] = kinds;
  return kinds.size > 1 ? 1 : first;
}
