/**
 * Path infos as the serve protocol tells them, many at once, in the answer to QueryPathInfos. What stands in front of
 * the NAR in AddToStoreNar differs in order and in the text form of the hash: `wire/valid-path-info.ts`.
 */
import type { ByteReader } from '../../bytes/byte-reader.ts';
import { FerryError } from '../../error.ts';
import type { ContentAddress } from '../../format/content-address.ts';
import type { Hash } from '../../format/hash.ts';
import type { StorePath } from '../../format/store-path.ts';
import { inField, protocolVersion, type Codec, type WireContext } from '../codec.ts';
import { since, struct, u64 } from '../combinators.ts';
import {
  narHash,
  optionalContentAddress,
  optionalStorePath,
  pathsMax,
  signatures,
  storePath,
  storePathSet,
} from '../store-codecs.ts';

/** What a server tells of a path. Before version 2.4 (Nix 1.11) it knows no hash. */
export interface ServedPathInfo {
  readonly path: StorePath;
  readonly deriver?: StorePath | undefined;
  readonly references: readonly StorePath[];
  /** Once meant what a download takes; all servers send the NAR's size. */
  readonly downloadSize: number;
  readonly narSize: number;
  readonly narHash?: Hash | undefined;
  readonly ca?: ContentAddress | undefined;
  readonly signatures: readonly string[];
}

const v4 = protocolVersion(2, 4);

// In the order of the wire.
const rest: Codec<Omit<ServedPathInfo, 'path'>> = struct<Omit<ServedPathInfo, 'path'>>({
  deriver: optionalStorePath,
  references: storePathSet,
  downloadSize: u64,
  narSize: u64,
  narHash: since<Hash | undefined>(v4, requiredNarHash(), undefined),
  ca: since(v4, optionalContentAddress, undefined),
  signatures: since(v4, signatures, []),
});

function requiredNarHash(): Codec<Hash | undefined> {
  return {
    read: narHash.read,
    write: (writer, hash, context) => {
      if (hash === undefined) throw new FerryError('internal', 'a path info without its hash');
      narHash.write(writer, hash, context);
    },
  };
}

/** A path and what belongs to it. The answer to QueryPathInfos is many of these, then an empty path. */
export const servedPathInfo: Codec<ServedPathInfo> = {
  read: async (reader, context) => {
    const path = await storePath.read(reader, context);
    return { path, ...(await rest.read(reader, context)) };
  },
  write: (writer, info, context) => {
    storePath.write(writer, info.path, context);
    rest.write(writer, info, context);
  },
};

/** The answer to QueryPathInfos. */
export const servedPathInfos: Codec<readonly ServedPathInfo[]> = servedPathInfosOf(undefined);

/**
 * The answer to QueryPathInfos about these paths: what isn't among them, or comes twice, is refused where it is met.
 * An answer has no count in front, so that otherwise it might go on for as long as there is memory.
 */
export function servedPathInfosOf(
  asked: ReadonlySet<StorePath> | undefined,
): Codec<readonly ServedPathInfo[]> {
  return {
    read: (reader, context) => readInfos(reader, context, asked),
    write: (writer, infos, context) => {
      for (const info of infos) servedPathInfo.write(writer, info, context);
      optionalStorePath.write(writer, undefined, context);
    },
  };
}

/** References in one answer, all paths together: ten times those of the largest closure anyone has reported. */
const referencesMax = 10 * pathsMax;

async function readInfos(
  reader: ByteReader,
  context: WireContext,
  asked: ReadonlySet<StorePath> | undefined,
): Promise<readonly ServedPathInfo[]> {
  const infos: ServedPathInfo[] = [];
  const due = new Set(asked);
  let referenceCount = 0;
  try {
    for (;;) {
      const path = await optionalStorePath.read(reader, context);
      if (path === undefined) return infos;
      if (infos.length === pathsMax) {
        throw new FerryError('corrupt', `more than ${pathsMax} entries`);
      }
      if (asked !== undefined && !due.delete(path)) {
        throw new FerryError('protocol', `"${path}" was not asked for, or comes twice`);
      }
      const info = { path, ...(await rest.read(reader, context)) };
      referenceCount += info.references.length;
      if (referenceCount > referencesMax) {
        throw new FerryError('corrupt', `more than ${referencesMax} references in all`);
      }
      infos.push(info);
    }
  } catch (error) {
    throw inField(`[${infos.length}]`, error, reader);
  }
}
