/** `ferry doctor`: what ferry finds on this machine and on another, and what to do about each problem. */
import { defineCommand, type Command } from '../command.ts';
import type { CommandContext } from '../context.ts';
import { checkPrograms } from '../doctor/programs.ts';
import { formatChecks, type Check } from '../doctor/check.ts';
import { checkDefaultStore, checkFarStore } from '../doctor/stores.ts';
import { checkSettings } from '../doctor/settings.ts';

export const doctor: Command = defineCommand({
  description: [
    'Changes nothing. The exit status is 1 where something keeps ferry from working; what only limits it is told as a note.',
  ],
  arguments: [],
  options: {
    to: {
      help: 'look at that store as well, by connecting to it',
      value: 'STORE',
      completes: 'store',
    },
    json: { help: 'tell programs, in JSON' },
  },
  examples: [
    { meaning: 'this machine', command: 'ferry doctor' },
    { meaning: 'why a copy fails', command: 'ferry doctor --to ssh://alice@server' },
  ],
  async run(context, _words, options) {
    const checks = await checksOf(context, options.to);
    await context.stdout.write(
      options.json
        ? `${JSON.stringify({ version: 1, checks })}\n`
        : formatChecks(checks, context.stdout.hasColours),
    );
    return checks.some(({ status }) => status === 'problem') ? 1 : 0;
  },
});

async function checksOf(context: CommandContext, to: string | undefined): Promise<Check[]> {
  const { checks, settings } = checkSettings(context);
  const found = [...(await checkPrograms(context)), ...checks];
  if (settings !== undefined) found.push(...(await checkDefaultStore(context, settings)));
  if (settings !== undefined && to !== undefined) found.push(...(await checkFarStore(context, to)));
  return found;
}
