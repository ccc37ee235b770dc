/**
 * Derivations as JSON, in three of the shapes that Nix has had (Nix manual, "Derivation JSON Format"):
 * 1 is what `nix show-derivation` of Nix 2.8 prints, 2 what `nix derivation show` of 2.26 does, 4 what it does from 2.33 on.
 */
import { fromByteString, type ByteString } from '../bytes/byte-string.ts';
import { parseJson, type Json } from '../bytes/json-text.ts';
import { FerryError, messageOf } from '../error.ts';
import { methodPrefix, type Derivation, type DerivationOutput } from './derivation.ts';
import { formatDigest, formatHash } from './hash.ts';
import { nameOf, printStorePath, type StoreDir, type StorePath } from './store-path.ts';

/**
 * 1: keyed by full path, `r:sha256` for the method and the algorithm; 2: these two apart, and names; 4: base names instead of
 * paths, structured attributes taken out of the environment, hashes of fixed outputs as SRI.
 */
export type DerivationJsonFormat = 1 | 2 | 4;

export const derivationJsonFormats: readonly DerivationJsonFormat[] = [1, 2, 4];

/** Structured attributes as derivations have them in their text. */
const STRUCTURED = '__json' as ByteString;

/**
 * Of several derivations, the whole document. Its members are in the order in which Nix of that time prints them.
 * @throws FerryError `unsupported` for a derivation with bytes that are no text: JSON has no way to write them
 */
export function derivationsJson(
  storeDir: StoreDir,
  derivations: ReadonlyMap<StorePath, Derivation>,
  format: DerivationJsonFormat,
): Json {
  const sorted = [...derivations].sort(([a], [b]) => (a < b ? -1 : 1));
  const entries = sorted.map(([path, drv]): [string, Json] => {
    const key = format === 4 ? path : printStorePath(storeDir, path);
    return [key, derivationJson(storeDir, path, drv, format)];
  });
  if (format !== 4) return new Map(entries);
  return new Map<string, Json>([
    ['derivations', new Map(entries)],
    ['version', 4n],
  ]);
}

/** Of one. @throws as `derivationsJson` */
export function derivationJson(
  storeDir: StoreDir,
  path: StorePath,
  drv: Derivation,
  format: DerivationJsonFormat,
): Json {
  const printed = printStorePath(storeDir, path);
  const text = (bytes: ByteString, what: string): string => textOf(bytes, printed, what);
  const print = (each: StorePath): string => (format === 4 ? each : printStorePath(storeDir, each));
  const args = drv.args.map((arg) => text(arg, 'an argument'));
  const builder = text(drv.builder, 'its builder');
  const system = text(drv.platform, 'its system');
  const env = sortedMap(
    [...drv.env]
      .filter(([name]) => format !== 4 || name !== STRUCTURED)
      .map(([name, value]) => {
        const shown = text(name, 'the name of a variable');
        return [shown, text(value, `variable "${shown}"`)];
      }),
  );
  const outputs = sortedMap(
    [...drv.outputs].map(([name, output]) => [
      text(name as ByteString, 'the name of an output'),
      outputJson(storeDir, output, format),
    ]),
  );
  const drvs = sortedMap(
    [...drv.inputDrvs].map(([input, names]) => {
      const sorted = [...names].sort();
      const member: Json =
        format === 1
          ? sorted
          : new Map<string, Json>([
              ['dynamicOutputs', new Map()],
              ['outputs', sorted],
            ]);
      return [print(input), member];
    }),
  );
  const srcs = drv.inputSrcs.toSorted().map(print);
  const name = nameOf(path).slice(0, -'.drv'.length);
  if (format === 1) {
    return new Map<string, Json>([
      ['outputs', outputs],
      ['inputSrcs', srcs],
      ['inputDrvs', drvs],
      ['system', system],
      ['builder', builder],
      ['args', args],
      ['env', env],
    ]);
  }
  const common: readonly (readonly [string, Json])[] = [
    ['args', args],
    ['builder', builder],
    ['env', env],
    ['name', name],
    ['outputs', outputs],
    ['system', system],
  ];
  if (format === 2) return sortedMap([...common, ['inputDrvs', drvs], ['inputSrcs', srcs]]);
  const structured = drv.env.get(STRUCTURED);
  return sortedMap([
    ...common,
    [
      'inputs',
      new Map<string, Json>([
        ['drvs', drvs],
        ['srcs', srcs],
      ]),
    ],
    ...(structured === undefined
      ? []
      : [['structuredAttrs', structuredJson(structured, printed)] as const]),
    ['version', 4n],
  ]);
}

function outputJson(
  storeDir: StoreDir,
  output: DerivationOutput,
  format: DerivationJsonFormat,
): Json {
  const isOld = format === 1;
  switch (output.kind) {
    case 'input-addressed':
      return new Map([
        ['path', format === 4 ? output.path : printStorePath(storeDir, output.path)],
      ]);
    case 'fixed': {
      const { method, hash } = output.ca;
      if (format === 4) {
        return new Map([
          ['hash', formatHash(hash, 'sri')],
          ['method', method],
        ]);
      }
      const path = printStorePath(storeDir, output.path);
      const digest = formatDigest(hash, 'base16');
      return isOld
        ? new Map([
            ['path', path],
            ['hashAlgo', `${methodPrefix(method)}${hash.algorithm}`],
            ['hash', digest],
          ])
        : new Map([
            ['hash', digest],
            ['hashAlgo', hash.algorithm],
            ['method', method],
            ['path', path],
          ]);
    }
    case 'floating':
    case 'impure': {
      const { method, algorithm } = output;
      const impure: (readonly [string, Json])[] =
        output.kind === 'impure' ? [['impure', true]] : [];
      return isOld
        ? new Map<string, Json>([['hashAlgo', `${methodPrefix(method)}${algorithm}`], ...impure])
        : new Map<string, Json>([['hashAlgo', algorithm], ...impure, ['method', method]]);
    }
    case 'deferred':
      return new Map();
  }
}

/** @throws FerryError `corrupt` where they are no JSON object */
function structuredJson(structured: ByteString, printed: string): Json {
  const text = textOf(structured, printed, 'what it has for structured attributes');
  let value: Json;
  try {
    value = parseJson(text);
  } catch (cause) {
    throw new FerryError('corrupt', `structured attributes of "${printed}": ${messageOf(cause)}`, {
      path: printed,
      cause,
    });
  }
  if (value instanceof Map) return value;
  throw new FerryError('corrupt', `structured attributes of "${printed}" are no JSON object`, {
    path: printed,
  });
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

function textOf(bytes: ByteString, printed: string, what: string): string {
  try {
    return utf8.decode(fromByteString(bytes));
  } catch (cause) {
    throw new FerryError(
      'unsupported',
      `cannot show derivation "${printed}" as JSON: ${what} is not UTF-8`,
      { path: printed, cause },
    );
  }
}

function sortedMap(entries: readonly (readonly [string, Json])[]): Map<string, Json> {
  return new Map(
    entries.toSorted(([a], [b]) => (a === b ? 0 : Buffer.compare(Buffer.from(a), Buffer.from(b)))),
  );
}
