/** `ferry shell`: enters the development shell of a derivation, as nix-shell does, with no Nix on the machine. */
import { defineCommand, type Command, type OptionSpecs } from '../command.ts';
import type { CommandContext } from '../context.ts';
import type { PreparedShell } from '../../shell/prepare-shell.ts';
import { findShell, type ShellWords } from '../find-shell.ts';
import { enterShell, openShell, type ShellRequest } from '../open-shell.ts';
import { usage } from '../parse-words.ts';
import { openSession } from '../session.ts';
import { shellExpressionOf, shellExpressionOptions } from '../shell-expression-options.ts';
import { storeOption } from './store-option.ts';

const TITLE = 'ferry shell';

const purity = {
  pure: { help: 'keep nothing of the environment around it but what is needed', short: 'i' },
  keep: { help: 'with --pure: keep this variable', short: 'k', value: 'NAME', repeated: true },
} satisfies OptionSpecs;

export const shell: Command = defineCommand({
  description: [
    'Starts bash with the environment that the derivation would be built in: its inputs on PATH, its variables, the setup of its stdenv, its shellHook. What nix-shell sets is set, and no Nix is needed: SHELL is a derivation, a link to one, what was built of one, or a NAME that "ferry shell copy" has set up here. A file (shell.nix) is evaluated by the Nix of this machine, if there is one.',
    'Without SHELL it is the shell.nix, or else default.nix, in the working directory, or the only NAME that there is.',
    'Inputs that are missing are fetched from substituters. Where nothing is missing no network is needed. They are kept from being collected as garbage for as long as the shell runs.',
    'Bash is that of NIX_BUILD_SHELL, an interactive one among the inputs, or the one on PATH. It takes the place of ferry: job control, signals and the exit status are its own.',
  ],
  arguments: [
    {
      name: 'SHELL',
      help: 'a derivation, a link to one, a name, or a file',
      optional: true,
      completes: 'file',
    },
  ],
  options: {
    run: { help: 'run this and end; the exit status is its own', value: 'COMMAND' },
    command: {
      help: 'run this, in an interactive shell; with "; return" at its end the shell stays',
      value: 'COMMAND',
    },
    ...purity,
    ...shellExpressionOptions,
    ...storeOption,
  },
  examples: [
    { meaning: 'what was copied here under that name', command: 'ferry shell my-project' },
    { meaning: 'one command in it', command: "ferry shell my-project --run 'make check'" },
    {
      meaning: 'nothing but what the derivation names',
      command: 'ferry shell --pure --keep SSH_AUTH_SOCK ./shell.drv',
    },
  ],
  async run(context, [word], options) {
    const { run, command, pure: isPure, keep, store: storeUri } = options;
    if (run !== undefined && command !== undefined) {
      throw usage(TITLE, '--run and --command are two ways to do one thing');
    }
    const request = { isPure, keep, command: run ?? command, staysOpen: run === undefined };
    const words = { word, storeUri, expression: shellExpressionOf(options) };
    return await enterShell(context, await open(context, words, request));
  },
});

/** The session is closed when it returns. */
async function open(
  context: CommandContext,
  words: ShellWords,
  request: Omit<ShellRequest, 'drv'>,
): Promise<PreparedShell> {
  await using session = openSession(context);
  const store = await session.openExisting(words.storeUri);
  const drv = await findShell(context, store, words);
  return await openShell(context, session, store, { ...request, drv, storeUri: words.storeUri });
}
