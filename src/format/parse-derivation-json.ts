/**
 * A derivation out of JSON of format 4, as `nix derivation show` prints one and `nix derivation add` takes it. Output paths
 * that it leaves open, and variables that should name them, are filled in; those it gives must be right.
 */
import { utf8ByteString, type ByteString } from '../bytes/byte-string.ts';
import { formatJson, parseJson, type Json } from '../bytes/json-text.ts';
import { FerryError } from '../error.ts';
import type { ContentAddressMethod } from './content-address.ts';
import type { Derivation, DerivationOutput } from './derivation.ts';
import type { DerivationHashes } from './derivation-hashes.ts';
import { parseHash, parseHashAlgorithm } from './hash.ts';
import { contentAddressedPath } from './make-store-path.ts';
import {
  isDerivation,
  parseStorePathBaseName,
  printStorePath,
  storePathNameProblem,
  type StoreDir,
  type StorePath,
} from './store-path.ts';

/** With its name, without the `.drv`. */
export interface NamedDerivation {
  readonly name: string;
  readonly derivation: Derivation;
}

const STRUCTURED = '__json' as ByteString;

type Members = ReadonlyMap<string, Json>;

/** @throws FerryError `corrupt` saying where it differs, `unsupported` for dynamic derivations and other formats */
export function parseDerivationJson(storeDir: StoreDir, text: string): NamedDerivation {
  const json = object(parseJson(text), 'the derivation');
  const version = member(json, 'version');
  if (version !== 4n) {
    throw new FerryError(
      'unsupported',
      `cannot read derivation: its JSON is of format ${formatJson(version)}, and only 4 is read`,
    );
  }
  const name = string(member(json, 'name'), '"name"');
  const problem = storePathNameProblem(`${name}.drv`);
  if (problem !== undefined) throw wrong('"name"', problem);
  const inputs = object(member(json, 'inputs'), '"inputs"');
  const env = new Map<ByteString, ByteString>();
  for (const [variable, value] of object(member(json, 'env'), '"env"')) {
    env.set(utf8ByteString(variable), bytes(value, `variable "${variable}"`));
  }
  if (env.has(STRUCTURED)) {
    throw wrong('variable "__json"', 'that name is kept for structured attributes');
  }
  const structured = json.get('structuredAttrs');
  if (structured !== undefined) {
    object(structured, '"structuredAttrs"');
    env.set(STRUCTURED, utf8ByteString(formatJson(structured)));
  }
  const derivation: Derivation = {
    outputs: new Map(
      [...object(member(json, 'outputs'), '"outputs"')].map(([output, value]) => [
        outputName(output),
        parseOutput(storeDir, name, output, object(value, `output "${output}"`)),
      ]),
    ),
    inputDrvs: parseInputDrvs(object(member(inputs, 'drvs'), '"inputs.drvs"')),
    inputSrcs: list(member(inputs, 'srcs'), '"inputs.srcs"')
      .map((path) => storePath(path, '"inputs.srcs"'))
      .toSorted(),
    platform: bytes(member(json, 'system'), '"system"'),
    builder: bytes(member(json, 'builder'), '"builder"'),
    args: list(member(json, 'args'), '"args"').map((arg) => bytes(arg, '"args"')),
    env,
  };
  if (derivation.outputs.size === 0) throw wrong('"outputs"', 'it has none');
  return { name, derivation };
}

/**
 * The same with all that follows from it.
 * @throws FerryError `corrupt` for a path that is wrong; what `hashes` throws for inputs that can't be read
 */
export function fillInOutputs(
  storeDir: StoreDir,
  { name, derivation }: NamedDerivation,
  hashes: DerivationHashes,
): Derivation {
  // The hash part doesn't count for what is computed of it.
  const anywhere = `${'0'.repeat(32)}-${name}.drv` as StorePath;
  const env = new Map(derivation.env);
  for (const [output, { kind }] of derivation.outputs) {
    const variable = output as ByteString;
    if (kind !== 'floating' && kind !== 'impure' && !env.has(variable)) {
      env.set(variable, '' as ByteString);
    }
  }
  const open: Derivation = {
    ...derivation,
    env,
    outputs: new Map(
      [...derivation.outputs].map(([output, value]) => [
        output,
        value.kind === 'deferred' ? { kind: 'input-addressed', path: anywhere } : value,
      ]),
    ),
  };
  const outputs = new Map(derivation.outputs);
  for (const [output, path] of hashes.outputPathsOf(anywhere, open)) {
    const given = derivation.outputs.get(output);
    const claimed = given !== undefined && 'path' in given ? given.path : undefined;
    if (claimed !== undefined && claimed !== path) {
      const should =
        path === undefined ? 'have none yet' : `be "${printStorePath(storeDir, path)}"`;
      throw wrong(
        `output "${output}"`,
        `it is "${printStorePath(storeDir, claimed)}", and should ${should}`,
      );
    }
    if (path === undefined) continue;
    if (given?.kind === 'deferred') outputs.set(output, { kind: 'input-addressed', path });
    const variable = output as ByteString;
    const printed = printStorePath(storeDir, path) as ByteString;
    const value = env.get(variable);
    if (value === '') {
      env.set(variable, printed);
    } else if (value !== printed) {
      throw wrong(`variable "${output}"`, `it should be "${printed}"`);
    }
  }
  return { ...derivation, outputs, env };
}

