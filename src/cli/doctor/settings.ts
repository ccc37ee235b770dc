/** Where settings come from, and what bears on copying in them. */
import { loadSettings, type Settings } from '../../config/settings.ts';
import { loadTrustedKeys } from '../../config/trusted-keys.ts';
import type { CommandContext } from '../context.ts';
import { formatCount } from '../ui/units.ts';
import { printable } from '../errors.ts';
import { failedCheck, type Check } from './check.ts';

export function checkSettings(context: CommandContext): {
  readonly checks: readonly Check[];
  readonly settings: Settings | undefined;
} {
  try {
    const settings = loadSettings(context.env, context.overrides);
    const { sources } = settings;
    const detail = sources.length === 0 ? 'no nix.conf, so defaults' : sources.join(', ');
    const checks: Check[] = [
      { name: 'settings', status: 'ok', detail },
      ...oddities(settings),
      ...checkKeys(settings),
    ];
    const ssh = context.env.variables['NIX_SSHOPTS'];
    if (ssh !== undefined) checks.push({ name: 'NIX_SSHOPTS', status: 'ok', detail: ssh });
    return { checks, settings };
  } catch (error) {
    return { checks: [failedCheck('settings', error)], settings: undefined };
  }
}

/** Names that nobody knows, files that can't be read. */
function oddities({ warnings }: Settings): Check[] {
  return warnings.map((text) => ({ name: 'settings', status: 'note', detail: printable(text) }));
}

function checkKeys(settings: Settings): Check[] {
  const name = 'signatures';
  const { requireSigs } = settings;
  try {
    const { keys, warnings } = loadTrustedKeys(settings);
    const notes = warnings.map((detail): Check => ({ name, status: 'note', detail }));
    if (!requireSigs) {
      return [{ name, status: 'note', detail: 'not required: require-sigs is false' }, ...notes];
    }
    const count = formatCount(keys.names.length, 'trusted key');
    const detail = `required; ${count}: ${keys.names.join(', ')}`;
    return [{ name, status: 'ok', detail }, ...notes];
  } catch (error) {
    return [failedCheck(name, error)];
  }
}
