/** The JSON of `nix path-info`, in the three shapes that Nix has had since 2.19. Keys are sorted, as Nix sorts them. */
import { formatContentAddress } from '../../../format/content-address.ts';
import { formatHash } from '../../../format/hash.ts';
import type { NarInfo } from '../../../format/narinfo.ts';
import type { PathInfo } from '../../../format/path-info.ts';
import { printStorePath, type StoreDir, type StorePath } from '../../../format/store-path.ts';

/** 1: keyed by full path, the default up to 2.36; 2 (from 2.33 on): base names; 3 (from 2.35 on): signatures taken apart. */
export type PathInfoFormat = 1 | 2 | 3;

export function isPathInfoFormat(value: number): value is PathInfoFormat {
  return value === 1 || value === 2 || value === 3;
}

export interface PathInfoReport {
  readonly format: PathInfoFormat;
  readonly infos: readonly PathInfo[];
  /** Paths that were asked for and aren't valid. */
  readonly invalid: readonly StorePath[];
  /** Absent where they weren't asked for. */
  readonly closureSizeOf?: ((path: StorePath) => number) | undefined;
  /** Of what a cache has of closures, compressed. */
  readonly downloadSizeOf?: ((path: StorePath) => number) | undefined;
  /** Empty where the store is no binary cache. */
  readonly files: ReadonlyMap<StorePath, NarInfo>;
}

export function pathInfoJson(storeDir: StoreDir, report: PathInfoReport): string {
  const { format, infos, invalid, closureSizeOf, downloadSizeOf, files } = report;
  const name = (path: StorePath): string => (format === 1 ? printStorePath(storeDir, path) : path);
  const entries = new Map<string, object | null>(invalid.map((path) => [name(path), null]));
  for (const info of infos) {
    const file = files.get(info.path);
    const { ca, deriver, narHash, narSize, registrationTime } = info;
    // In the order of the keys; what is undefined isn't printed.
    entries.set(name(info.path), {
      ca: ca === undefined ? null : format === 1 ? formatContentAddress(ca) : structured(ca),
      closureDownloadSize: downloadSizeOf?.(info.path),
      closureSize: closureSizeOf?.(info.path),
      compression: file?.compression,
      deriver: deriver === undefined ? null : name(deriver),
      downloadHash: file?.fileHash && formatHash(file.fileHash, 'sri'),
      downloadSize: file?.fileSize,
      narHash: formatHash(narHash, 'sri'),
      narSize,
      references: info.references.map(name),
      registrationTime: registrationTime ?? null,
      signatures: format === 3 ? info.signatures.map(takeApart) : info.signatures,
      storeDir,
      ultimate: info.ultimate === true,
      url: file?.url,
      version: format,
    });
  }
  const byName = Object.fromEntries([...entries].sort(([one], [other]) => (one < other ? -1 : 1)));
  return JSON.stringify(format === 1 ? byName : { info: byName, storeDir, version: format });
}

function structured({ method, hash }: NonNullable<PathInfo['ca']>): object {
  return { hash: formatHash(hash, 'sri'), method };
}

function takeApart(signature: string): object {
  const colon = signature.indexOf(':');
  return { keyName: signature.slice(0, colon), sig: signature.slice(colon + 1) };
}
