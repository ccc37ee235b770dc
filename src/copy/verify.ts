/**
 * Verifies paths of any store: that their contents are what the store says, and that somebody who is trusted says so
 * too. As `nix store verify` does.
 */
import { hashesEqual } from '../format/hash.ts';
import { fingerprintOf, isContentAddressed, type PathInfo } from '../format/path-info.ts';
import { signersOf, type TrustedKeys } from '../format/signature.ts';
import type { StorePath } from '../format/store-path.ts';
import type { CallOptions, ContentsResult, Store } from '../store/store.ts';
import { chunksOf } from './chunks.ts';
import { hashContents } from './hash-contents.ts';
import { signaturesElsewhere } from './sign.ts';

export interface VerifyOptions extends CallOptions {
  /** Read and hash the contents; else only look whether they are there, where that can be seen. Default true. */
  readonly contents?: boolean | undefined;
  /** Look for signatures. Default true. */
  readonly trust?: boolean | undefined;
  /**
   * So many different trusted keys must have signed. By default, which is also what 0 means, it is one, and what was
   * built by the store itself needs none.
   */
  readonly sigsNeeded?: number | undefined;
  readonly trustedKeys: TrustedKeys;
  /** Their signatures for the same contents count as well. */
  readonly substituters?: readonly Store[] | undefined;
  /** Told of a substituter that couldn't be asked; the others are asked all the same. */
  readonly onSubstituterFailed?: ((store: Store, error: unknown) => void) | undefined;
  /** Called once for each path. */
  readonly onResult?: ((result: PathVerification) => void) | undefined;
  readonly onBytes?: ((path: StorePath, bytes: number) => void) | undefined;
}

/** What of a path was found; each half is absent where it wasn't looked for or couldn't be. */
export interface PathVerification {
  readonly path: StorePath;
  /** What the store says of it; absent where it isn't valid. */
  readonly info?: PathInfo | undefined;
  readonly contents?: ContentsResult | undefined;
  readonly trust?: TrustResult | undefined;
}

export interface TrustResult {
  readonly isTrusted: boolean;
  /** What makes it so: its contents, or that it was built in this store; else signatures count. */
  readonly because?: 'content-addressed' | 'ultimate' | undefined;
  /** Names of the trusted keys that have signed it. */
  readonly signedBy: readonly string[];
  /** How many it needs. */
  readonly needed: number;
}

export interface VerifySummary {
  /** Paths that were looked at. */
  readonly checked: number;
  /** Bytes of NAR of those. */
  readonly narSize: number;
  /** Contents that differ or are gone. */
  readonly corrupted: number;
  readonly untrusted: number;
  /** Paths that aren't valid or can't be read. */
  readonly failed: number;
}

/** Paths whose infos are asked for at a time: memory is bounded however many there are. */
const CHUNK = 1000;

/** @throws what asking the store for infos throws; what fails for one path alone is a result. */
export async function verifyPaths(
  store: Store,
  paths: Iterable<StorePath>,
  options: VerifyOptions,
): Promise<VerifySummary> {
  const { signal, onResult } = options;
  const sum = { checked: 0, narSize: 0, corrupted: 0, untrusted: 0, failed: 0 };
  const others = options.substituters ?? [];
  const substituters = new Set(others.filter(({ storeDir }) => storeDir === store.storeDir));
  for (const chunk of chunksOf(new Set(paths), CHUNK)) {
    signal?.throwIfAborted();
    const infos = await store.queryPathInfos(chunk, { signal });
    const trust =
      options.trust === false
        ? undefined
        : await judgeTrust(store, [...infos.values()], substituters, options);
    await verifyContents(store, chunk, infos, options, (contents) => {
      const { path } = contents;
      const info = infos.get(path);
      const isValid = contents.state !== 'not-valid';
      const result = { path, info, contents, trust: isValid ? trust?.get(path) : undefined };
      count(sum, result);
      onResult?.(result);
    });
  }
  return sum;
}

function count(
  sum: { -readonly [Name in keyof VerifySummary]: number },
  { info, contents, trust }: PathVerification,
): void {
  sum.checked++;
  sum.narSize += info?.narSize ?? 0;
  if (contents?.state === 'modified' || contents?.state === 'disappeared') sum.corrupted++;
  if (contents?.state === 'failed' || contents?.state === 'not-valid') sum.failed++;
  if (trust?.isTrusted === false) sum.untrusted++;
}

