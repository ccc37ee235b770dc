/** A derivation as it is sent to be built: its inputs are paths alone. The same in both protocols. */
import type { ByteString } from '../bytes/byte-string.ts';
import type { StorePath } from '../format/store-path.ts';
import type { Codec } from './codec.ts';
import { byteString, list, string, struct } from './combinators.ts';
import { storePathSet } from './store-codecs.ts';

export interface BasicDerivation {
  readonly outputs: readonly BasicDerivationOutput[];
  readonly inputPaths: readonly StorePath[];
  readonly platform: string;
  readonly builder: ByteString;
  readonly arguments: readonly ByteString[];
  readonly environment: readonly BasicDerivationVariable[];
}

/** Which of the texts are empty tells the kind of the output (formats of `.drv` files). */
interface BasicDerivationOutput {
  readonly name: string;
  readonly path: string;
  readonly hashAlgorithm: string;
  readonly hash: string;
}

interface BasicDerivationVariable {
  readonly name: ByteString;
  readonly value: ByteString;
}

/** Source code travels in variables; the kernel takes no longer ones from a builder anyway. */
const valueMax = 128 * 1024 * 1024;

const output: Codec<BasicDerivationOutput> = struct({
  name: string(4096),
  path: string(4096),
  hashAlgorithm: string(256),
  hash: string(4096),
});

const variable: Codec<BasicDerivationVariable> = struct({
  name: byteString(1024 * 1024),
  value: byteString(valueMax),
});

export const basicDerivation: Codec<BasicDerivation> = struct({
  outputs: list(output, 100_000),
  inputPaths: storePathSet,
  platform: string(4096),
  builder: byteString(1024 * 1024),
  arguments: list(byteString(valueMax), 100_000),
  environment: list(variable, 100_000),
});
