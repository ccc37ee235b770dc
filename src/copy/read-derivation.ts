/** A derivation out of any store, read by its NAR. */
import { FerryError } from '../error.ts';
import { derivationSizeMax, parseDerivation, type Derivation } from '../format/derivation.ts';
import { NarDecoder } from '../format/nar/decoder.ts';
import { MemberExtractor } from '../format/nar/member.ts';
import { printStorePath, type StorePath } from '../format/store-path.ts';
import type { CallOptions, Store } from '../store/store.ts';

/** @throws FerryError `not-found` where it isn't valid, `corrupt` where it is no derivation */
export async function readDerivation(
  store: Store,
  drv: StorePath,
  { signal }: CallOptions = {},
): Promise<Derivation> {
  const path = printStorePath(store.storeDir, drv);
  for await (const nar of store.readNars([drv], { signal })) {
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
  throw new FerryError('internal', `"${store.uri}" gave no NAR of "${path}"`);
}
