/** Derivations out of any store, read by their NARs. */
import { FerryError } from '../error.ts';
import { derivationSizeMax, parseDerivation, type Derivation } from '../format/derivation.ts';
import { NarDecoder } from '../format/nar/decoder.ts';
import { MemberExtractor } from '../format/nar/member.ts';
import { printStorePath, type StorePath } from '../format/store-path.ts';
import type { CallOptions, NarStream, Store } from './store.ts';

/** What of a store it takes. */
export type DerivationSource = Pick<Store, 'uri' | 'storeDir' | 'queryValidPaths' | 'readNars'>;

/** @throws FerryError `not-found` where it isn't valid, `corrupt` where it is no derivation */
export async function readDerivation(
  store: DerivationSource,
  drv: StorePath,
  options: CallOptions = {},
): Promise<Derivation> {
  for await (const read of readDerivations(store, [drv], options)) return read;
  const path = printStorePath(store.storeDir, drv);
  throw new FerryError('internal', `"${store.uri}" gave no NAR of "${path}"`);
}

/** In their order; they are asked for together. @throws as `readDerivation`, when it is the turn of what is wrong */
export async function* readDerivations(
  store: DerivationSource,
  drvs: Iterable<StorePath>,
  { signal }: CallOptions = {},
): AsyncGenerator<Derivation, void, undefined> {
  for await (const nar of store.readNars(drvs, { signal })) {
    yield await parseNar(store, nar);
  }
}

async function parseNar(store: DerivationSource, nar: NarStream): Promise<Derivation> {
  const path = printStorePath(store.storeDir, nar.path);
  const chunks: Uint8Array[] = [];
  let size = 0;
  const member = new MemberExtractor('', (chunk) => {
    size += chunk.length;
    if (size > derivationSizeMax) {
      throw new FerryError(
        'corrupt',
        `derivation "${path}" has more than ${derivationSizeMax} bytes`,
      );
    }
    chunks.push(chunk.slice());
  });
  const decoder = new NarDecoder(member);
  for await (const chunk of nar) decoder.push(chunk);
  decoder.finish();
  member.finish();
  return parseDerivation(store.storeDir, Buffer.concat(chunks));
}
