/** The hash of one file as a directory of links names it: of its NAR, so that whether it is executable counts. */
import type { ByteString } from '../../bytes/byte-string.ts';
import { encodeNix32 } from '../../bytes/nix32.ts';
import { StreamingHash } from '../../format/hash.ts';
import { NarEncoder } from '../../format/nar/encoder.ts';
import { walkTreeAt, type WalkOptions } from './walk-tree.ts';

/** Small, since there is one for each file; contents that are larger go by it. */
const CHUNK_SIZE = 8 * 1024;

/** In Nix32. @throws what walking a tree throws */
export function linkNameOf(path: ByteString, options: WalkOptions): string {
  const hash = new StreamingHash('sha256');
  const encoder = new NarEncoder((chunk) => hash.update(chunk), { chunkSize: CHUNK_SIZE });
  walkTreeAt(path, encoder, options);
  encoder.end();
  return encodeNix32(hash.finish().digest);
}
