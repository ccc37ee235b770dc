/** `ferry fleet status`: what each host of a fleet runs, and whether that is what the inventory says. */
import { askStatus } from '../../deploy/ask-status.ts';
import type { Host } from '../../deploy/fleet.ts';
import {
  hostStatus,
  isAsSaid,
  unreachableStatus,
  type HostStatus,
  type WantedPath,
} from '../../deploy/fleet-status.ts';
import { printStorePath, type StoreDir } from '../../format/store-path.ts';
import { askHosts } from '../ask-hosts.ts';
import { defineCommand, type Command } from '../command.ts';
import { say, type CommandContext } from '../context.ts';
import { DeployPaths } from '../deploy-tasks.ts';
import { exitStatusOf } from '../errors.ts';
import { chooseHosts, hostArgument, inventoryOptions, readFleet } from '../inventory-options.ts';
import { paintFor } from '../looking.ts';
import { openSession, type Session } from '../session.ts';
import {
  statusHeader,
  statusJson,
  statusLines,
  statusNameWidth,
  statusTotal,
} from '../ui/render-fleet-status.ts';

/** A host that lets us in answers in this time, in milliseconds. */
const LIMIT_MS = 90_000;

export const fleetStatus: Command = defineCommand({
  description: [
    'Asks all hosts at once what their profile leads to, since when, and whether that is what the inventory says; also whether an activation is under way, was taken back or cut off, whether a reboot is needed, and how much room there is. Nothing is changed. With -v there is more of each.',
    'A host that does not answer delays none of the others.',
    'It ends with 0 where all hosts are as the inventory says, with 1 where one is not, and with 4 where all that could be asked are and the others could not be reached.',
    'With --json there is one JSON object per line for each host, the last one of type "done".',
  ],
  arguments: [hostArgument],
  options: {
    ...inventoryOptions,
    json: { help: 'tell programs, in JSON' },
  },
  examples: [
    { meaning: 'all of them', command: 'ferry fleet status' },
    { meaning: 'the web servers', command: 'ferry fleet status @web' },
    { meaning: 'one that no inventory names', command: 'ferry fleet status ssh://root@server' },
  ],
  async run(context, words, options) {
    const fleet = await readFleet(context, options, { words });
    const hosts = chooseHosts(fleet, words);
    await using session = openSession(context);
    const { stdout, verbosity } = context;
    const wanted = await wantedBy(context, session, hosts);
    const width = stdout.isTerminal ? stdout.width() || 80 : Infinity;
    const names = hosts.map(({ name }) => name);
    const columns = {
      name: statusNameWidth(names, width),
      width,
      paint: paintFor(stdout),
      verbosity,
    };
    const statuses: HostStatus[] = [];
    const write = (lines: readonly string[]): Promise<void> =>
      stdout.write(lines.map((line) => `${line}\n`).join(''));
    if (!options.json) await write([statusHeader({ ...columns, now: Date.now() })]);
    await askHosts(context, hosts, {
      session,
      limitMs: LIMIT_MS,
      ask: (connection, host, signal) => askStatus(connection, host, { signal }),
      onAnswer: async (answer) => {
        const { host } = answer;
        const said = wanted.get(host) ?? { path: undefined };
        const status =
          'error' in answer
            ? unreachableStatus(host, said, answer.error)
            : hostStatus(host, said, answer.value);
        statuses.push(status);
        await write(
          options.json
            ? [JSON.stringify(statusJson(status))]
            : statusLines(status, { ...columns, now: Date.now() }),
        );
      },
    });
    const status = exitStatusOfAll(statuses);
    if (options.json) {
      const good = statuses.filter(isAsSaid).length;
      await write([
        JSON.stringify({ type: 'done', version: 1, hosts: statuses.length, good, status }),
      ]);
    } else {
      await say(context, statusTotal(statuses));
    }
    return status;
  },
});

/** What the inventory says of each: it is found here, and not built, before anybody is asked. */
async function wantedBy(
  context: CommandContext,
  session: Session,
  hosts: readonly Host[],
): Promise<Map<Host, WantedPath>> {
  const wanted = new Map<Host, WantedPath>();
  if (hosts.every(({ closure }) => closure === undefined)) return wanted;
  const openHere = async (): Promise<{ storeDir: StoreDir; paths: DeployPaths }> => {
    const source = await session.openExisting(undefined);
    const paths = new DeployPaths(context, session, source, { build: false });
    return { storeDir: source.storeDir, paths };
  };
  const opening = openHere();
  for (const host of hosts) {
    if (host.closure === undefined) continue;
    try {
      // It may be that this machine has no store: then that is told of each host.
      const { storeDir, paths } = await opening;
      wanted.set(host, { path: printStorePath(storeDir, await paths.closureOf(host)) });
    } catch (error) {
      context.signal.throwIfAborted();
      // The others can be told of all the same, and what this one runs too.
      wanted.set(host, { path: undefined, error });
    }
  }
  return wanted;
}

function exitStatusOfAll(statuses: readonly HostStatus[]): number {
  const bad = statuses.filter((one) => !isAsSaid(one));
  if (bad.some(({ standing }) => standing !== 'unreachable')) return 1;
  const kinds = new Set(bad.map(({ error }) => exitStatusOf(error)));
  const [first = 0] = kinds;
  return kinds.size > 1 ? 1 : first;
}
