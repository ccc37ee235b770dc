/**
 * What follows each NAR in an export stream (`nix-store --export`), and the marks around: `1` before each path, `0` at
 * the end of the stream. (Nix manual, "Store Object exports".)
 */
import { andThen } from '../bytes/maybe-promise.ts';
import type { StorePath } from '../format/store-path.ts';
import type { Codec } from './codec.ts';
import { bytes, constant, struct } from './combinators.ts';
import { optionalStorePath, storePath, storePathSet } from './store-codecs.ts';
import { FerryError } from '../error.ts';

const exportMagic = 0x4558494e;

export interface ExportTrailer {
  readonly magic?: undefined;
  readonly path: StorePath;
  readonly references: readonly StorePath[];
  readonly deriver?: StorePath | undefined;
  readonly signature?: undefined;
}

const oldSignature = bytes(1024 * 1024);

/** Long ago a signature stood here: read, and ignored as Nix does. It takes any number but 1 for none. */
const noSignature: Codec<undefined> = {
  read: (reader, context) =>
    andThen(reader.u64(), (isThere) => {
      if (isThere > 0xffff_ffff) {
        throw new FerryError(
          'corrupt',
          `${isThere} says neither that there is a signature nor not`,
        );
      }
      if (isThere !== 1) return undefined;
      return andThen(oldSignature.read(reader, context), () => undefined);
    }),
  write: (writer) => writer.u64(0),
};

export const exportTrailer: Codec<ExportTrailer> = struct<ExportTrailer>({
  magic: constant(exportMagic),
  path: storePath,
  references: storePathSet,
  deriver: optionalStorePath,
  signature: noSignature,
});
