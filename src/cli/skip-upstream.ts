/** `--skip-upstream` and `--skip-signed-by`: what a binary cache need not get, because another one has it. */
import type { SkipPaths } from '../copy/plan.ts';
import { skipUpstream } from '../copy/upstream.ts';
import { parseStoreUri } from '../config/store-uri.ts';
import { uriWithoutSecrets } from '../config/uri-without-secrets.ts';
import { FerryError } from '../error.ts';
import { parsePublicKey, TrustedKeys } from '../format/signature.ts';
import type { Store } from '../store/store.ts';
import { printable } from './errors.ts';
import type { Session } from './session.ts';

export interface SkipRequest {
  /** URI of the destination. */
  readonly to: string | undefined;
  /** URIs of caches whose paths need not be sent. */
  readonly skipUpstream?: readonly string[] | undefined;
  /** Names of trusted keys by which paths are signed that need not be sent. */
  readonly skipSignedBy?: readonly string[] | undefined;
}

const CACHES: ReadonlySet<string> = new Set(['file', 'http', 'https', 's3']);

/**
 * Undefined where nothing is to be skipped.
 * @throws FerryError `usage` for a destination that isn't a binary cache, and for a key that isn't trusted.
 */
export function skipFor(
  session: Session,
  { to, skipUpstream: uris = [], skipSignedBy: names = [] }: SkipRequest,
): ((destination: Store) => SkipPaths) | undefined {
  if (uris.length === 0 && names.length === 0) return undefined;
  if (to === undefined || !CACHES.has(parseStoreUri(to).kind)) {
    const flag = uris.length > 0 ? '--skip-upstream' : '--skip-signed-by';
    throw new FerryError('usage', `${flag} is for copies to a binary cache`, {
      hint: 'any other store needs all that its paths refer to; -s lets it fetch that by itself',
    });
  }
  const keys = names.length === 0 ? undefined : keysNamed(session, names);
  return ({ storeDir }) =>
    skipUpstream({
      storeDir,
      upstreams: uris.map((uri) => ({
        uri: uriWithoutSecrets(uri),
        open: () => session.open(uri),
      })),
      keys,
      onWarning: (message) => session.onLine(printable(`warning: ${message}`)),
    });
}

function keysNamed({ settings }: Session, names: readonly string[]): TrustedKeys {
  const trusted = settings.trustedPublicKeys.map(parsePublicKey);
  const unknown = names.find((name) => trusted.every((key) => key.name !== name));
  if (unknown !== undefined) {
    throw new FerryError('usage', `key "${unknown}" is not one of trusted-public-keys`, {
      hint: `those are ${trusted.map(({ name }) => `"${name}"`).join(', ') || 'none'}`,
    });
  }
  return new TrustedKeys(trusted.filter(({ name }) => names.includes(name)));
}
