/** What is asked to be there: a path as it is, or outputs of a derivation. One string each, in two forms by version. */
import type { ByteReader } from '../../bytes/byte-reader.ts';
import { andThen, type MaybePromise } from '../../bytes/maybe-promise.ts';
import { FerryError } from '../../error.ts';
import {
  isDerivation,
  parseStorePath,
  printStorePath,
  type StorePath,
} from '../../format/store-path.ts';
import type { Codec, WireContext } from '../codec.ts';
import { bool, list, string } from '../combinators.ts';
import { pathsMax, storePath } from '../store-codecs.ts';
import { v } from './version.ts';

export type DerivedPath =
  /** To be substituted where it isn't valid. */
  | { readonly kind: 'opaque'; readonly path: StorePath }
  | {
      readonly kind: 'built';
      readonly drv: StorePath;
      /** Names, sorted. */
      readonly outputs: 'all' | readonly string[];
    };

const text = string(64 * 1024);

export const derivedPath: Codec<DerivedPath> = {
  read: (reader, context) =>
    andThen(text.read(reader, context), (read) => parseDerivedPath(context, read)),
  write: (writer, target, context) => writer.string(formatDerivedPath(context, target)),
};

export const derivedPaths: Codec<readonly DerivedPath[]> = list(derivedPath, pathsMax);

function parseDerivedPath(context: WireContext, read: string): DerivedPath {
  const bang = read.indexOf('!');
  const path = parseStorePath(context.storeDir, bang < 0 ? read : read.slice(0, bang));
  if (bang < 0) {
    // Once there was no other way to say "all outputs", and none at all to say "the derivation itself".
    const isBuilt = context.version < v(30) && isDerivation(path);
    return isBuilt ? { kind: 'built', drv: path, outputs: 'all' } : { kind: 'opaque', path };
  }
  const outputs = read.slice(bang + 1);
  if (outputs === '*') return { kind: 'built', drv: path, outputs: 'all' };
  const names = outputs.split(',');
  if (names.some((name) => name === '' || name.includes('!'))) {
    throw new FerryError('corrupt', `"${outputs}" are not names of outputs`);
  }
  return { kind: 'built', drv: path, outputs: [...new Set(names)].sort() };
}

function formatDerivedPath({ storeDir, version }: WireContext, target: DerivedPath): string {
  if (target.kind === 'opaque') {
    const printed = printStorePath(storeDir, target.path);
    if (version >= v(30) || !isDerivation(target.path)) return printed;
    throw new FerryError(
      'unsupported',
      `cannot ask for "${printed}" itself: to a Nix that old a derivation means its outputs`,
      { path: printed },
    );
  }
  const drv = printStorePath(storeDir, target.drv);
  if (target.outputs === 'all') return version >= v(30) ? `${drv}!*` : drv;
  return `${drv}!${target.outputs.join(',')}`;
}

/** A path, or an output of a derivation that may itself be an output. Only programs inside of builds speak of these. */
export type SingleDerivedPath =
  | { readonly kind: 'opaque'; readonly path: StorePath }
  | { readonly kind: 'built'; readonly from: SingleDerivedPath; readonly output: string };

/** Outputs of outputs of outputs: nobody has been seen to need three. */
const depthMax = 100;

const outputName = string(4096);

export const singleDerivedPath: Codec<SingleDerivedPath> = {
  read: (reader, context) => readSingle(reader, context, 0),
  write: (writer, target, context) => {
    writer.u64(target.kind === 'built' ? 1 : 0);
    if (target.kind === 'opaque') {
      storePath.write(writer, target.path, context);
    } else {
      singleDerivedPath.write(writer, target.from, context);
      outputName.write(writer, target.output, context);
    }
  },
};

function readSingle(
  reader: ByteReader,
  context: WireContext,
  depth: number,
): MaybePromise<SingleDerivedPath> {
  if (depth > depthMax) {
    throw new FerryError('corrupt', `more than ${depthMax} derivations within each other`);
  }
  return andThen(bool.read(reader, context), (isBuilt): MaybePromise<SingleDerivedPath> => {
    if (!isBuilt) {
      return andThen(storePath.read(reader, context), (path) => ({ kind: 'opaque', path }));
    }
    return andThen(readSingle(reader, context, depth + 1), (from) =>
      andThen(outputName.read(reader, context), (output) => ({ kind: 'built', from, output })),
    );
  });
}
