/** Derivations out of any store: as files where these lie on this machine, else by their NARs. */
import { setImmediate as breathe } from 'node:timers/promises';
import { FerryError } from '../error.ts';
import { derivationSizeMax, parseDerivation, type Derivation } from '../format/derivation.ts';
import { NarDecoder } from '../format/nar/decoder.ts';
import { MemberExtractor } from '../format/nar/member.ts';
import { printStorePath, type StorePath } from '../format/store-path.ts';
import { ofDerivation, readDerivationText } from './read-derivation-file.ts';
import type { CallOptions, NarStream, Store } from './store.ts';

/** What of a store it takes. */
export type DerivationSource = Pick<Store, 'uri' | 'storeDir' | 'queryValidPaths' | 'readNars'>;

/** A derivation as it is written. */
export interface DerivationText {
  readonly path: StorePath;
  readonly text: Uint8Array;
}

/** Files that are read before everything else gets its turn, a signal among it. */
const AT_ONCE = 256;

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
  options: CallOptions = {},
): AsyncGenerator<Derivation, void, undefined> {
  for await (const read of readDerivationTexts(store, drvs, options)) {
    yield parseRead(store, read);
  }
}

/** The same, not parsed. */
export async function* readDerivationTexts(
  store: DerivationSource,
  drvs: Iterable<StorePath>,
  { signal }: CallOptions = {},
): AsyncGenerator<DerivationText, void, undefined> {
  let files = 0;
  for await (const nar of store.readNars(drvs, { signal })) {
    const { path, tree } = nar;
    if (tree === undefined) {
      yield { path, text: await unpackText(store, nar) };
      continue;
    }
    yield { path, text: readDerivationText(store.storeDir, path, tree) };
    if (++files % AT_ONCE !== 0) continue;
    await breathe();
    signal?.throwIfAborted();
  }
}

/** @throws FerryError `corrupt` that names it */
export function parseRead(
  { storeDir }: Pick<Store, 'storeDir'>,
  { path, text }: DerivationText,
): Derivation {
  try {
    return parseDerivation(storeDir, text);
  } catch (error) {
    throw ofDerivation(error, printStorePath(storeDir, path));
  }
}

async function unpackText(store: DerivationSource, nar: NarStream): Promise<Uint8Array> {
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
  return Buffer.concat(chunks);
}
