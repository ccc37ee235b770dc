/** What is found out about closures once, however many hosts are to get them. */
import { computeClosure } from '../copy/closure.ts';
import type { PathInfo } from '../format/path-info.ts';
import type { StorePath } from '../format/store-path.ts';
import type { CallOptions, Store } from '../store/store.ts';
import { systemOf, type ClosureSystem } from './closure-system.ts';

export class KnownClosures {
  readonly #source: Store;
  readonly #options: CallOptions;
  readonly #systems = new Map<StorePath, Promise<ClosureSystem | undefined>>();
  readonly #closures = new Map<string, Promise<Map<StorePath, PathInfo>>>();

  constructor(source: Store, { signal }: CallOptions = {}) {
    this.#source = source;
    this.#options = { signal };
  }

  /** For which system it is; undefined where that can't be known. */
  system(path: StorePath): Promise<ClosureSystem | undefined> {
    return remembered(this.#systems, path, () => systemOf(this.#source, path, this.#options));
  }

  /** @throws FerryError `not-found` for a root that the source doesn't have */
  closure(roots: readonly StorePath[]): Promise<Map<StorePath, PathInfo>> {
    const key = [...roots].sort().join(' ');
    return remembered(this.#closures, key, () =>
      computeClosure(this.#source, roots, this.#options),
    );
  }
}

function remembered<Key, Value>(
  known: Map<Key, Promise<Value>>,
  key: Key,
  find: () => Promise<Value>,
): Promise<Value> {
  const found = known.get(key) ?? find();
  known.set(key, found);
  return found;
}
