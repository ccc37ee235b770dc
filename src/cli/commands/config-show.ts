/** `ferry config show`: the settings that count, and where each comes from. */
import { foreignSettings } from '../../config/foreign-settings.ts';
import { findSetting, loadSettings, type Settings } from '../../config/settings.ts';
import { showSettings, type ShownSetting } from '../../config/show-settings.ts';
import { loadTrustedKeys } from '../../config/trusted-keys.ts';
import { FerryError, messageOf } from '../../error.ts';
import { defineCommand, type Command } from '../command.ts';
import { say, type CommandContext } from '../context.ts';
import { printable } from '../errors.ts';
import { nearest } from '../../config/nearest.ts';

export const configShow: Command = defineCommand({
  description: [
    'Settings come from nix.conf of the system and of the user, from NIX_CONFIG and from --option; the later one counts. Printed are those that ferry heeds, each as NAME = VALUE with the place that set it behind a "#"; those without have their default.',
    'With a NAME only its value is printed.',
  ],
  arguments: [{ name: 'NAME', help: 'a setting', optional: true }],
  options: { json: { help: 'tell programs, in JSON' } },
  examples: [
    { meaning: 'everything that was set', command: "ferry config show | grep '#'" },
    { meaning: 'one value', command: 'ferry config show substituters' },
  ],
  async run(context, [name], options) {
    const settings = loadSettings(context.env, context.overrides);
    await tellProblems(context, settings);
    const shown = showSettings(settings, context.env);
    if (name === undefined) {
      const text = options.json ? jsonOf(shown) : shown.map(lineOf).join('');
      await context.stdout.write(text);
      return 0;
    }
    const definition = findSetting(name);
    const one = shown.find((setting) => setting.name === definition?.name);
    if (one === undefined) throw unknown(name, shown);
    await context.stdout.write(options.json ? jsonOf([one]) : `${one.value}\n`);
    return 0;
  },
});

function lineOf({ name, value, origins }: ShownSetting): string {
  const place = origins.length === 0 ? '' : `  # ${origins.join(', ')}`;
  return `${printable(`${name} = ${value}`.trimEnd() + place)}\n`;
}

function jsonOf(settings: readonly ShownSetting[]): string {
  const entries = settings.map(({ name, json, defaultJson, origins, aliases }) => [
    name,
    { value: json, defaultValue: defaultJson, origins, aliases },
  ]);
  return `${JSON.stringify({ version: 1, settings: Object.fromEntries(entries) })}\n`;
}

async function tellProblems(context: CommandContext, settings: Settings): Promise<void> {
  const warnings = [...settings.warnings];
  try {
    warnings.push(...loadTrustedKeys(settings).warnings);
  } catch (error) {
    // To be seen is what is wrong here, too.
    warnings.push(messageOf(error));
  }
  for (const warning of warnings) await say(context, `warning: ${printable(warning)}`);
}

function unknown(name: string, shown: readonly ShownSetting[]): FerryError {
  if (foreignSettings.has(name)) {
    return new FerryError('not-found', `setting "${name}" means nothing to ferry`, {
      hint: `nix config show ${name} has it, where there is a Nix`,
    });
  }
  const guess = nearest(
    name,
    shown.map((setting) => setting.name),
  );
  const message = `there is no setting "${name}"`;
  return guess === undefined
    ? new FerryError('not-found', message)
    : new FerryError('not-found', message, { hint: `did you mean "${guess}"?` });
}
