/**
 * Realisations: which path an output of a content-addressed derivation turned out to be. Up to Nix 2.34 the derivation
 * is named by a hash of its own and the rest is JSON (before version 1.31 bare texts); with the feature
 * `realisation-with-path-not-hash` it is named by its path.
 */
import { FerryError } from '../../error.ts';
import { formatHash, parseHash, type Hash } from '../../format/hash.ts';
import { parseStorePathBaseName, type StorePath } from '../../format/store-path.ts';
import { jsonSignatures, parseJsonObject } from '../build-result.ts';
import type { Codec } from '../codec.ts';
import { list, map, optional, string, struct } from '../combinators.ts';
import { signatures, storePath } from '../store-codecs.ts';

/** An output of a derivation, by the derivation's path. */
export interface DerivationOutput {
  readonly drv: StorePath;
  readonly output: string;
}

export interface UnkeyedRealisation {
  readonly path: StorePath;
  readonly signatures: readonly string[];
}

export interface Realisation extends UnkeyedRealisation {
  readonly id: DerivationOutput;
}

/** An output of a derivation, by the derivation's hash modulo its fixed outputs. */
export interface HashedDerivationOutput {
  readonly drvHash: Hash;
  readonly output: string;
}

export interface HashedRealisation extends UnkeyedRealisation {
  readonly id: HashedDerivationOutput;
  /** Base names of paths by the texts of the ids of outputs that it was built with. */
  readonly dependentRealisations: ReadonlyMap<string, string>;
}

const outputName = string(4096);

export const derivationOutput: Codec<DerivationOutput> = struct<DerivationOutput>({
  drv: storePath,
  output: outputName,
});

const unkeyedRealisation: Codec<UnkeyedRealisation> = struct<UnkeyedRealisation>({
  path: storePath,
  signatures,
});

export const realisation: Codec<Realisation> = struct<Realisation>({
  id: derivationOutput,
  path: storePath,
  signatures,
});

export const optionalRealisation: Codec<UnkeyedRealisation | undefined> =
  optional(unkeyedRealisation);

/** `sha256:<base 16>!<name>`. */
export const hashedDerivationOutput: Codec<HashedDerivationOutput> = map(
  string(4096 + 256),
  parseId,
  formatId,
);

function parseId(text: string): HashedDerivationOutput {
  const bang = text.indexOf('!');
  if (bang <= 0 || bang === text.length - 1) {
    throw new FerryError('corrupt', `"${text}" is not a hash and the name of an output`);
  }
  return { drvHash: parseHash(text.slice(0, bang)), output: text.slice(bang + 1) };
}

function formatId({ drvHash, output }: HashedDerivationOutput): string {
  return `${formatHash(drvHash, 'base16')}!${output}`;
}

/** A JSON object. */
export const jsonRealisation: Codec<HashedRealisation> = map(
  string(1024 * 1024),
  parseJson,
  formatJson,
);

/** None or one; more would be of no use. */
export const jsonRealisations: Codec<readonly HashedRealisation[]> = list(jsonRealisation, 1000);

function parseJson(text: string): HashedRealisation {
  const object = parseJsonObject(text);
  const id = object?.['id'];
  const path = object?.['outPath'];
  if (typeof id !== 'string' || typeof path !== 'string') {
    throw new FerryError('corrupt', 'a realisation has no id or no path');
  }
  return {
    id: parseId(id),
    path: parseStorePathBaseName(path),
    signatures: jsonSignatures(object?.['signatures']),
    dependentRealisations: new Map(
      Object.entries(object?.['dependentRealisations'] ?? {}).filter(
        (entry): entry is [string, string] => typeof entry[1] === 'string',
      ),
    ),
  };
}

function formatJson(value: HashedRealisation): string {
  return JSON.stringify({
    dependentRealisations: Object.fromEntries(value.dependentRealisations),
    id: formatId(value.id),
    outPath: value.path,
    signatures: value.signatures,
  });
}

/** Before version 1.31: an id and the base name of a path; of signatures nothing is said. */
export interface BareRealisation {
  readonly id: HashedDerivationOutput;
  readonly path: StorePath;
}

const baseName: Codec<StorePath> = map(
  string(4096),
  (text) => parseStorePathBaseName(text),
  (path): string => path,
);

export const bareRealisation: Codec<BareRealisation> = struct<BareRealisation>({
  id: hashedDerivationOutput,
  path: baseName,
});

/** A derivation as its base name alone, as AddBuildLog has it. */
export const storePathBaseName: Codec<StorePath> = baseName;
