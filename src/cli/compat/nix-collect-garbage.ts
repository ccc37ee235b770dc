/** `nix-collect-garbage`: gives up old generations of profiles where asked for, and deletes what nothing needs. */
import { defineDropIn, type Command } from '../command.ts';
import type { CommandContext } from '../context.ts';
import { printable } from '../errors.ts';
import { profileDirectories } from '../profile-directories.ts';
import { openSession, type Session } from '../session.ts';
import { OrderedOutput } from '../ui/ordered-output.ts';
import {
  findProfiles,
  generationsOf,
  oldGenerations,
  removeGenerations,
  type Generation,
  type OldGenerations,
} from '../../store/local/profile-generations.ts';
import { collectAsNix, printGarbage } from './collect-as-nix.ts';
import { parseNixBytes } from './nix-bytes.ts';
import { answerInstead } from './drop-in-help.ts';
import { nixUsage, parseNixWords, withNixStatus } from './nix-words.ts';

const PROGRAM = 'nix-collect-garbage';
const DAY_SECONDS = 24 * 3600;

export const nixCollectGarbage: Command = defineDropIn({
  description: [
    'Flags, output and exit status are those of Nix 2.34. Under its own name, through a link to ferry, it is a drop-in for the program of Nix.',
  ],
  arguments: [],
  options: {
    deleteOld: { help: 'give up all generations of profiles but the current ones', short: 'd' },
    deleteOlderThan: {
      help: 'give up generations that were not in use so many days ago, as 30d',
      value: 'DAYS',
    },
    dryRun: { help: 'say what would be done' },
    maxFreed: { help: 'stop once so many bytes are freed', value: 'N' },
    store: { help: 'the store to work on', value: 'STORE', completes: 'store' },
    option: { help: 'override a setting of nix.conf', value: 'NAME VALUE', repeated: true },
    verbose: { help: 'say more', short: 'v', repeated: true },
    quiet: { help: 'say nothing but errors' },
    version: { help: 'print the version' },
    help: { help: 'print this help' },
  },
  examples: [
    {
      meaning: 'keep a month of generations',
      command: 'nix-collect-garbage --delete-older-than 30d',
    },
  ],
  run: (context, words) => withNixStatus(context, () => run(context, words)),
});

interface Wanted {
  /** `-d` */
  deletesOld: boolean;
  /** As it was given. */
  olderThan: string | undefined;
  isDryRun: boolean;
  maxFreed: number | undefined;
}

async function run(outer: CommandContext, words: readonly string[]): Promise<number> {
  const wanted: Wanted = {
    deletesOld: false,
    olderThan: undefined,
    isDryRun: false,
    maxFreed: undefined,
  };
  const common = parseNixWords(PROGRAM, words, (word, next) => takeWord(wanted, word, next));
  if (common.asks !== undefined) {
    const summary = 'Delete what nothing needs';
    return await answerInstead(outer, common.asks, {
      program: PROGRAM,
      summary,
      command: nixCollectGarbage,
    });
  }
  const { isDryRun, maxFreed } = wanted;
  if (maxFreed !== undefined && isDryRun) {
    throw nixUsage(PROGRAM, 'options --max-freed and --dry-run cannot be combined');
  }
  // Nix looks at it when it has found a profile, and where there is none collects all the same.
  const old = oldOf(wanted);
  const context = { ...outer, verbosity: common.verbosity, overrides: common.overrides };
  await using session = openSession(context);
  if (old !== undefined) await giveUpGenerations(context, session, { old, isDryRun });
  const store = await session.open(common.store);
  const action = isDryRun ? 'return-dead' : 'delete-dead';
  const garbage = await collectAsNix(context, session, store, { action, maxFreed });
  await printGarbage(context, garbage, { isDryRun });
  return 0;
}

function takeWord(wanted: Wanted, word: string, next: () => string): boolean {
  switch (word) {
    case '-d':
    case '--delete-old':
      wanted.deletesOld = true;
      return true;
    case '--delete-older-than':
      wanted.deletesOld = true;
      wanted.olderThan = next();
      return true;
    case '--dry-run':
      wanted.isDryRun = true;
      return true;
    case '--max-freed':
      wanted.maxFreed = parseNixBytes(PROGRAM, next(), { isSigned: true });
      return true;
    default:
      if (word.startsWith('-')) return false;
      throw nixUsage(PROGRAM, `unexpected argument '${word}'`);
  }
}

async function giveUpGenerations(
  context: CommandContext,
  { settings }: Session,
  { old, isDryRun }: { readonly old: OldGenerations; readonly isDryRun: boolean },
): Promise<void> {
  const { verbosity, signal } = context;
  const output = new OrderedOutput(context.stderr);
  try {
    for (const directory of profileDirectories(context.env, settings)) {
      for (const profile of findProfiles(directory)) {
        signal.throwIfAborted();
        if (verbosity >= 0)
          output.line(printable(`removing old generations of profile ${profile}`));
        const onRemoving = ({ number }: Generation): void => {
          const what = isDryRun ? 'would remove' : 'removing';
          // A notice, which takes one more --quiet.
          if (verbosity >= -1) output.line(`${what} profile version ${number}`);
        };
        if (isDryRun) oldGenerations(generationsOf(profile), old).forEach(onRemoving);
        else await removeGenerations(profile, { old, onRemoving, signal });
      }
    }
  } finally {
    await output.settled();
  }
}

/** @throws FerryError `usage` */
function oldOf({ deletesOld, olderThan }: Wanted): OldGenerations | undefined {
  if (!deletesOld) return undefined;
  return olderThan === undefined ? { kind: 'all' } : { kind: 'before', time: timeOf(olderThan) };
}

/** `30d` → so long ago, in seconds since 1970. */
function timeOf(text: string): number {
  const invalid = `invalid number of days specifier '${text}'`;
  if (!text.endsWith('d')) {
    throw nixUsage(PROGRAM, `${invalid}, expected something like '14d'`);
  }
  const days = /^\+?(\d{1,9})d$/.exec(text)?.[1];
  if (days === undefined || Number(days) < 1) throw nixUsage(PROGRAM, invalid);
  return Math.floor(Date.now() / 1000) - Number(days) * DAY_SECONDS;
}
