/**
 * `nix`: the verbs of Nix's newer command line that move, inspect and check store paths, without Nix. What must be
 * evaluated is handed to the Nix of this machine, where there is one.
 */
import { FerryError } from '../../../error.ts';
import { defineDropIn, type Command, type OptionSpecs } from '../../command.ts';
import type { CommandContext } from '../../context.ts';
import { nearest } from '../../../config/nearest.ts';
import { nixUsage, versionLine, withNixStatus } from '../nix-words.ts';
import { noFlags, takeFlag, wordsAfter, type CommonFlags } from './common-flags.ts';
import { findForeignNix } from './foreign-nix.ts';
import { checkWords, parseVerbWords, PROGRAM, takeVerb } from './parse-verb-words.ts';
import type { NixCall, NixVerb } from './verb.ts';
import { verbGroups, verbTable, type VerbEntry } from './verb-table.ts';

/** Without older spellings. */
const ownVerbs = verbTable
  .filter(({ deprecated }) => deprecated === undefined)
  .map(({ name }) => name);

/** The flags of all verbs together that matter most, for completions and help. */
const options: OptionSpecs = {
  from: { help: 'copy: the store to copy from', value: 'STORE', completes: 'store' },
  to: { help: 'copy: the store to copy to', value: 'STORE', completes: 'store' },
  store: {
    help: 'the store that is meant where none is named',
    value: 'STORE',
    completes: 'store',
  },
  all: { help: 'every path of the store' },
  recursive: { help: 'with all that the paths refer to', short: 'r' },
  derivation: { help: 'the derivations instead of what they build' },
  stdin: { help: 'read further paths from stdin' },
  json: { help: 'tell programs, in JSON' },
  option: { help: 'override a setting of nix.conf', value: 'NAME VALUE', repeated: true },
  keepGoing: { help: 'after a failure go on with what does not depend on it', short: 'k' },
  refresh: { help: 'ask binary caches again for what is known of them' },
  verbose: { help: 'say more', short: 'v', repeated: true },
  quiet: { help: 'say nothing but errors' },
  version: { help: 'print the version' },
  help: { help: 'print the help of a verb' },
};

export const nix: Command = defineDropIn({
  description: [
    'Each verb takes the flags of the original, and every setting of nix.conf as a flag; "nix VERB --help" tells them. Under its own name, through a link to ferry, it is a drop-in for the program of Nix: same output, exit status 0 or 1 (store verify: as the original). No experimental feature needs to be enabled for it.',
    'What is not a path, such as nixpkgs#hello, is evaluated and built by the Nix that is installed; ferry then works on the paths that come of it.',
    `The verbs: ${ownVerbs.join(', ')}.`,
  ],
  arguments: [
    {
      name: 'VERB',
      help: 'what to do',
      choices: [...new Set(verbTable.map(({ name }) => name.split(' ')[0] ?? ''))],
    },
    { name: 'WORD', help: 'what the verb takes', optional: true, repeated: true },
  ],
  options,
  examples: [
    { meaning: 'to a machine', command: 'ferry nix copy --to ssh://alice@server ./result' },
    {
      meaning: 'out of a cache, what a program needs at run time',
      command:
        'ferry nix path-info -rsh --store https://cache.nixos.org /nix/store/xfp2hphvk98rkk9ywlqpp587rjdcgnc2-hello',
    },
  ],
  run: (context, words) => withNixStatus(context, () => run(context, words)),
});

async function run(context: CommandContext, words: readonly string[]): Promise<number> {
  const { verb: first, rest } = takeVerb(words);
  if (first === undefined || first === 'help') return await runWithoutVerb(context, rest);
  const { entry, words: left } = findVerb(context, first, rest);
  if (entry.deprecated !== undefined) {
    await context.stderr.write(`warning: ${entry.deprecated}\n`);
  }
  const verb = await entry.load();
  const flags = noFlags();
  const { words: arguments_, options: given } = parseVerbWords(verb, left, flags);
  if (flags.asks === 'version') return await printVersion(context);
  if (flags.asks === 'help') return await printHelp(context, entry, verb);
  checkWords(verb.arguments, arguments_);
  return await verb.run(callOf(context, flags), arguments_, given);
}

