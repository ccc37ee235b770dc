/** `nix-store`: of its operations `--serve` so far, which is what the far end of `ssh://` runs. */
import { FerryError } from '../../error.ts';
import { defineDropIn, type Command } from '../command.ts';
import type { CommandContext } from '../context.ts';
import { serveStore } from './serve-store.ts';
import { nixUsage, parseNixWords, versionLine, withNixStatus } from './nix-words.ts';

const PROGRAM = 'nix-store';

/** The operations of the original, for a message that tells them from typing mistakes. */
const OPERATIONS: ReadonlySet<string> = new Set(
  (
    '--realise --realize -r --add -A --add-fixed --print-fixed-path --delete --query -q --print-env ' +
    '--read-log -l --dump-db --load-db --register-validity --check-validity --gc --dump --restore ' +
    '--export --import --init --verify --verify-path --repair-path --optimise --optimize ' +
    '--generate-binary-cache-key'
  ).split(' '),
);

/** What does the same in ferry. */
const INSTEAD: Readonly<Record<string, string>> = {
  '--add': 'ferry store add',
  '-A': 'ferry store add',
  '--add-fixed': 'ferry store add --mode flat',
  '--dump': 'ferry nar pack',
  '--restore': 'ferry nar unpack',
  '--verify': 'ferry store verify --all',
  '--verify-path': 'ferry store verify',
};

export const nixStore: Command = defineDropIn({
  description: [
    'Answers the serve protocol on stdin and stdout, as nix-store --serve does for ssh:// stores and nix-copy-closure on the other machine. A machine without Nix so becomes a destination: ssh://host?remote-program=ferry%20nix-store.',
  ],
  arguments: [],
  options: {
    serve: { help: 'answer the serve protocol' },
    write: { help: 'let the other end change the store' },
    store: { help: 'the store to serve', value: 'STORE', completes: 'store' },
    option: { help: 'override a setting of nix.conf', value: 'NAME VALUE', repeated: true },
    version: { help: 'print the version' },
    help: { help: 'print this help' },
  },
  examples: [
    { meaning: 'what ssh:// runs over there', command: 'ferry nix-store --serve --write' },
  ],
  run: (context, words) => withNixStatus(context, () => run(context, words)),
});

async function run(outer: CommandContext, words: readonly string[]): Promise<number> {
  let isServing = false;
  let isWritable = false;
  const common = parseNixWords(PROGRAM, words, (word) => {
    if (word === '--serve') isServing = true;
    else if (word === '--write') isWritable = true;
    else if (OPERATIONS.has(word)) throw notDone(word);
    else return false;
    return true;
  });
  if (common.asks === 'version') {
    await outer.stdout.write(versionLine(PROGRAM));
    return 0;
  }
  if (common.asks === 'help') return await printHelp(outer);
  if (!isServing) throw nixUsage(PROGRAM, 'no operation specified');
  const context = { ...outer, verbosity: common.verbosity, overrides: common.overrides };
  await serveStore(context, { uri: common.store, isWritable });
  return 0;
}

function notDone(operation: string): FerryError {
  const instead = INSTEAD[operation];
  return new FerryError('unsupported', `ferry does not do nix-store ${operation} yet`, {
    hint: instead === undefined ? 'of nix-store it does --serve' : `${instead} does the same`,
  });
}

async function printHelp(context: CommandContext): Promise<number> {
  const { commandHelp } = await import('../help.ts');
  const style = { width: context.stdout.width(), heading: (text: string) => text };
  await context.stdout.write(commandHelp(PROGRAM, 'Serve a store', nixStore, style));
  return 0;
}
