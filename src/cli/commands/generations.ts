/** `ferry generations`: those of profiles on hosts, or of one on this machine; old ones are removed on request. */
import { resolve } from 'node:path';
import {
  removeGenerations,
  surveyProfile,
  type GenerationsToRemove,
} from '../../deploy/agent/agent.ts';
import { looksAsRoot } from '../../deploy/ask-status.ts';
import { actsAsRoot } from '../../deploy/check-host.ts';
import type { Host } from '../../deploy/fleet.ts';
import { findConfig } from '../../deploy/inventory/read-config.ts';
import { askHosts } from '../ask-hosts.ts';
import { openAskSecret } from '../ask-secret.ts';
import { defineCommand, type Command } from '../command.ts';
import { say, type CommandContext } from '../context.ts';
import {
  chooseHosts,
  hostArgument,
  inventoryOptions,
  readFleet,
  type InventoryOptionValues,
} from '../inventory-options.ts';
import {
  chooseLocalGenerations,
  listLocalGenerations,
  localProfile,
  removeLocalGenerations,
} from '../local-generations.ts';
import { paintFor } from '../looking.ts';
import { usage } from '../parse-words.ts';
import { openSession, type Session } from '../session.ts';
import { GenerationsReport, removalQuestion, removalText } from '../ui/generations-report.ts';
import { parseGenerationsToRemove } from '../which-generations.ts';

const TITLE = 'ferry generations';
/** In milliseconds. */
const LIST_LIMIT_MS = 90_000;
/** Whoever removes may have to type a password. */
const REMOVE_LIMIT_MS = 15 * 60_000;

export const generations: Command = defineCommand({
  description: [
    "Lists the generations of the profile of each HOST: number, time, what it is, which is current. Where there is no HOST and no fleet it is a profile of this machine: the one of --profile, the system, or the user's own.",
    'With --remove they are given up, as nix-env does it: what only they need goes with the next collection of garbage. The current one never goes. It is said which ones would go, and on a terminal asked before.',
    'With --json there is one JSON object per line for each host, the last one of type "done".',
  ],
  arguments: [hostArgument],
  options: {
    remove: {
      help: 'give up: old (all but the current one), 30d (not in use for so long), +5 (all but the current one and those just before it, so many in all), or a number',
      value: 'WHICH',
      repeated: true,
    },
    dryRun: { help: 'say which ones --remove would give up', short: 'n' },
    yes: { help: 'do not ask before', short: 'y' },
    ...inventoryOptions,
    json: { help: 'tell programs, in JSON' },
  },
  examples: [
    { meaning: 'of all hosts', command: 'ferry generations' },
    { meaning: 'what would go', command: 'ferry generations @web --remove 30d --dry-run' },
    { meaning: 'five are enough', command: 'ferry generations ssh://root@server --remove +5' },
    {
      meaning: 'of this machine',
      command: 'ferry generations --profile /nix/var/nix/profiles/system',
    },
  ],
  async run(context, words, options) {
    const which = parseGenerationsToRemove(TITLE, options.remove);
    const { dryRun, yes, json } = options;
    if (which === undefined && (dryRun || yes)) {
      throw usage(TITLE, `${dryRun ? '--dry-run' : '--yes'} goes with --remove`);
    }
    await using session = openSession(context);
    const { stdout, verbosity } = context;
    const report = new GenerationsReport(stdout, {
      isJson: json,
      paint: paintFor(stdout),
      width: stdout.isTerminal ? stdout.width() || 80 : Infinity,
      verbosity,
    });
    const scene = { context, session, report, isDryRun: dryRun, asks: !yes };
    if (isLocal(context, words, options)) {
      const profile =
        options.profile === undefined
          ? localProfile(context, session.settings)
          : resolve(context.cwd, options.profile);
      if (which === undefined) {
        await report.listed({ host: undefined, profile }, listLocalGenerations(profile));
        return await report.done();
      }
      return await removeHere(scene, profile, which);
    }
    const fleet = await readFleet(context, options, { words });
    const hosts = chooseHosts(fleet, words);
    return which === undefined
      ? await listOnHosts(scene, hosts)
      : await removeOnHosts(scene, hosts, which);
  },
});

interface Scene {
  readonly context: CommandContext;
  readonly session: Session;
  readonly report: GenerationsReport;
  readonly isDryRun: boolean;
  /** Whether the person is asked before. */
  readonly asks: boolean;
}