function callOf(outer: CommandContext, flags: CommonFlags): NixCall {
  const { store, keepGoing, evaluation, passedOn, verbosity, settings } = flags;
  const context = { ...outer, verbosity, overrides: settings };
  return { context, store, keepGoing, evaluation, passedOn };
}

async function runWithoutVerb(context: CommandContext, words: readonly string[]): Promise<number> {
  const flags = noFlags();
  for (let at = 0; at < words.length; at++) {
    const flag = words[at] ?? '';
    const count = wordsAfter(flag, false);
    if (count === undefined) break;
    takeFlag(flags, flag, words.slice(at + 1, at + 1 + count));
    at += count;
  }
  if (flags.asks === 'version') return await printVersion(context);
  if (flags.asks === 'help') return await printHelp(context);
  throw nixUsage(PROGRAM, 'no subcommand specified');
}

/** A verb has one word or two; flags may stand between them. */
function findVerb(
  context: CommandContext,
  first: string,
  rest: readonly string[],
): { entry: VerbEntry; words: readonly string[] } {
  const entry = verbTable.find(({ name }) => name === first);
  if (entry !== undefined) return { entry, words: rest };
  if (!verbGroups.has(first)) throw unknownVerb(context, first);
  const { verb: second, rest: words } = takeVerb(rest);
  const within = verbTable.filter(({ name }) => name.startsWith(`${first} `));
  if (second === undefined) {
    const names = within.map(({ name }) => name.slice(first.length + 1)).sort();
    throw nixUsage(PROGRAM, `nix ${first} requires a sub-command: ${names.join(', ')}`);
  }
  const inner = within.find(({ name }) => name === `${first} ${second}`);
  if (inner === undefined) throw unknownVerb(context, `${first} ${second}`);
  return { entry: inner, words };
}

/** Of all verbs the first words, of a group what may follow: the list is to be read. */
function unknownVerb(context: CommandContext, name: string): FerryError {
  const [group = ''] = name.split(' ');
  const isWithin = name !== group;
  const siblings = isWithin
    ? ownVerbs.filter((verb) => verb.startsWith(`${group} `))
    : [...new Set(ownVerbs.map((verb) => verb.split(' ')[0] ?? ''))];
  const guess = nearest(name, siblings);
  const foreign = findForeignNix(context.env);
  const hint =
    guess !== undefined
      ? `did you mean "nix ${guess}"?`
      : foreign !== undefined
        ? `the Nix of this machine may know it: ${foreign} ${name}`
        : 'there is no Nix on this machine that may know it';
  return new FerryError(
    'unsupported',
    `'${name}' is not a verb that ferry has: it has ${siblings.join(', ')}`,
    { hint },
  );
}

/** What a Nix prints, with ourselves in its place: scripts look for the number behind the bracket. */
async function printVersion(context: CommandContext): Promise<number> {
  await context.stdout.write(versionLine(PROGRAM));
  return 0;
}

async function printHelp(
  context: CommandContext,
  entry?: VerbEntry,
  verb?: NixVerb,
): Promise<number> {
  const { commandHelp } = await import('../../help.ts');
  const style = { width: context.stdout.width(), heading: (text: string) => text };
  const title = entry === undefined ? PROGRAM : `${PROGRAM} ${entry.name}`;
  const summary = entry?.summary ?? 'Stand in for nix: copy, inspect and check store paths';
  const command: Command =
    verb === undefined
      ? nix
      : { ...verb, isDropIn: true, run: () => Promise.reject(new Error('this is for help only')) };
  await context.stdout.write(commandHelp(title, summary, command, style));
  return 0;
}
