/** A bundle is only read: what is added goes into a store in memory, and what is asked is asked of a bundle of all that. */
import { writeFileSync } from 'node:fs';
import { after } from 'node:test';
import { headerOf, writeBundle } from '../../src/copy/bundle-export.ts';
import { planBundle } from '../../src/copy/bundle-plan.ts';
import { bundleCompressions, type BundleCompression } from '../../src/format/bundle/manifest.ts';
import type { PathInfo } from '../../src/format/path-info.ts';
import type { StorePath } from '../../src/format/store-path.ts';
import { openBundleStore, type BundleStore } from '../../src/store/bundle/bundle-store.ts';
import { MemoryStore } from '../../src/store/memory.ts';
import type {
  AddOptions,
  CallOptions,
  NarStream,
  PathToAdd,
  Store,
  StoreFeature,
} from '../../src/store/store.ts';
import { openTreeWorkers } from '../../src/system/threads/tree-workers.ts';
import { makeTempDirectory } from '../support/temp.ts';
import { testStore } from './store-conformance.ts';

const temp = makeTempDirectory({ ram: true });
const workers = openTreeWorkers({ width: 1 });
let count = 0;

after(async () => {
  await workers[Symbol.asyncDispose]();
  temp[Symbol.dispose]();
});

class RewrittenBundle implements Store {
  readonly features: ReadonlySet<StoreFeature> = new Set(['write'] as const);
  readonly #memory = new MemoryStore();
  readonly #seen = new Set<StorePath>();
  readonly #compression: BundleCompression;
  #bundle: BundleStore;

  constructor(compression: BundleCompression, empty: BundleStore) {
    this.#compression = compression;
    this.#bundle = empty;
  }

  static async open(compression: BundleCompression): Promise<RewrittenBundle> {
    await using nothing = new MemoryStore();
    return new RewrittenBundle(compression, await rewrite(nothing, [], compression));
  }

  get uri(): string {
    return this.#bundle.uri;
  }

  get storeDir(): Store['storeDir'] {
    return this.#bundle.storeDir;
  }

  async addPaths(paths: AsyncIterable<PathToAdd>, options?: AddOptions): Promise<void> {
    const seen = this.#seen;
    const noting = async function* (): AsyncGenerator<PathToAdd> {
      for await (const path of paths) {
        seen.add(path.info.path);
        yield path;
      }
    };
    await this.#memory.addPaths(noting(), options);
    const before = this.#bundle;
    this.#bundle = await rewrite(this.#memory, [...seen], this.#compression);
    await before[Symbol.asyncDispose]();
  }

  queryValidPaths(paths: Iterable<StorePath>, options?: CallOptions): Promise<Set<StorePath>> {
    return this.#bundle.queryValidPaths(paths, options);
  }

  queryPathInfos(
    paths: Iterable<StorePath>,
    options?: CallOptions,
  ): Promise<Map<StorePath, PathInfo>> {
    return this.#bundle.queryPathInfos(paths, options);
  }

  queryClosure(
    roots: Iterable<StorePath>,
    options?: CallOptions,
  ): Promise<Map<StorePath, PathInfo>> {
    return this.#bundle.queryClosure(roots, options);
  }

  readNars(paths: Iterable<StorePath>, options?: CallOptions): AsyncIterable<NarStream> {
    return this.#bundle.readNars(paths, options);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#bundle[Symbol.asyncDispose]();
    await this.#memory[Symbol.asyncDispose]();
  }
}

async function rewrite(
  source: Store,
  paths: readonly StorePath[],
  compression: BundleCompression,
): Promise<BundleStore> {
  const plan = await planBundle(source, paths, { compression });
  const chunks: Uint8Array[] = [];
  const output = { write: async (bytes: Uint8Array) => void chunks.push(new Uint8Array(bytes)) };
  await writeBundle(source, plan, headerOf(plan), output, { workers });
  const file = temp.join(`${count++}.bundle`);
  writeFileSync(file, Buffer.concat(chunks));
  return await openBundleStore([file]);
}

for (const compression of bundleCompressions) {
  testStore({ name: `bundle, ${compression}`, open: () => RewrittenBundle.open(compression) });
}
