/** The secret keys that a command is to sign with. */
import { resolve } from 'node:path';
import { readSecretKeyFile } from '../config/key-file.ts';
import { parseStoreUri } from '../config/store-uri.ts';
import type { Settings } from '../config/settings.ts';
import { loadTrustedKeys } from '../config/trusted-keys.ts';
import { FerryError } from '../error.ts';
import type { PathInfo } from '../format/path-info.ts';
import type { StoreDir } from '../format/store-path.ts';
import { refusalToSign } from '../store/local/trust.ts';
import type { Refusal } from '../store/store.ts';
import { formatPublicKey, type SecretKey } from '../format/signature.ts';
import type { CommandContext } from './context.ts';

/**
 * @param files as they were typed; the same key twice is taken once.
 * @throws FerryError `conflict` for different keys of one name: a store could not tell their signatures apart.
 */
export function readSignKeys({ cwd }: CommandContext, files: readonly string[]): SecretKey[] {
  const keys = new Map<string, SecretKey>();
  for (const file of files) {
    const key = readSecretKeyFile(resolve(cwd, file));
    const other = keys.get(key.name);
    if (
      other !== undefined &&
      formatPublicKey(other.publicKey) !== formatPublicKey(key.publicKey)
    ) {
      throw new FerryError('conflict', `cannot sign with two different keys named "${key.name}"`);
    }
    keys.set(key.name, key);
  }
  return [...keys.values()];
}

/**
 * Why a path out of this store is not to be signed by us: nobody whom we trust has. Undefined for the stores of this
 * machine: what is valid there is ours.
 */
export function refusesToSignFrom(
  uri: string | undefined,
  storeDir: StoreDir,
  settings: Settings,
): ((info: PathInfo) => Refusal | undefined) | undefined {
  const { kind } = parseStoreUri(uri ?? 'auto');
  if (kind === 'auto' || kind === 'local' || kind === 'daemon') return undefined;
  const { keys } = loadTrustedKeys(settings);
  return (info) => refusalToSign(storeDir, info, keys);
}

/** Store parameters that name files with keys: Nix has them for binary caches, which sign by themselves. */
export function signKeyFilesOf(uri: string | undefined): string[] {
  if (uri === undefined) return [];
  const { kind, parameters } = parseStoreUri(uri);
  if (kind === 'file' || kind === 'http' || kind === 'https' || kind === 's3') return [];
  const several = parameters.get('secret-keys')?.split(',') ?? [];
  return [parameters.get('secret-key') ?? '', ...several].filter((file) => file !== '');
}
