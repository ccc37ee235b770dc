/**
 * NARs: read, written, listed, hashed, from bytes and from files. An archive is told as events to a `NarVisitor`; each
 * of these is one, or drives one.
 *
 * ```ts
 * import { formatHash } from 'nix-ferry/format';
 * import { NarHasher, walkTree } from 'nix-ferry/nar';
 * import { writeFileSync } from 'node:fs';
 *
 * writeFileSync('hello.txt', 'hello');
 * const hasher = new NarHasher();
 * walkTree('hello.txt', hasher);
 * console.log(formatHash(hasher.finish().narHash)); // sha256:0sg9f58l1jj88w6pdrfdpj5x9b1zrwszk84j81zvby36q9whhhqa
 * ```
 */
export { NarDecoder } from '../format/nar/decoder.ts';
export { NarEncoder, type NarEncoderOptions } from '../format/nar/encoder.ts';
export { NarHasher, type NarDigest } from '../format/nar/hash-nar.ts';
export {
  formatListing,
  ListingBuilder,
  parseListing,
  type ListingNode,
} from '../format/nar/listing.ts';
export { MemberExtractor } from '../format/nar/member.ts';
export { HashPartScanner } from '../format/nar/scan.ts';
export { teeVisitor } from '../format/nar/tee.ts';
export { ignoreNar, type NarFile, type NarVisitor } from '../format/nar/visitor.ts';
export { removeTree } from '../system/tree/remove-tree.ts';
export { walkTree } from '../system/tree/walk-tree.ts';
export { TreeWriter } from '../system/tree/write-tree.ts';
