/** Where settings come from, and what bears on copying in them. */
import { loadSettings, type Settings } from '../../config/settings.ts';
import { messageOf } from '../../error.ts';
import { parsePublicKey } from '../../format/signature.ts';
import type { CommandContext } from '../context.ts';
import { formatCount } from '../ui/units.ts';
import { failedCheck, type Check } from './check.ts';

export function checkSettings(context: CommandContext): {
  readonly checks: readonly Check[];
  readonly settings: Settings | undefined;
} {
  try {
    const settings = loadSettings(context.env, context.overrides);
    const { sources } = settings;
    const detail = sources.length === 0 ? 'no nix.conf, so defaults' : sources.join(', ');
    const checks: Check[] = [{ name: 'settings', status: 'ok', detail }, checkKeys(settings)];
    const ssh = context.env.variables['NIX_SSHOPTS'];
    if (ssh !== undefined) checks.push({ name: 'NIX_SSHOPTS', status: 'ok', detail: ssh });
    return { checks, settings };
  } catch (error) {
    return { checks: [failedCheck('settings', error)], settings: undefined };
  }
}

function checkKeys({ requireSigs, trustedPublicKeys }: Settings): Check {
  const name = 'signatures';
  for (const key of trustedPublicKeys) {
    try {
      parsePublicKey(key);
    } catch (error) {
      const detail = `a trusted key can't be read: ${messageOf(error)}`;
      return { name, status: 'problem', detail, advice: 'correct trusted-public-keys in nix.conf' };
    }
  }
  if (!requireSigs) {
    return { name, status: 'note', detail: 'not required: require-sigs is false' };
  }
  const names = trustedPublicKeys.map((key) => key.slice(0, key.indexOf(':')));
  const keys = formatCount(names.length, 'trusted key');
  return { name, status: 'ok', detail: `required; ${keys}: ${names.join(', ')}` };
}
