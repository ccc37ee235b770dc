/** Whether a store takes a path: it proves itself by its contents, or somebody who is trusted has signed it. */
import { FerryError } from '../../error.ts';
import { fingerprintOf, isContentAddressed, type PathInfo } from '../../format/path-info.ts';
import { signersOf, type TrustedKeys } from '../../format/signature.ts';
import { printStorePath, type StoreDir } from '../../format/store-path.ts';
import type { Refusal } from '../store.ts';

export interface TrustPolicy {
  /** Setting or store parameter `require-sigs`. */
  readonly requireSigs: boolean;
  readonly trustedKeys: TrustedKeys;
}

/** Names of keys in one message. */
const NAMES_MAX = 5;
const WAIVE = 'waive the check if you know where it comes from (--no-check-sigs)';

/** Why a key of ours should not be put to a path that comes from elsewhere: nobody who is trusted has vouched for it. */
export function refusalToSign(
  storeDir: StoreDir,
  info: PathInfo,
  trustedKeys: TrustedKeys,
): Refusal | undefined {
  const refusal = refusalOf(storeDir, info, { requireSigs: true, trustedKeys });
  return refusal && { ...refusal, reason: `it is not to be signed here: ${refusal.reason}` };
}

export function refusalOf(
  storeDir: StoreDir,
  info: PathInfo,
  policy: TrustPolicy,
): Refusal | undefined {
  if (!policy.requireSigs || isContentAddressed(storeDir, info)) return undefined;
  if (info.signatures.length > 0 && info.narSize > 0) {
    const fingerprint = fingerprintOf(storeDir, info);
    if (info.signatures.some((text) => policy.trustedKeys.verifies(text, fingerprint))) {
      return undefined;
    }
  }
  return { path: info.path, ...explain(info, policy.trustedKeys) };
}

/** Who has signed it, who would have to, and what helps. */
function explain(
  { signatures }: PathInfo,
  { names: trusted }: TrustedKeys,
): { reason: string; hint: string } {
  const lacks = 'it lacks a signature by a trusted key';
  const known = trusted.length === 0 ? 'no key is' : `${quoted(trusted)} ${isOrAre(trusted)}`;
  const signers = signersOf(signatures);
  if (signers.length === 0) {
    return {
      reason: `${lacks}, it has none at all`,
      hint: `sign it where it comes from with a key that is trusted here (${known}), or ${WAIVE}`,
    };
  }
  const broken = signers.filter((name) => trusted.includes(name));
  if (broken.length > 0) {
    return {
      reason: `${lacks}, that by ${quoted(broken)} does not hold for it`,
      hint: `it is not what was signed, or another key has that name: do not take it unless you know why; then ${WAIVE}`,
    };
  }
  return {
    reason: `${lacks}, it has only ${quoted(signers)}`,
    hint: `add the signer's public key to trusted-public-keys here (${known} in it), sign it with such a key, or ${WAIVE}`,
  };
}

function quoted(names: readonly string[]): string {
  const more = names.length > NAMES_MAX ? ` and ${names.length - NAMES_MAX} more` : '';
  const first = names.slice(0, NAMES_MAX).map((name) => `"${name}"`);
  return `${first.join(', ')}${more}`;
}

function isOrAre(names: readonly string[]): string {
  return names.length === 1 ? 'is' : 'are';
}

/** @throws FerryError `untrusted` */
export function requireTrust(storeDir: StoreDir, info: PathInfo, policy: TrustPolicy): void {
  const refusal = refusalOf(storeDir, info, policy);
  if (refusal === undefined) return;
  const path = printStorePath(storeDir, info.path);
  throw new FerryError('untrusted', `cannot add path "${path}": ${refusal.reason}`, {
    path,
    ...(refusal.hint === undefined ? {} : { hint: refusal.hint }),
  });
}
