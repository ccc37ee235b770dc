import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ByteString } from '../bytes/byte-string.ts';
import { computeClosure } from '../copy/closure.ts';
import { NarEncoder } from '../format/nar/encoder.ts';
import type { PathInfo } from '../format/path-info.ts';
import { defaultStoreDir, parseStorePathBaseName, type StorePath } from '../format/store-path.ts';
import { readDerivation } from './read-derivations.ts';
import type { Store } from './store.ts';
import { queryValidOutputs, readValidOutputs } from './valid-outputs.ts';

const path = (name: string): StorePath =>
  parseStorePathBaseName(`${(name[0] ?? '').repeat(32)}-${name}`);
const [out, dev, input] = [path('a-out'), path('b-dev'), path('c-input')];
const [drv, other, absent] = [path('d.drv'), path('f.drv'), path('g.drv')];

function derivation(outputs: Readonly<Record<string, StorePath>>): string {
  const some = Object.entries(outputs).map(
    ([name, output]) => `("${name}","${defaultStoreDir}/${output}","","")`,
  );
  return `Derive([${some.join(',')}],[],[],"system","builder",[],[])`;
}

/** Paths with their contents, and nothing that could be asked about outputs. */
function makeStore(contents: ReadonlyMap<StorePath, string>, references = new Map()): Store {
  const narHash = { algorithm: 'sha256' as const, digest: new Uint8Array(32) };
  const infoOf = (some: StorePath): PathInfo => {
    const known: readonly StorePath[] = references.get(some) ?? [];
    return { path: some, narHash, narSize: 1, references: known, signatures: [] };
  };
  return {
    uri: 'test:',
    storeDir: defaultStoreDir,
    features: new Set(),
    queryValidPaths: async (paths) => new Set([...paths].filter((some) => contents.has(some))),
    queryPathInfos: async (paths) =>
      new Map([...paths].filter((some) => contents.has(some)).map((some) => [some, infoOf(some)])),
    async *readNars(paths) {
      for (const some of paths) {
        const chunks: Uint8Array[] = [];
        const encoder = new NarEncoder((chunk) => chunks.push(chunk.slice()), { chunkSize: 64 });
        const bytes = Buffer.from(contents.get(some) ?? '');
        encoder.file('' as ByteString, { executable: false, size: bytes.length });
        encoder.data(bytes);
        encoder.endFile();
        encoder.end();
        yield {
          path: some,
          async *[Symbol.asyncIterator]() {
            yield* chunks;
          },
        };
      }
    },
    [Symbol.asyncDispose]: async () => {},
  };
}

test('of a store without such a list derivations are read', async () => {
  const store = makeStore(
    new Map([
      [drv, derivation({ dev, out })],
      [other, derivation({ out: path('h-unbuilt') })],
      [out, ''],
      [dev, ''],
      [input, ''],
    ]),
  );
  assert.deepEqual(
    await queryValidOutputs(store, [drv, other, absent, input]),
    new Map([[drv, [out, dev]]]),
  );
  assert.deepEqual(await readValidOutputs(store, []), new Map());
});

test('a store that can be asked is asked', async () => {
  const queryOutputs = async (): Promise<Map<StorePath, StorePath[]>> => new Map([[drv, [out]]]);
  const store: Store = { ...makeStore(new Map()), queryOutputs };
  assert.deepEqual(await queryValidOutputs(store, [drv]), new Map([[drv, [out]]]));
});

test('a closure with outputs has the closures of those', async () => {
  const store = makeStore(
    new Map([
      [drv, derivation({ dev, out })],
      [other, derivation({ out: input })],
      [out, ''],
      [dev, ''],
      [input, ''],
    ]),
    new Map([[dev, [other, out]]]),
  );
  const closure = await computeClosure(store, [drv], { includeOutputs: true });
  assert.deepEqual([...closure.keys()].sort(), [out, dev, input, drv, other].sort());
  assert.deepEqual([...(await computeClosure(store, [drv])).keys()], [drv]);
});

test('what is no derivation is an error', async () => {
  const store = makeStore(new Map([[drv, 'nothing of the kind']]));
  await assert.rejects(readValidOutputs(store, [drv]), { code: 'corrupt' });
  await assert.rejects(readDerivation(store, drv), { code: 'corrupt' });
});
