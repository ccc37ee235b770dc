/**
 * Protocols: codecs, what they are built from, and the serve and worker protocols declared with them.
 *
 * ```ts
 * import { ByteWriter, list, string } from 'nix-ferry/wire';
 * import { defaultStoreDir } from 'nix-ferry/format';
 *
 * const names = list(string(100), 10);
 * const writer = new ByteWriter();
 * names.write(writer, ['a'], { version: 0, features: new Set(), storeDir: defaultStoreDir });
 * console.log(writer.take().length); // 24
 * ```
 */
export { ByteReader } from '../bytes/byte-reader.ts';
export { ByteWriter } from '../bytes/byte-writer.ts';
export type { MaybePromise } from '../bytes/maybe-promise.ts';
export {
  formatProtocolVersion,
  protocolVersion,
  type Codec,
  type WireContext,
} from '../wire/codec.ts';
export {
  between,
  bool,
  bytes,
  constant,
  list,
  map,
  since,
  string,
  struct,
  u64,
  type Fields,
} from '../wire/combinators.ts';
export { readExport, writeExport, type ExportedPath } from '../wire/export-stream.ts';
export {
  addToStoreNar,
  buildDerivation,
  buildPaths,
  dumpStorePath,
  exportPaths,
  importPaths,
  queryClosure,
  queryPathInfos,
  queryValidPaths,
  serveOperations,
  serveVersion,
  type ServeOperation,
} from '../wire/serve/protocol.ts';
export type { Transport } from '../wire/transport.ts';
export {
  findWorkerOperation,
  workerOperations,
} from '../wire/worker/protocol.ts';
export type { WorkerOperation, WorkerOperationRow } from '../wire/worker/operation.ts';
export { workerMessage, type WorkerMessage } from '../wire/worker/messages.ts';
