/** The parts of a bundle one after the other in a pipe, as `cat FILE.*` gives them, made one again. */
import { ByteReader } from '../../bytes/byte-reader.ts';
import { FerryError } from '../../error.ts';
import { sameBytes } from '../../format/bundle/layout.ts';
import { decodePartHeader, partHeaderBytes, type BundlePart } from '../../format/bundle/part.ts';
import { StreamingHash } from '../../format/hash.ts';

/**
 * The bytes of the bundle itself.
 * @throws FerryError `corrupt` for what isn't all parts of one bundle in their order; what the source throws
 */
export async function* joinParts(
  bytes: AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array, void, undefined> {
  const reader = new ByteReader(bytes);
  try {
    for (let before: BundlePart | undefined; before?.isLast !== true; ) {
      const part = decodePartHeader(await reader.read(partHeaderBytes));
      requireNext(part, before);
      const hash = new StreamingHash('sha256');
      for await (const chunk of reader.stream(part.size)) {
        hash.update(chunk);
        yield chunk;
      }
      if (!sameBytes(hash.finish().digest, part.hash)) {
        throw new FerryError('corrupt', `part ${part.number} is not what it was`);
      }
      before = part;
    }
    if (!(await reader.atEnd())) {
      throw new FerryError('corrupt', 'something follows after its last part');
    }
  } finally {
    await reader.close();
  }
}

function requireNext(part: BundlePart, before: BundlePart | undefined): void {
  const wanted = (before?.number ?? 0) + 1;
  if (part.number !== wanted) {
    throw new FerryError('corrupt', `part ${part.number} comes where part ${wanted} should`, {
      hint: 'name the files instead: then they may be in any order',
    });
  }
  if (before === undefined) return;
  if (!sameBytes(part.id, before.id) || part.offset !== before.offset + before.size) {
    throw new FerryError('corrupt', `part ${part.number} is of another bundle`);
  }
}