/** Nothing says which hosts there are, so this machine is meant. */
function isLocal(
  { cwd, env }: CommandContext,
  words: readonly string[],
  { config, terraform, sshHosts }: InventoryOptionValues,
): boolean {
  const isTold = config !== undefined || terraform !== undefined || sshHosts.length > 0;
  if (words.length > 0 || isTold) return false;
  return findConfig({ cwd, variables: env.variables }) === undefined;
}

async function removeHere(
  scene: Scene,
  profile: string,
  which: GenerationsToRemove,
): Promise<number> {
  const { context, report, isDryRun } = scene;
  const owner = { host: undefined, profile };
  const numbers = chooseLocalGenerations(profile, which);
  if (isDryRun) {
    await report.chosen(owner, numbers);
    return await report.done();
  }
  if (!(await mayRemove(scene, [{ owner, numbers }]))) return 1;
  const gone = await removeLocalGenerations(profile, numbers, context.signal);
  await report.removed(owner, gone);
  return await report.done();
}

async function listOnHosts(
  { context, session, report }: Scene,
  hosts: readonly Host[],
): Promise<number> {
  await askHosts(context, hosts, {
    session,
    limitMs: LIST_LIMIT_MS,
    ask: (connection, host, signal) => {
      const { asRoot } = looksAsRoot(connection, host);
      return surveyProfile(connection, host.profile, { asRoot, signal });
    },
    onAnswer: (answer) => {
      const owner = ownerOf(answer.host);
      return 'error' in answer
        ? report.failed(owner, answer.error)
        : report.listed(owner, answer.value);
    },
  });
  return await report.done();
}

async function removeOnHosts(
  scene: Scene,
  hosts: readonly Host[],
  which: GenerationsToRemove,
): Promise<number> {
  const { context, session, report, isDryRun } = scene;
  const choices: (Choice & { readonly target: Host })[] = [];
  await askHosts(context, hosts, {
    session,
    limitMs: REMOVE_LIMIT_MS,
    ask: (connection, host, signal) => {
      const asRoot = actsAsRoot(host, connection);
      return removeGenerations(connection, host.profile, which, { asRoot, signal, dryRun: true });
    },
    onAnswer: async (answer) => {
      const owner = ownerOf(answer.host);
      if ('error' in answer) return await report.failed(owner, answer.error);
      choices.push({ owner, numbers: answer.value, target: answer.host });
      if (isDryRun) await report.chosen(owner, answer.value);
    },
  });
  if (isDryRun) return await report.done();
  if (!(await mayRemove(scene, choices))) return 1;
  // Just what was said goes, whatever became old meanwhile.
  const numbersOf = new Map(choices.map(({ target, numbers }) => [target, numbers]));
  await askHosts(context, [...numbersOf.keys()], {
    session,
    limitMs: REMOVE_LIMIT_MS,
    ask: (connection, host, signal) => {
      const asRoot = actsAsRoot(host, connection);
      const numbers = numbersOf.get(host) ?? [];
      return removeGenerations(connection, host.profile, numbers, { asRoot, signal });
    },
    onAnswer: (answer) => {
      const owner = ownerOf(answer.host);
      return 'error' in answer
        ? report.failed(owner, answer.error)
        : report.removed(owner, answer.value);
    },
  });
  return await report.done();
}

function ownerOf({ name, profile }: Host): Choice['owner'] {
  return { host: name, profile };
}

interface Choice {
  readonly owner: { readonly host: string | undefined; readonly profile: string };
  readonly numbers: readonly number[];
}

/** Where somebody sits in front of a terminal, that person decides. */
async function mayRemove(
  { context, session, asks }: Scene,
  choices: readonly Choice[],
): Promise<boolean> {
  const counts = choices.map(({ numbers }) => numbers.length);
  if (!asks || counts.every((count) => count === 0)) return true;
  const ask = openAskSecret(context);
  const said = choices
    .filter(({ numbers }) => numbers.length > 0)
    .map(({ owner, numbers }) => removalText(owner, numbers, 'would remove'));
  const question = [...said, removalQuestion(counts)].join('\n');
  const answer = await ask(question, { isVisible: true, signal: session.signal });
  if (answer === undefined || /^\s*y(es)?\s*$/i.test(answer)) return true;
  await say(context, 'nothing was removed');
  return false;
}
