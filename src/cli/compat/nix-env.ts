/**
 * `nix-env`, as far as it is about the generations of profiles: setting, listing, switching, removing. Packages by name are
 * evaluated, which ferry leaves to Nix.
 */
import { existsSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { FerryError } from '../../error.ts';
import { isDerivation, type StorePath } from '../../format/store-path.ts';
import {
  listGenerations,
  removeGenerations,
  type Generation,
  type OldGenerations,
} from '../../store/local/profile-generations.ts';
import { addGeneration, switchGeneration } from '../../store/local/profile.ts';
import { translateOsError } from '../../system/os-error.ts';
import { requireRootedStore } from '../as-daemon-store.ts';
import { defineDropIn, type Command } from '../command.ts';
import { say, type CommandContext } from '../context.ts';
import { defaultProfile, profileLinkOf, switchProfileLink } from '../default-profile.ts';
import { openSession } from '../session.ts';
import { OrderedOutput } from '../ui/ordered-output.ts';
import { answerInstead } from './drop-in-help.ts';
import { describeMissing } from './nix-store/print-missing.ts';
import { makeRealiser } from './nix-store/realiser.ts';
import { withStore } from './nix-store/store-scene.ts';
import { followToStorePath } from './nix-store/store-path-words.ts';
import { nixUsage, parseNixWords, withNixStatus } from './nix-words.ts';

const PROGRAM = 'nix-env';
const DAY_SECONDS = 24 * 3600;

export const nixEnv: Command = defineDropIn({
  description: [
    'What nix-env does with generations of profiles; flags, output and exit status are those of Nix 2.34. Under its own name, through a link to ferry, it is a drop-in for the program of Nix.',
    'Installing, upgrading, removing and querying packages takes an evaluator: that is left to Nix.',
  ],
  arguments: [],
  options: {
    set: { help: 'make a store path the next generation of the profile, and switch to it' },
    listGenerations: { help: 'list the generations' },
    switchGeneration: { help: 'switch to the generation of a number', short: 'G' },
    rollback: { help: 'switch to the newest generation older than the current one' },
    deleteGenerations: {
      help: 'remove generations: numbers, old, those of so many days ago (30d), all but so many (+5)',
    },
    switchProfile: { help: 'make this profile that of the user', short: 'S' },
    profile: {
      help: 'the profile; by default that of the user',
      short: 'p',
      value: 'PROFILE',
      completes: 'file',
    },
    dryRun: { help: 'say what would be done' },
    store: { help: 'the store to work on', value: 'STORE', completes: 'store' },
    option: { help: 'override a setting of nix.conf', value: 'NAME VALUE', repeated: true },
    verbose: { help: 'say more', short: 'v', repeated: true },
    quiet: { help: 'say nothing but errors' },
    version: { help: 'print the version' },
    help: { help: 'print this help' },
  },
  examples: [
    {
      meaning: 'the system of a NixOS machine',
      command: 'nix-env -p /nix/var/nix/profiles/system --list-generations',
    },
    {
      meaning: 'keep five generations',
      command: 'nix-env -p /nix/var/nix/profiles/system --delete-generations +5',
    },
  ],
  run: (context, words) => withNixStatus(context, () => run(context, words)),
});

interface Call {
  /** With the settings of the words. */
  readonly context: CommandContext;
  readonly store: string | undefined;
  readonly profile: string;
  readonly isDryRun: boolean;
  readonly words: readonly string[];
}

/** What it does, under the flags that ask for it. */
const operations: ReadonlyMap<string, (call: Call) => Promise<void>> = new Map([
  ['--set', set],
  ['--list-generations', list],
  ['--switch-generation', switchTo],
  ['-G', switchTo],
  ['--rollback', rollBack],
  ['--delete-generations', remove],
  ['--switch-profile', switchProfile],
  ['-S', switchProfile],
]);

/** What it doesn't do. */
const evaluating: ReadonlySet<string> = new Set([
  '--install',
  '-i',
  '--upgrade',
  '-u',
  '--uninstall',
  '-e',
  '--query',
  '-q',
  '--set-flag',
]);

async function run(outer: CommandContext, input: readonly string[]): Promise<number> {
  let operation: ((call: Call) => Promise<void>) | undefined;
  let refused: string | undefined;
  let named: string | undefined;
  let isDryRun = false;
  const flags: string[] = [];
  const words: string[] = [];
  const choose = (chosen: (call: Call) => Promise<void>): void => {
    if (operation !== undefined && operation !== chosen) {
      throw nixUsage(PROGRAM, 'only one operation may be specified');
    }
    operation = chosen;
  };
  const common = parseNixWords(PROGRAM, input, (word, next) => {
    const chosen = operations.get(word);
    if (chosen !== undefined) choose(chosen);
    else if (evaluating.has(word)) refused ??= word;
    else if (word === '--profile' || word === '-p') named = resolve(outer.cwd, next());
    else if (word === '--dry-run') isDryRun = true;
    else if (word === '--file' || word === '-f' || word === '--system-filter') next();
    else if (word === '--prebuilt-only' || word === '-b') return true;
    else if (word.startsWith('-')) flags.push(word);
    else words.push(word);
    return true;
  });
  if (common.asks !== undefined) {
    const summary = 'Look after the generations of profiles';
    return await answerInstead(outer, common.asks, { program: PROGRAM, summary, command: nixEnv });
  }
  const context = { ...outer, verbosity: common.verbosity, overrides: common.overrides };
  if (isDryRun) await say(context, '(dry run; not doing anything)');
  if (refused !== undefined) {
    throw new FerryError(
      'unsupported',
      `cannot do "${refused}": it evaluates packages, and ferry leaves that to Nix`,
      { hint: `with the nix-env of Nix itself, or: ferry nix-env --set STORE-PATH` },
    );
  }
  if (operation === undefined) throw nixUsage(PROGRAM, 'no operation specified');
  const unknown = flags[0];
  if (unknown !== undefined) throw nixUsage(PROGRAM, `unknown flag '${unknown}'`);
  await using session = openSession(context);
  const profile = named ?? defaultProfile(context.env, session.settings);
  await operation({ context, store: common.store, profile, isDryRun, words });
  return 0;
}

async function set(call: Call): Promise<void> {
  const { context, profile, words } = call;
  const [word] = words;
  if (word === undefined || words.length !== 1) {
    throw new FerryError('usage', '--set requires exactly one derivation');
  }
  if (!word.includes('/')) {
    throw new FerryError(
      'unsupported',
      `cannot set "${word}": packages by name are evaluated, and ferry leaves that to Nix`,
      { hint: 'name a store path' },
    );
  }
  const nixStoreCall = {
    context,
    store: call.store,
    keepGoing: false,
    addRoot: undefined,
    noOutput: true,
    gcWarning: false,
  };
  await withStore(nixStoreCall, async (scene) => {
    const { store } = scene;
    const realised = { path: followToStorePath(context, store, word), outputs: [] };
    const realiser = await makeRealiser(scene);
    const missing = await realiser.missing([realised]);
    for (const line of describeMissing(store.storeDir, missing, missing.willBuild)) {
      await say(context, line);
    }
    if (call.isDryRun) return;
    await realiser.realise([realised], 'normal');
    let path: StorePath | undefined = realised.path;
    if (isDerivation(path)) path = (await realiser.outputsOf(realised)).get('out');
    if (path === undefined) {
      throw new FerryError('unsupported', `cannot set "${word}": it has no output named "out"`);
    }
    requireDirectoryOf(profile);
    const rooted = requireRootedStore(store);
    await addGeneration(
      { storeDir: store.storeDir, addRoot: rooted.addRoot.bind(rooted) },
      profile,
      path,
      context,
    );
  });
}

/** Nix doesn't make it. */
function requireDirectoryOf(profile: string): void {
  const directory = dirname(profile);
  if (existsSync(directory)) return;
  throw new FerryError('not-found', `cannot read directory "${directory}": it does not exist`, {
    path: directory,
  });
}

async function list({ context, profile, words }: Call): Promise<void> {
  requireNoWords(words);
  const { all, current } = await listGenerations(profile, context);
  const lines = all.map(({ number, madeAt }) => {
    const mark = number === current ? '(current)' : '';
    return `${String(number).padStart(4)}   ${localTime(madeAt)}   ${mark}\n`;
  });
  await context.stdout.write(lines.join(''));
}

/** `2026-11-21 21:04:07`, in the time zone of this machine. */
function localTime(seconds: number): string {
  const time = new Date(seconds * 1000);
  const two = (number: number): string => String(number).padStart(2, '0');
  const day = `${time.getFullYear()}-${two(time.getMonth() + 1)}-${two(time.getDate())}`;
  return `${day} ${two(time.getHours())}:${two(time.getMinutes())}:${two(time.getSeconds())}`;
}

async function switchTo(call: Call): Promise<void> {
  const number = parseInteger(theOnlyWord(call.words));
  if (number === undefined) throw nixUsage(PROGRAM, 'expected a generation number');
  await switchAndTell(call, number);
}

async function rollBack(call: Call): Promise<void> {
  requireNoWords(call.words);
  await switchAndTell(call, 'older');
}

async function switchAndTell(
  { context, profile, isDryRun }: Call,
  wanted: number | 'older',
): Promise<void> {
  const output = new OrderedOutput(context.stderr);
  const onSwitching = (from: number, to: number): void => {
    if (tellsNotices(context)) output.line(`switching profile from version ${from} to ${to}`);
  };
  try {
    await switchGeneration(profile, wanted, {
      signal: context.signal,
      dryRun: isDryRun,
      onSwitching,
    });
  } finally {
    await output.settled();
  }
}

async function remove({ context, profile, isDryRun, words }: Call): Promise<void> {
  const old = parseOld(words);
  const output = new OrderedOutput(context.stderr);
  const onRemoving = ({ number }: Generation): void => {
    const what = isDryRun ? 'would remove' : 'removing';
    if (tellsNotices(context)) output.line(`${what} profile version ${number}`);
  };
  const { signal } = context;
  try {
    if (old.kind === 'numbers') {
      const { current } = await listGenerations(profile, { signal });
      if (current !== undefined && old.numbers.has(current)) {
        throw new FerryError('conflict', `cannot delete current version of profile "${profile}"`, {
          path: profile,
        });
      }
    }
    await removeGenerations(profile, { old, onRemoving, signal, dryRun: isDryRun });
  } finally {
    await output.settled();
  }
}

/** @throws FerryError `usage` */
function parseOld(words: readonly string[]): OldGenerations {
  const [only = '', ...others] = words;
  if (others.length === 0) {
    if (only === 'old') return { kind: 'all' };
    if (only.includes('d')) return { kind: 'before', time: timeOf(only) };
    if (only.includes('+')) return { kind: 'keep', count: countOf(only) };
  }
  const numbers = words.map((word) => {
    const number = parseInteger(word);
    if (number === undefined) throw nixUsage(PROGRAM, `invalid generation number '${word}'`);
    return number;
  });
  return { kind: 'numbers', numbers: new Set(numbers) };
}

/** `30d` → so long ago, in seconds since 1970. @throws FerryError `usage` */
function timeOf(text: string): number {
  const invalid = `invalid number of days specifier '${text}'`;
  if (!text.endsWith('d')) {
    throw nixUsage(PROGRAM, `${invalid}, expected something like '14d'`);
  }
  const days = parseInteger(text.slice(0, -1));
  if (days === undefined || days < 1) throw nixUsage(PROGRAM, invalid);
  return Math.floor(Date.now() / 1000) - days * DAY_SECONDS;
}

/** `+5`. Nix takes any letter before the number where there is a plus somewhere. @throws FerryError `usage` */
function countOf(text: string): number {
  if (text.length < 2) throw new FerryError('usage', `invalid number of generations '${text}'`);
  const count = parseInteger(text.slice(1));
  if (count === undefined) {
    throw new FerryError('usage', `invalid number of generations to keep '${text}'`);
  }
  if (count > 0) return count;
  const problem = 'Must keep at least one generation, otherwise the current one would be deleted';
  throw new FerryError('usage', problem);
}

/** As Nix reads one. */
function parseInteger(text: string): number | undefined {
  return /^\+?\d{1,15}$/.test(text) ? Number(text) : undefined;
}

async function switchProfile({ context, words }: Call): Promise<void> {
  const profile = resolve(context.cwd, theOnlyWord(words));
  await using session = openSession(context);
  const link = profileLinkOf(context.env, session.settings);
  try {
    switchProfileLink(link, profile);
  } catch (error) {
    throw translateOsError(error, 'switch the profile', link);
  }
}

function requireNoWords(words: readonly string[]): void {
  if (words.length > 0) throw nixUsage(PROGRAM, 'no arguments expected');
}

function theOnlyWord(words: readonly string[]): string {
  const [word] = words;
  if (word !== undefined && words.length === 1) return word;
  throw nixUsage(PROGRAM, 'exactly one argument expected');
}

/** A notice takes one more --quiet than what is merely told. */
function tellsNotices({ verbosity }: CommandContext): boolean {
  return verbosity >= -1;
}
