/**
 * `nix-store`: one operation, flags anywhere, and words. What an operation does stands in a file of its own; here is
 * what they share.
 */
import { defineDropIn, type Command, type OptionSpec } from '../../command.ts';
import type { CommandContext } from '../../context.ts';
import { wordsOf } from '../../words.ts';
import { answerInstead } from '../drop-in-help.ts';
import { nixUsage, parseNixWords, withNixStatus } from '../nix-words.ts';
import { findOperation, operationTable, type OperationEntry } from './operation-table.ts';
import { PROGRAM } from './operation.ts';

export const nixStore: Command = defineDropIn({
  description: [
    'One operation at a time, with flags and arguments as those of Nix 2.34. Under its own name, through a link to ferry, it is a drop-in for the program of Nix; the exit status is that of the original.',
    'A machine without Nix becomes a destination of nix-copy-closure and ssh:// by it: ssh://host?remote-program=ferry%20nix-store.',
  ],
  arguments: [],
  options: {
    ...optionsOf(operationTable),
    addRoot: { help: 'make a root for the result', value: 'LINK', completes: 'file' },
    stdin: { help: 'read further arguments from stdin' },
    noOutput: { help: 'print no results' },
    store: { help: 'the store to work on', value: 'STORE', completes: 'store' },
    option: { help: 'override a setting of nix.conf', value: 'NAME VALUE', repeated: true },
    version: { help: 'print the version' },
    help: { help: 'print this help' },
  },
  examples: [
    { meaning: 'a closure, references first', command: 'nix-store --query --requisites ./result' },
    { meaning: 'what ssh:// runs over there', command: 'ferry nix-store --serve --write' },
  ],
  run: (context, words) => withNixStatus(context, () => run(context, words)),
});

async function run(outer: CommandContext, input: readonly string[]): Promise<number> {
  let operation: OperationEntry | undefined;
  let addRoot: string | undefined;
  let noOutput = false;
  let gcWarning = true;
  /** Behind how many words those of stdin come. */
  let stdinAt: number | undefined;
  const words: string[] = [];
  const flags: string[] = [];
  const common = parseNixWords(PROGRAM, input, (word, next) => {
    const found = findOperation(word);
    if (found !== undefined) {
      if (operation !== undefined && operation !== found) {
        throw nixUsage(PROGRAM, 'only one operation may be specified');
      }
      operation = found;
    } else if (word === '--add-root') addRoot = next();
    else if (word === '--indirect') return true;
    else if (word === '--no-output') noOutput = true;
    else if (word === '--no-gc-warning') gcWarning = false;
    else if (word === '--stdin') stdinAt ??= words.length;
    else if (word === '--max-freed') flags.push(word, next());
    else if (word.startsWith('-')) flags.push(word);
    else words.push(word);
    return true;
  });
  if (common.asks !== undefined) {
    const summary = 'Ask, change and check a store';
    return await answerInstead(outer, common.asks, {
      program: PROGRAM,
      summary,
      command: nixStore,
    });
  }
  if (operation === undefined) throw nixUsage(PROGRAM, 'no operation specified');
  if (stdinAt !== undefined && operation.takesStdin !== true) {
    words.splice(stdinAt, 0, ...(await wordsOf(outer.stdin)));
  }
  const context = { ...outer, verbosity: common.verbosity, overrides: common.overrides };
  const { store, keepGoing } = common;
  const { run: runOperation } = await operation.load();
  const call = { context, store, keepGoing, addRoot, noOutput, gcWarning };
  return await runOperation(call, words, flags);
}

function optionsOf(entries: readonly OperationEntry[]): Record<string, OptionSpec> {
  const options = entries.map(({ flags, summary }): [string, OptionSpec] => {
    const name = (flags[0] ?? '').slice(2).replace(/-./g, (text) => text.slice(1).toUpperCase());
    const short = flags.find((flag) => flag.length === 2)?.slice(1);
    const help = summary.charAt(0).toLowerCase() + summary.slice(1);
    return [name, { help, ...(short === undefined ? {} : { short }) }];
  });
  return Object.fromEntries(options);
}
