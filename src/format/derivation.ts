/**
 * Derivations, `.drv` files: how a path was or would be built. The text is an ATerm without blanks (Nix manual,
 * "Derivation", "Protocols: Derivation ATerm"). Strings are bytes, so that what was read is written back unchanged.
 */
import type { ByteString } from '../bytes/byte-string.ts';
import { FerryError } from '../error.ts';
import type { ContentAddress, ContentAddressMethod } from './content-address.ts';
import { formatDigest, parseHash, parseHashAlgorithm, type HashAlgorithm } from './hash.ts';
import { AtermReader } from './derivation-aterm.ts';
import {
  parseStorePath,
  printStorePath,
  isDerivation,
  type StoreDir,
  type StorePath,
} from './store-path.ts';

export type DerivationOutput =
  /** Named after what it is built from. */
  | { readonly kind: 'input-addressed'; readonly path: StorePath }
  /** Its contents are known beforehand; its path follows from them. */
  | { readonly kind: 'fixed'; readonly path: StorePath; readonly ca: ContentAddress }
  /** Named after its contents once it is built. */
  | FloatingOutput<'floating'>
  /** As `floating`, and built anew each time. */
  | FloatingOutput<'impure'>
  /** Input-addressed, but an input is floating: its path is not known yet. */
  | { readonly kind: 'deferred' };

interface FloatingOutput<Kind> {
  readonly kind: Kind;
  readonly method: ContentAddressMethod;
  readonly algorithm: HashAlgorithm;
}

/** Maps are in the order of the text when they were read; writing sorts. */
export interface Derivation {
  readonly outputs: ReadonlyMap<string, DerivationOutput>;
  /** Names of the outputs it needs of each. */
  readonly inputDrvs: ReadonlyMap<StorePath, readonly string[]>;
  readonly inputSrcs: readonly StorePath[];
  readonly platform: ByteString;
  readonly builder: ByteString;
  readonly args: readonly ByteString[];
  readonly env: ReadonlyMap<ByteString, ByteString>;
}

/** Bytes of the longest text that is read. The largest of Nixpkgs have a few million. */
export const derivationSizeMax: number = 64 << 20;

/**
 * Nix itself takes any order of entries and any character after a backslash, and so does this; it takes nothing twice.
 * @throws FerryError `corrupt` with the offset, `unsupported` for dynamic derivations and Git hashing.
 */
export function parseDerivation(storeDir: StoreDir, text: Uint8Array): Derivation {
  const reader = new AtermReader(text);
  if (reader.startsWith('DrvWithVersion(')) {
    throw new FerryError('unsupported', 'the derivation depends on outputs of built derivations');
  }
  const storePath = (): StorePath => reader.within(() => parseStorePath(storeDir, reader.string()));
  reader.expect('Derive(');
  const outputs = reader.map('an output', () => {
    reader.expect('(');
    const name = reader.string();
    const [path, algorithm, hash] = [reader.next(), reader.next(), reader.next()];
    reader.expect(')');
    return [name, reader.within(() => parseOutput(storeDir, path, algorithm, hash))];
  });
  reader.expect(',');
  const inputDrvs = reader.map('an input derivation', () => {
    reader.expect('(');
    const path = storePath();
    reader.expect(',');
    const names = reader.list(() => reader.string());
    reader.expect(')');
    if (!isDerivation(path)) throw reader.error(`input "${path}" is not a derivation`);
    return [path, names as readonly string[]];
  });
  reader.expect(',');
  const inputSrcs = reader.list(storePath);
  const [platform, builder] = [reader.next(), reader.next()];
  reader.expect(',');
  const args = reader.list(() => reader.string());
  reader.expect(',');
  const env = reader.map('a variable', () => {
    reader.expect('(');
    const pair = [reader.string(), reader.next()] as const;
    reader.expect(')');
    return pair;
  });
  reader.expect(')');
  reader.end();
  if (outputs.size === 0) throw reader.error('it has no outputs');
  return { outputs, inputDrvs, inputSrcs, platform, builder, args, env };
}

