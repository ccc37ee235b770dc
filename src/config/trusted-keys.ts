/** The keys that this machine trusts: those of `trusted-public-keys`, and those that go with its own secret keys. */
import { FerryError, messageOf } from '../error.ts';
import {
  formatPublicKey,
  parsePublicKey,
  parseSecretKey,
  TrustedKeys,
  type PublicKey,
} from '../format/signature.ts';
import { readConfigText } from './read-config-text.ts';
import type { Settings } from './settings.ts';

export interface LoadedKeys {
  readonly keys: TrustedKeys;
  /** Of two keys with one name the first counts, and nobody would notice. */
  readonly warnings: readonly string[];
}

type KeySettings = Pick<Settings, 'trustedPublicKeys' | 'secretKeyFiles' | 'origins'>;

/** @throws FerryError `usage` for a trusted key that is none. */
export function loadTrustedKeys(settings: KeySettings): LoadedKeys {
  const found: PublicKey[] = [];
  const warnings: string[] = [];
  const add = (key: PublicKey, where: string): void => {
    const first = found.find(({ name }) => name === key.name);
    if (first === undefined) found.push(key);
    else if (formatPublicKey(first) !== formatPublicKey(key)) {
      warnings.push(`two trusted keys are named "${key.name}": the one in ${where} does not count`);
    }
  };
  for (const text of settings.trustedPublicKeys) add(parse(text, settings), 'trusted-public-keys');
  for (const file of settings.secretKeyFiles) {
    try {
      // Whatever kind of file it is: commands that only read are not to wait for a pipe.
      const read = readConfigText(file);
      if (read.state === 'read') add(parseSecretKey(read.text).publicKey, `"${file}"`);
    } catch {
      // Most users may not read the machine's secret keys; nothing is trusted on their account then, as in Nix.
    }
  }
  return { keys: new TrustedKeys(found), warnings };
}

function parse(text: string, { origins }: KeySettings): PublicKey {
  try {
    return parsePublicKey(text);
  } catch (error) {
    const places = origins.get('trusted-public-keys')?.join(', ') ?? 'default';
    throw new FerryError('usage', `setting trusted-public-keys (${places}): ${messageOf(error)}`, {
      cause: error,
      hint: 'a public key is NAME:BASE64; ferry key public prints that of a secret key',
    });
  }
}
