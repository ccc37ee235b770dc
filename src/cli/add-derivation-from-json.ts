/** A derivation out of JSON on stdin into a store, as `ferry derivation add` and `nix derivation add` do it. */
import { derivationSizeMax } from '../format/derivation.ts';
import { DerivationHashes } from '../format/derivation-hashes.ts';
import {
  fillInOutputs,
  parseDerivationJson,
  type NamedDerivation,
} from '../format/parse-derivation-json.ts';
import { printStorePath } from '../format/store-path.ts';
import { FerryError } from '../error.ts';
import { addDerivation, pathOfDerivation } from '../store/add-derivation.ts';
import { readDerivationGraph } from '../store/read-derivation-graph.ts';
import type { Store } from '../store/store.ts';
import { computeClosure } from '../copy/closure.ts';
import type { CommandContext } from './context.ts';

/** Prints its path. @throws FerryError `corrupt` for JSON that is no derivation, `not-found` for inputs that aren't there */
export async function addDerivationFromJson(
  context: CommandContext,
  store: Store,
  { dryRun }: { readonly dryRun: boolean },
): Promise<void> {
  const { stdout, signal } = context;
  const parsed = parseDerivationJson(store.storeDir, await textOf(context.stdin));
  const derivation = fillInOutputs(store.storeDir, parsed, await hashesFor(store, parsed, signal));
  const named = { name: parsed.name, derivation };
  const path = dryRun
    ? pathOfDerivation(store.storeDir, named)
    : (await addDerivation(store, named, { signal })).path;
  await stdout.write(`${printStorePath(store.storeDir, path)}\n`);
}

async function hashesFor(
  store: Store,
  { derivation }: NamedDerivation,
  signal: AbortSignal,
): Promise<DerivationHashes> {
  const closure = await computeClosure(store, [...derivation.inputDrvs.keys()], { signal });
  const graph = await readDerivationGraph(store, closure.keys(), { signal });
  return new DerivationHashes(store.storeDir, (input) => {
    const found = graph.get(input);
    if (found !== undefined) return found.derivation;
    const printed = printStorePath(store.storeDir, input);
    throw new FerryError('not-found', `input "${printed}" is not in "${store.uri}"`);
  });
}

async function textOf(stdin: AsyncIterable<Uint8Array>): Promise<string> {
  const decoder = new TextDecoder('utf-8', { fatal: true });
  let text = '';
  try {
    for await (const chunk of stdin) {
      text += decoder.decode(chunk, { stream: true });
      if (text.length > derivationSizeMax) {
        throw new FerryError('usage', `cannot read JSON: more than ${derivationSizeMax} bytes`);
      }
    }
    return text + decoder.decode();
  } catch (cause) {
    if (!(cause instanceof TypeError)) throw cause;
    throw new FerryError('corrupt', 'cannot read JSON: it is not UTF-8', { cause });
  }
}
