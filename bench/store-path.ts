/** Store paths of the corpus: well-formed, the same on every machine, and of nobody's making. */
import { createHash } from 'node:crypto';
import { encodeNix32 } from '../src/bytes/nix32.ts';

export function inventStorePath(name: string): string {
  const hash = createHash('sha256').update(`ferry-bench:${name}`).digest().subarray(0, 20);
  return `/nix/store/${encodeNix32(hash)}-${name.replaceAll(/[^\w.+?=-]/g, '-')}`;
}