function parseOutput(
  storeDir: StoreDir,
  path: string,
  algorithm: string,
  hash: string,
): DerivationOutput {
  if (algorithm === '') {
    if (hash !== '') throw new FerryError('corrupt', 'an output has a hash without an algorithm');
    if (path === '') return { kind: 'deferred' };
    return { kind: 'input-addressed', path: parseStorePath(storeDir, path) };
  }
  const { method, algorithm: parsed } = parseMethod(algorithm);
  if (hash !== '' && hash !== 'impure') {
    const ca = { method, hash: parseHash(hash, parsed) };
    return { kind: 'fixed', path: parseStorePath(storeDir, path), ca };
  }
  if (path !== '') throw new FerryError('corrupt', 'an output has a path before it is built');
  return { kind: hash === '' ? 'floating' : 'impure', method, algorithm: parsed };
}

function parseMethod(text: string): { method: ContentAddressMethod; algorithm: HashAlgorithm } {
  if (text.startsWith('git:')) {
    throw new FerryError('unsupported', `an output is hashed as Git does ("${text}")`);
  }
  if (text.startsWith('r:')) return { method: 'nar', algorithm: parseHashAlgorithm(text.slice(2)) };
  if (text.startsWith('text:')) {
    return { method: 'text', algorithm: parseHashAlgorithm(text.slice('text:'.length)) };
  }
  return { method: 'flat', algorithm: parseHashAlgorithm(text) };
}

/** `[r:]<algorithm>` as output tuples and fingerprints have it. */
export function methodPrefix(method: ContentAddressMethod): string {
  return method === 'nar' ? 'r:' : method === 'text' ? 'text:' : '';
}

export interface FormatDerivationOptions {
  /** Leave out the paths of its own outputs, as where they are computed. */
  readonly maskOutputs?: boolean | undefined;
  /** What stands in place of the input derivations: hashes, each with the names of outputs. */
  readonly inputs?: ReadonlyMap<string, readonly string[]> | undefined;
}

/** The text, one byte per character. */
export function formatDerivation(
  storeDir: StoreDir,
  drv: Derivation,
  options: FormatDerivationOptions = {},
): ByteString {
  const { maskOutputs = false } = options;
  const inputs: Iterable<readonly [string, readonly string[]]> =
    options.inputs ??
    [...drv.inputDrvs].map(([path, names]) => [printStorePath(storeDir, path), names] as const);
  const outputs = sortedByKey(drv.outputs).map(([name, output]) => {
    const [path, algorithm, hash] = outputTexts(storeDir, output);
    return `(${quote(name)},${quote(maskOutputs ? '' : path)},${quote(algorithm)},${quote(hash)})`;
  });
  const inputDrvs = sortedByKey(inputs).map(
    ([path, names]) => `(${quote(path)},${list(names.toSorted().map(quote))})`,
  );
  const sources = drv.inputSrcs.toSorted().map((path) => quote(printStorePath(storeDir, path)));
  const env = sortedByKey(drv.env).map(([name, value]) => {
    const isMasked = maskOutputs && drv.outputs.has(name);
    return `(${quote(name)},${isMasked ? '""' : quote(value)})`;
  });
  const fields = [
    list(outputs),
    list(inputDrvs),
    list(sources),
    quote(drv.platform),
    quote(drv.builder),
    list(drv.args.map(quote)),
    list(env),
  ];
  return `Derive(${fields.join(',')})` as ByteString;
}

function outputTexts(
  storeDir: StoreDir,
  output: DerivationOutput,
): [path: string, algorithm: string, hash: string] {
  switch (output.kind) {
    case 'input-addressed':
      return [printStorePath(storeDir, output.path), '', ''];
    case 'fixed': {
      const { method, hash } = output.ca;
      const algorithm = `${methodPrefix(method)}${hash.algorithm}`;
      return [printStorePath(storeDir, output.path), algorithm, formatDigest(hash, 'base16')];
    }
    case 'floating':
      return ['', `${methodPrefix(output.method)}${output.algorithm}`, ''];
    case 'impure':
      return ['', `${methodPrefix(output.method)}${output.algorithm}`, 'impure'];
    case 'deferred':
      return ['', '', ''];
  }
}

function sortedByKey<V>(entries: Iterable<readonly [string, V]>): (readonly [string, V])[] {
  return [...entries].sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
}

function list(items: readonly string[]): string {
  return `[${items.join(',')}]`;
}

const ESCAPES: Readonly<Record<string, string>> = {
  '"': '\\"',
  '\\': '\\\\',
  '\n': '\\n',
  '\r': '\\r',
  '\t': '\\t',
};

function quote(text: string): string {
  return `"${text.replace(/["\\\n\r\t]/g, (character) => ESCAPES[character] ?? character)}"`;
}