/** Tells of each path of `chunk` once. */
async function verifyContents(
  store: Store,
  chunk: readonly StorePath[],
  infos: ReadonlyMap<StorePath, PathInfo>,
  { contents: checkContents = true, signal, onBytes }: VerifyOptions,
  onResult: (result: ContentsResult) => void,
): Promise<void> {
  const valid = chunk.filter((path) => infos.has(path));
  for (const path of chunk) if (!infos.has(path)) onResult({ path, state: 'not-valid' });
  if (store.verifyPaths !== undefined) {
    await store.verifyPaths(valid, { checkContents, signal, onBytes, onResult });
  } else if (checkContents) {
    await hashContents(store, valid.map((path) => infos.get(path)).filter(isInfo), {
      signal,
      onBytes,
      onResult,
    });
  } else {
    for (const path of valid) onResult({ path, state: 'whole' });
  }
}

function isInfo(info: PathInfo | undefined): info is PathInfo {
  return info !== undefined;
}

async function judgeTrust(
  store: Store,
  infos: readonly PathInfo[],
  substituters: Set<Store>,
  { trustedKeys, sigsNeeded, signal, onSubstituterFailed }: VerifyOptions,
): Promise<Map<StorePath, TrustResult>> {
  const judge = (info: PathInfo, more: Iterable<string> = []): TrustResult =>
    trustOf(store, info, { trustedKeys, sigsNeeded, more });
  const results = new Map(infos.map((info) => [info.path, judge(info)]));
  const lacking = infos.filter(({ path }) => results.get(path)?.isTrusted !== true);
  if (lacking.length === 0 || substituters.size === 0) return results;
  const onFailed = onSubstituterFailed ?? ((): void => {});
  const found = await signaturesElsewhere(substituters, lacking, { signal, onFailed });
  for (const info of lacking) results.set(info.path, judge(info, found.get(info.path)));
  return results;
}

export interface TrustQuery {
  readonly trustedKeys: TrustedKeys;
  /** As in `VerifyOptions`. */
  readonly sigsNeeded?: number | undefined;
  /** Signatures for the same contents, from elsewhere. */
  readonly more?: Iterable<string> | undefined;
}

/** Whether an info is vouched for. Its contents are not looked at. */
export function trustOf(
  store: Pick<Store, 'storeDir'>,
  info: PathInfo,
  { trustedKeys, sigsNeeded = 0, more = [] }: TrustQuery,
): TrustResult {
  const needed = Math.max(sigsNeeded, 1);
  const because = reasonFor(store, info, sigsNeeded === 0);
  const signedBy = trustedSigners(store, info, [...info.signatures, ...more], trustedKeys);
  const isTrusted = because !== undefined || signedBy.length >= needed;
  return { isTrusted, because, signedBy, needed };
}

function reasonFor(
  { storeDir }: Pick<Store, 'storeDir'>,
  info: PathInfo,
  ultimateCounts: boolean,
): TrustResult['because'] {
  if (isContentAddressed(storeDir, info) && isOfTheseContents(info)) return 'content-addressed';
  return ultimateCounts && info.ultimate === true ? 'ultimate' : undefined;
}

/**
 * An address that is of the NAR itself must be that of the NAR that we check against: a binary cache may claim another,
 * and Nix believes it. The other kinds of addresses are checked by the store that a path is added to.
 */
function isOfTheseContents({ ca, narHash, path, references }: PathInfo): boolean {
  const isOfNar = ca?.method === 'nar' && ca.hash.algorithm === narHash.algorithm;
  return !isOfNar || references.includes(path) || hashesEqual(ca.hash, narHash);
}

/** Each key counts once, however many signatures it made. */
function trustedSigners(
  { storeDir }: Pick<Store, 'storeDir'>,
  info: PathInfo,
  signatures: readonly string[],
  keys: TrustedKeys,
): string[] {
  if (signatures.length === 0 || info.narSize === 0) return [];
  const fingerprint = fingerprintOf(storeDir, info);
  const good = signatures.filter((text) => keys.verifies(text, fingerprint));
  return signersOf(good);
}
