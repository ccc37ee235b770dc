/**
 * `nix-cache-info`, by which a binary cache says what it is: lines of `Key: value` (Nix manual, "Binary cache store").
 * What isn't known is passed over, as Nix does.
 */
import { FerryError } from '../error.ts';

/** Its key in the cache. */
export const cacheInfoKey = 'nix-cache-info';
/** Its MIME type. */
export const cacheInfoType = 'text/x-nix-cache-info';
/** Bytes of the longest that is read. */
export const cacheInfoBytesMax: number = 64 * 1024;

export interface CacheInfo {
  /** The store directory of its paths, as it is written there. */
  readonly storeDir?: string | undefined;
  /** Whether it may be asked about many paths that it perhaps doesn't have. */
  readonly wantMassQuery?: boolean | undefined;
  /** Lower is asked first. */
  readonly priority?: number | undefined;
}

/**
 * @throws FerryError `corrupt` for a priority that is no number, and for a text that says nothing at all of a cache,
 *   such as the page of a web server that answers everything.
 */
export function parseCacheInfo(text: string): CacheInfo {
  let storeDir: string | undefined;
  let wantMassQuery: boolean | undefined;
  let priority: number | undefined;
  for (const line of text.split('\n')) {
    const colon = line.indexOf(':');
    if (colon < 0) continue;
    const value = line.slice(colon + 1).trim();
    switch (line.slice(0, colon)) {
      case 'StoreDir':
        storeDir = value;
        break;
      case 'WantMassQuery':
        wantMassQuery = value === '1';
        break;
      case 'Priority':
        if (!/^-?\d{1,9}$/.test(value)) {
          throw new FerryError('corrupt', `its priority "${value.slice(0, 40)}" is not a number`);
        }
        // Without a minus before a zero.
        priority = Number(value) + 0;
        break;
    }
  }
  const isSilent = storeDir === undefined && wantMassQuery === undefined && priority === undefined;
  if (isSilent && text.trim() !== '') {
    throw new FerryError('corrupt', `it says none of StoreDir, WantMassQuery and Priority`);
  }
  return { storeDir, wantMassQuery, priority };
}

export function formatCacheInfo({ storeDir, wantMassQuery, priority }: CacheInfo): string {
  const lines: string[] = [];
  if (storeDir !== undefined) lines.push(`StoreDir: ${storeDir}`);
  if (wantMassQuery !== undefined) lines.push(`WantMassQuery: ${wantMassQuery ? 1 : 0}`);
  if (priority !== undefined) lines.push(`Priority: ${priority}`);
  return lines.map((line) => `${line}\n`).join('');
}
