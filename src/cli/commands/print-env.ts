/** `ferry print-env`: the environment of a development shell, for a shell that runs already, or for programs. */
import { fromByteString } from '../../bytes/byte-string.ts';
import {
  parseStructuredAttributes,
  structuredVariable,
} from '../../shell/structured-attributes.ts';
import { environmentJson, formatEnvironmentText } from '../../shell/environment-text.ts';
import type { Derivation } from '../../format/derivation.ts';
import { defineCommand, type Command } from '../command.ts';
import { dumpShell } from '../dump-shell.ts';
import { printable } from '../errors.ts';
import { findShell } from '../find-shell.ts';
import { gatherShell } from '../open-shell.ts';
import { openSession } from '../session.ts';
import { shellExpressionOf, shellExpressionOptions } from '../shell-expression-options.ts';
import { storeOption } from './store-option.ts';

export const printEnv: Command = defineCommand({
  description: [
    'Prints the environment of a development shell as commands of bash: variables, arrays and functions as they are once the setup of its stdenv has been sourced, then a call of its shellHook. A running bash that evaluates them, or direnv, has what "ferry shell" would give it; what it has in PATH already comes behind. What belongs to the running shell or the terminal (HOME, TERM, PS1, TMPDIR and the like) is left out.',
    'The setup runs once, in a bash of its own with an environment as that of --pure; what it prints goes to stderr. No Nix is needed. SHELL is what "ferry shell" takes.',
    'With --json it is one object. "nix-store --print-env" prints the variables of the derivation alone.',
  ],
  arguments: [
    {
      name: 'SHELL',
      help: 'a derivation, a link to one, a name, or a file',
      optional: true,
      completes: 'file',
    },
  ],
  options: { json: { help: 'print JSON' }, ...shellExpressionOptions, ...storeOption },
  examples: [
    { meaning: 'in a shell that runs', command: 'eval "$(ferry print-env my-project)"' },
    {
      meaning: 'the version of a tool in it',
      command: 'ferry print-env --json my-project | jq -r .variables.version.value',
    },
  ],
  async run(context, [word], options) {
    const { json, store: storeUri } = options;
    await using session = openSession(context);
    const store = await session.openExisting(storeUri);
    const expression = shellExpressionOf(options);
    const drv = await findShell(context, store, { word, storeUri, expression });
    const request = { drv, isPure: true, keep: [], storeUri };
    const gathered = await gatherShell(context, session, store, request);
    const onLine = (line: string): void => session.onLine(printable(line));
    const { dump, directory, files } = await dumpShell(context, gathered, onLine);
    const own = namesOf(gathered.derivation);
    const text = json
      ? `${JSON.stringify(environmentJson(dump, own))}\n`
      : fromByteString(formatEnvironmentText(dump, { directory, files, own }));
    await context.stdout.write(text);
    return 0;
  },
});

/** Variables that the derivation itself sets. */
function namesOf({ env }: Derivation): Set<string> {
  const structured = env.get(structuredVariable);
  const attributes = structured === undefined ? {} : parseStructuredAttributes(structured);
  return new Set([...env.keys(), ...Object.keys(attributes)]);
}
