/**
 * `exportReferencesGraph` of structured attributes: what a store knows of some inputs and all that they refer to, as part
 * of `.attrs.json`. (Nix manual, "Advanced Attributes".)
 */
import { computeClosure } from '../copy/closure.ts';
import { computeClosureSizes } from '../copy/closure-sizes.ts';
import { FerryError } from '../error.ts';
import { formatContentAddress } from '../format/content-address.ts';
import { formatHash } from '../format/hash.ts';
import type { PathInfo } from '../format/path-info.ts';
import { graphOfInfos, numbersOf } from '../format/reference-graph.ts';
import {
  compareStorePaths,
  isDerivation,
  parseStorePath,
  printStorePath,
  type StoreDir,
  type StorePath,
} from '../format/store-path.ts';
import { readDerivations } from '../store/read-derivations.ts';
import type { CallOptions, Store } from '../store/store.ts';
import {
  isList,
  isObject,
  type AttributeObject,
  type AttributeValue,
} from './structured-attributes.ts';

/**
 * By attribute. What isn't an object asks for nothing, as in Nix.
 * @param inputs of the derivation, all valid: nothing outside of their closure is told
 * @throws FerryError `corrupt` for what asks for something that is no input
 */
export async function computeExportedGraphs(
  store: Store,
  attributes: AttributeObject,
  inputs: readonly StorePath[],
  options: CallOptions = {},
): Promise<Map<string, AttributeValue>> {
  const graphs = new Map<string, AttributeValue>();
  const wanted = attributes['exportReferencesGraph'];
  if (wanted === undefined || !isObject(wanted) || Object.keys(wanted).length === 0) return graphs;
  const closure = await computeClosure(store, inputs, options);
  for (const [name, value] of Object.entries(wanted)) {
    const roots = textsIn(value).map((text) => inputPathOf(store.storeDir, text));
    for (const root of roots) {
      if (!closure.has(root)) throw notAnInput(store.storeDir, root);
    }
    const infos = await withOutputs(store, await computeClosure(store, roots, options), options);
    graphs.set(name, await describe(store.storeDir, infos));
  }
  return graphs;
}

function textsIn(value: AttributeValue): string[] {
  if (typeof value === 'string') return [value];
  if (isList(value)) return value.flatMap(textsIn);
  throw new FerryError('corrupt', '"exportReferencesGraph" has a value that is no path');
}

/** The store path that a file lies in. */
function inputPathOf(storeDir: StoreDir, text: string): StorePath {
  const end = text.indexOf('/', storeDir.length + 1);
  return parseStorePath(storeDir, end < 0 ? text : text.slice(0, end));
}

function notAnInput(storeDir: StoreDir, path: StorePath): FerryError {
  const printed = printStorePath(storeDir, path);
  return new FerryError(
    'corrupt',
    `cannot export the references of "${printed}": it is not in the closure of the derivation's inputs`,
    { path: printed },
  );
}

/** Where derivations are asked for, what they build is told as well. */
async function withOutputs(
  store: Store,
  infos: ReadonlyMap<StorePath, PathInfo>,
  options: CallOptions,
): Promise<ReadonlyMap<StorePath, PathInfo>> {
  const drvs = [...infos.keys()].filter(isDerivation);
  if (drvs.length === 0) return infos;
  const outputs: StorePath[] = [];
  for await (const derivation of readDerivations(store, drvs, options)) {
    for (const output of derivation.outputs.values()) {
      if ('path' in output) outputs.push(output.path);
    }
  }
  return await computeClosure(store, [...infos.keys(), ...outputs], options);
}

async function describe(
  storeDir: StoreDir,
  infos: ReadonlyMap<StorePath, PathInfo>,
): Promise<AttributeValue> {
  const graph = graphOfInfos(infos);
  const sizes = await computeClosureSizes(graph);
  const numbers = numbersOf(graph.paths);
  const print = (path: StorePath): string => printStorePath(storeDir, path);
  return [...infos]
    .sort(([a], [b]) => compareStorePaths(a, b))
    .map(([path, info]) => ({
      narHash: formatHash(info.narHash),
      narSize: BigInt(info.narSize),
      references: [...info.references].sort(compareStorePaths).map(print),
      ...(info.ca === undefined ? {} : { ca: formatContentAddress(info.ca) }),
      path: print(path),
      valid: true,
      closureSize: BigInt(sizes[numbers.get(path) ?? 0] ?? 0),
    }));
}
