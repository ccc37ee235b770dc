/** A binary cache on a test's HTTP server, written by hand, so that each part of it may be wrong. */
import { formatCacheInfo } from '../../src/format/cache-info.ts';
import { formatNarInfo, narInfoKey } from '../../src/format/narinfo.ts';
import { defaultStoreDir, hashPartOf, type StoreDir } from '../../src/format/store-path.ts';
import type { Sample } from '../conformance/nars.ts';
import { startHttpServer, type HttpServer } from './http-server.ts';

export interface HttpCacheOptions {
  readonly priority?: number;
  readonly storeDir?: StoreDir;
  /** What lies where the NAR of a path should; undefined is nothing. */
  readonly narOf?: (sample: Sample) => Uint8Array | undefined;
  /** What lies where the narinfo of a path should. */
  readonly infoOf?: (sample: Sample) => Sample['info'];
}

/** NARs are uncompressed at `nar/<base name>.nar`. */
export async function startHttpCache(
  samples: readonly Sample[],
  options: HttpCacheOptions = {},
): Promise<HttpServer> {
  const { priority = 40, storeDir = defaultStoreDir } = options;
  const { narOf = ({ nar }: Sample) => nar, infoOf = ({ info }: Sample) => info } = options;
  const server = await startHttpServer();
  const put = (key: string, contents: string | Uint8Array): void => {
    server.objects.set(key, new Uint8Array(Buffer.from(contents)));
  };
  put('nix-cache-info', formatCacheInfo({ storeDir, wantMassQuery: true, priority }));
  for (const sample of samples) {
    const info = infoOf(sample);
    const url = `nar/${sample.info.path}.nar`;
    const key = narInfoKey(hashPartOf(sample.info.path));
    put(key, formatNarInfo({ info, url, compression: 'none' }, storeDir));
    const nar = narOf(sample);
    if (nar !== undefined) put(url, nar);
  }
  return server;
}
