/** Derivations into a store, as evaluation puts them there: a text file that is named by its contents. */
import { fromByteString, type ByteString } from '../bytes/byte-string.ts';
import { FerryError } from '../error.ts';
import { derivationPath, inputsOf } from '../format/check-derivation.ts';
import { formatDerivation } from '../format/derivation.ts';
import { hashBytes } from '../format/hash.ts';
import { NarEncoder } from '../format/nar/encoder.ts';
import type { NamedDerivation } from '../format/parse-derivation-json.ts';
import type { PathInfo } from '../format/path-info.ts';
import type { StoreDir, StorePath } from '../format/store-path.ts';
import type { CallOptions, PathToAdd, Store } from './store.ts';

/** The path that it has or would have. @throws FerryError `corrupt` for a name that no path can have */
export function pathOfDerivation(
  storeDir: StoreDir,
  { name, derivation }: NamedDerivation,
): StorePath {
  const text = formatDerivation(storeDir, derivation);
  return derivationPath(storeDir, `${name}.drv`, text, inputsOf(derivation));
}

/** @throws FerryError `unsupported` for a store that can't be written to; what `addPaths` throws, where an input is missing */
export async function addDerivation(
  store: Store,
  named: NamedDerivation,
  { signal }: CallOptions = {},
): Promise<PathInfo> {
  if (store.addPaths === undefined) {
    throw new FerryError('unsupported', `cannot write to "${store.uri}"`, { store: store.uri });
  }
  const path = pathOfDerivation(store.storeDir, named);
  const text = fromByteString(formatDerivation(store.storeDir, named.derivation));
  const nar = narOf(text);
  const info: PathInfo = {
    path,
    narHash: hashBytes('sha256', nar),
    narSize: nar.length,
    references: inputsOf(named.derivation),
    signatures: [],
    ca: { method: 'text', hash: hashBytes('sha256', text) },
  };
  async function* contents(): AsyncGenerator<Uint8Array> {
    yield nar;
  }
  async function* only(): AsyncGenerator<PathToAdd> {
    yield { info, nar: { path, isIndependent: true, [Symbol.asyncIterator]: contents } };
  }
  await store.addPaths(only(), { signal });
  return info;
}

/** The archive of a text file. */
function narOf(text: Uint8Array): Uint8Array {
  const chunks: Uint8Array[] = [];
  const encoder = new NarEncoder((chunk) => chunks.push(chunk.slice()));
  const name = '' as ByteString;
  encoder.file(name, { executable: false, size: text.length });
  encoder.data(text);
  encoder.endFile();
  encoder.end();
  return new Uint8Array(Buffer.concat(chunks));
}
