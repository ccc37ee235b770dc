/** Small paths and derivations for a store in memory. */
import { fromByteString, utf8ByteString, type ByteString } from '../../src/bytes/byte-string.ts';
import {
  formatDerivation,
  type Derivation,
  type DerivationOutput,
} from '../../src/format/derivation.ts';
import { hashBytes } from '../../src/format/hash.ts';
import { contentAddressedPath } from '../../src/format/make-store-path.ts';
import { NarEncoder } from '../../src/format/nar/encoder.ts';
import { defaultStoreDir, type StorePath } from '../../src/format/store-path.ts';
import type { Store } from '../../src/store/store.ts';
import { samplePath, toAdd, type Sample } from '../conformance/nars.ts';

export { samplePath };

export interface DerivationSample extends Sample {
  readonly derivation: Derivation;
}

interface SampleInputs {
  readonly inputDrvs?: readonly (readonly [DerivationSample, readonly string[]])[];
  readonly inputSrcs?: readonly StorePath[];
}

/** A derivation that says of its outputs where they are; undefined is not known yet. */
export function drvSample(
  name: string,
  outputs: Readonly<Record<string, StorePath | undefined>>,
  { inputDrvs = [], inputSrcs = [] }: SampleInputs = {},
): DerivationSample {
  const derivation: Derivation = {
    outputs: new Map(
      Object.entries(outputs).map(([output, path]): [string, DerivationOutput] => [
        output,
        path === undefined ? { kind: 'deferred' } : { kind: 'input-addressed', path },
      ]),
    ),
    inputDrvs: new Map(inputDrvs.map(([drv, names]) => [drv.info.path, names])),
    inputSrcs,
    platform: utf8ByteString('x86_64-linux'),
    builder: utf8ByteString('/bin/sh'),
    args: [],
    env: new Map(),
  };
  const nar = fileNar(formatDerivation(defaultStoreDir, derivation));
  const ca = { method: 'text', hash: hashBytes('sha256', name) } as const;
  const path = contentAddressedPath(defaultStoreDir, name, ca);
  const narHash = hashBytes('sha256', nar);
  // What it refers to need not be there: inputs are what these tests take away.
  const info = { path, narHash, narSize: nar.length, references: [], signatures: [] };
  return { info, nar, derivation };
}

function fileNar(text: ByteString): Uint8Array {
  const chunks: Uint8Array[] = [];
  const encoder = new NarEncoder((chunk) => chunks.push(new Uint8Array(chunk)));
  encoder.file(utf8ByteString(''), { executable: false, size: text.length });
  encoder.data(fromByteString(text));
  encoder.endFile();
  encoder.end();
  return Buffer.concat(chunks);
}

export async function addSample(store: Store, sample: Sample): Promise<void> {
  await store.addPaths?.(toAdd(sample));
}
