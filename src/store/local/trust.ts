/** Whether a store takes a path: it proves itself by its contents, or somebody who is trusted has signed it. */
import { FerryError } from '../../error.ts';
import { fingerprintOf, isContentAddressed, type PathInfo } from '../../format/path-info.ts';
import type { TrustedKeys } from '../../format/signature.ts';
import { printStorePath, type StoreDir } from '../../format/store-path.ts';
import type { Refusal } from '../store.ts';

export interface TrustPolicy {
  /** Setting or store parameter `require-sigs`. */
  readonly requireSigs: boolean;
  readonly trustedKeys: TrustedKeys;
}

const HINT =
  'sign it where it comes from, add its signer to trusted-public-keys here, or waive the check if you know where it comes from (--no-check-sigs)';

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
  return { path: info.path, reason: reasonOf(info), hint: HINT };
}

function reasonOf({ signatures }: PathInfo): string {
  if (signatures.length === 0) return 'it lacks a signature by a trusted key, it has none at all';
  const names = [...new Set(signatures.map((text) => `"${text.slice(0, text.indexOf(':'))}"`))];
  return `it lacks a signature by a trusted key, it has only ${names.join(', ')}`;
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
