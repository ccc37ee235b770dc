/** `nix config show`: the settings that ferry heeds, as Nix prints them. */
import { foreignSettings } from '../../../config/foreign-settings.ts';
import { findSetting, loadSettings } from '../../../config/settings.ts';
import { showSettings, type ShownSetting } from '../../../config/show-settings.ts';
import { FerryError } from '../../../error.ts';
import { printable } from '../../errors.ts';
import { nixUsage } from '../nix-words.ts';
import { PROGRAM } from './parse-verb-words.ts';
import { defineVerb, type NixVerb } from './verb.ts';

export const configShow: NixVerb = defineVerb({
  description: [
    'Of the settings that are for evaluation and builds nothing is known here; ferry config show says where each value comes from.',
  ],
  arguments: [{ name: 'NAME', help: 'a setting', optional: true }],
  options: { json: { help: 'tell programs, in JSON' } },
  examples: [{ meaning: 'one value', command: 'nix config show substituters' }],
  async run({ context }, [name], { json }) {
    const { env, overrides, stdout, stderr } = context;
    const settings = loadSettings(env, overrides);
    for (const warning of settings.warnings) {
      await stderr.write(`warning: ${printable(warning)}\n`);
    }
    const shown = showSettings(settings, env);
    if (name === undefined) {
      await stdout.write(json ? jsonOf(shown) : shown.map(lineOf).join(''));
      return 0;
    }
    if (json) throw nixUsage(PROGRAM, "'--json' is not supported when specifying a setting name");
    const definition = findSetting(name);
    const one = shown.find((setting) => setting.name === definition?.name);
    if (one === undefined) throw unknown(name);
    await stdout.write(`${printable(one.value)}\n`);
    return 0;
  },
});

function lineOf({ name, value }: ShownSetting): string {
  return `${printable(`${name} = ${value}`)}\n`;
}

function jsonOf(settings: readonly ShownSetting[]): string {
  const entries = settings.map(({ name, json, defaultJson, aliases }) => [
    name,
    { aliases, defaultValue: defaultJson, value: json },
  ]);
  return `${JSON.stringify(Object.fromEntries(entries))}\n`;
}

function unknown(name: string): FerryError {
  return foreignSettings.has(name)
    ? new FerryError('not-found', `setting '${name}' means nothing to ferry`)
    : new FerryError('not-found', `could not find setting '${name}'`);
}