function parseOutput(
  storeDir: StoreDir,
  name: string,
  outputName: string,
  json: Members,
): DerivationOutput {
  const what = `output "${outputName}"`;
  const keys = [...json.keys()].sort().join(' ');
  switch (keys) {
    case '':
      return { kind: 'deferred' };
    case 'path':
      return { kind: 'input-addressed', path: storePath(member(json, 'path'), what) };
    case 'hash method': {
      const text = string(member(json, 'hash'), what);
      // Other spellings of hashes are not taken here.
      if (!/^\w+-[A-Za-z0-9+/]+={0,2}$/.test(text)) throw wrong(what, `"${text}" is no SRI hash`);
      const ca = { method: parseMethod(json, what), hash: parseHash(text) };
      const pathName = outputName === 'out' ? name : `${name}-${outputName}`;
      return { kind: 'fixed', path: contentAddressedPath(storeDir, pathName, ca), ca };
    }
    case 'hashAlgo method':
    case 'hashAlgo impure method': {
      const kind = keys.includes('impure') ? 'impure' : 'floating';
      const algorithm = parseHashAlgorithm(string(member(json, 'hashAlgo'), what));
      return { kind, method: parseMethod(json, what), algorithm };
    }
    default:
      throw wrong(
        what,
        `it has "${keys.replaceAll(' ', '", "')}", which go with no kind of output`,
      );
  }
}

function parseMethod(json: Members, what: string): ContentAddressMethod {
  const method = string(member(json, 'method'), what);
  if (method === 'nar' || method === 'flat' || method === 'text') return method;
  if (method === 'git') throw new FerryError('unsupported', `${what} is hashed as Git does`);
  throw wrong(what, `"${method}" is no method`);
}

function parseInputDrvs(json: Members): Map<StorePath, readonly string[]> {
  const inputs = new Map<StorePath, readonly string[]>();
  for (const [name, value] of json) {
    const path = storePath(name, '"inputs.drvs"');
    if (!isDerivation(path)) throw wrong('"inputs.drvs"', `"${name}" is not a derivation`);
    const input = object(value, `input "${name}"`);
    if (object(member(input, 'dynamicOutputs'), `input "${name}"`).size > 0) {
      throw new FerryError('unsupported', 'the derivation depends on outputs of built derivations');
    }
    const outputs = list(member(input, 'outputs'), `input "${name}"`);
    const names = outputs.map((output) => outputName(string(output, `input "${name}"`)));
    inputs.set(path, [...new Set(names)].sort());
  }
  return inputs;
}

/** Part of names in the store, and of the text of a derivation, where it stands as it is. */
function outputName(name: string): string {
  const problem = storePathNameProblem(name);
  if (problem !== undefined) throw wrong(`output "${name}"`, problem);
  return name;
}

function storePath(value: Json, what: string): StorePath {
  const text = string(value, what);
  try {
    return parseStorePathBaseName(text);
  } catch (cause) {
    throw new FerryError(
      'corrupt',
      `cannot read derivation: ${what}: "${text}" is no base name of a store path`,
      { cause },
    );
  }
}

function member(json: Members, name: string): Json {
  const value = json.get(name);
  if (value === undefined) throw wrong(`"${name}"`, 'it is missing');
  return value;
}

function object(value: Json, what: string): Members {
  if (value instanceof Map) return value as Members;
  throw wrong(what, 'it is no object');
}

function list(value: Json, what: string): readonly Json[] {
  if (Array.isArray(value)) return value as readonly Json[];
  throw wrong(what, 'it is no list');
}

function string(value: Json, what: string): string {
  if (typeof value === 'string') return value;
  throw wrong(what, 'it is no text');
}

function bytes(value: Json, what: string): ByteString {
  return utf8ByteString(string(value, what));
}

function wrong(what: string, problem: string): FerryError {
  return new FerryError('corrupt', `cannot read derivation: ${what}: ${problem}`);
}
