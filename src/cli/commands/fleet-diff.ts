/** `ferry fleet diff`: what a deployment would change on each host, package by package, and what would be sent. */
import { computeClosure } from '../../copy/closure.ts';
import type { SizedPath } from '../../copy/compare-stores.ts';
import { looksAsRoot } from '../../deploy/ask-status.ts';
import { surveyProfile } from '../../deploy/agent/agent.ts';
import { diffHost, type HostDiff } from '../../deploy/fleet-diff.ts';
import type { Host } from '../../deploy/fleet.ts';
import type { StorePath } from '../../format/store-path.ts';
import { askHosts } from '../ask-hosts.ts';
import { defineCommand, type Command } from '../command.ts';
import { DeployPaths } from '../deploy-tasks.ts';
import { exitStatusOf } from '../errors.ts';
import { chooseHosts, hostArgument, inventoryOptions, readFleet } from '../inventory-options.ts';
import { lookingOptions, paintFor } from '../looking.ts';
import { usage } from '../parse-words.ts';
import { printPieces } from '../print-pieces.ts';
import { openSession } from '../session.ts';
import { fleetDiffJson, fleetDiffText, type DiffedHost } from '../ui/render-fleet-diff.ts';

const TITLE = 'ferry fleet diff';
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
    const { signal, stdout, verbosity } = context;
    const fleet = await readFleet(context, options, { words });
    const hosts = chooseHosts(fleet, words);
    const unsaid = hosts.find(({ closure }) => closure === undefined);
    if (options.closure === undefined && unsaid !== undefined) {
      throw usage(TITLE, `nothing says what is to run on "${unsaid.name}": name it with --closure`);
    }
    await using session = openSession(context);
    const source = await session.openExisting(options.from);
    const paths = new DeployPaths(context, session, source);
    const wanted = new Map<Host, StorePath>();
    const closures = new Map<StorePath, Promise<SizedPath[]>>();
    for (const host of hosts) wanted.set(host, await paths.closureOf(host, options.closure));
    for (const path of wanted.values()) {
      const closure = closures.get(path) ?? computeClosure(source, [path], { signal }).then(sized);
      closures.set(path, closure);
      await closure;
    }
    const diffed: DiffedHost[] = [];
    await askHosts<HostDiff>(context, hosts, {
      session,
      limitMs: LIMIT_MS,
      ask: async (connection, host, limit) => {
        const after = wanted.get(host);
        const closure = after === undefined ? undefined : await closures.get(after);
        if (after === undefined || closure === undefined) throw new Error('a host without a path');
        const { asRoot } = looksAsRoot(connection, host);
        const survey = await surveyProfile(connection, host.profile, { asRoot, signal: limit });
        const destination = await connection.openStore();
        const { freeBytes } = connection.facts;
        const ends = { source, destination, wanted: closure, freeBytes, signal: limit };
        return await diffHost(survey.currentPath, after, ends);
      },
      onAnswer: async (answer) => {
        const result = 'error' in answer ? { error: answer.error } : { diff: answer.value };
        const one = { host: answer.host.name, result };
        diffed.push(one);
        if (!options.json) return;
        await stdout.write(`${JSON.stringify(fleetDiffJson(one, source.storeDir))}\n`);
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
