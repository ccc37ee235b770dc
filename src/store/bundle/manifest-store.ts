/** What a bundle says of its paths, as a store that is only read. How its NARs are read is for those that extend it. */
import { isNix32 } from '../../bytes/nix32.ts';
import { FerryError } from '../../error.ts';
import type { BundleManifest } from '../../format/bundle/manifest.ts';
import type { PathInfo } from '../../format/path-info.ts';
import {
  hashPartLength,
  hashPartOf,
  printStorePath,
  type StoreDir,
  type StorePath,
} from '../../format/store-path.ts';
import type { CallOptions, NarStream, Store, StoreFeature } from '../store.ts';

/** A path of a bundle, and which frame has its NAR. */
export interface BundledPath {
  readonly number: number;
  readonly info: PathInfo;
}

export abstract class ManifestStore implements Store {
  readonly uri: string;
  readonly storeDir: StoreDir;
  readonly features: ReadonlySet<StoreFeature> = new Set<StoreFeature>();
  readonly manifest: BundleManifest;
  readonly #paths: ReadonlyMap<StorePath, BundledPath>;
  #isDisposed = false;

  constructor(uri: string, manifest: BundleManifest) {
    this.uri = uri;
    this.storeDir = manifest.storeDir;
    this.manifest = manifest;
    this.#paths = new Map(manifest.infos.map((info, number) => [info.path, { number, info }]));
  }

  abstract readNars(paths: Iterable<StorePath>, options?: CallOptions): AsyncIterable<NarStream>;

  async queryValidPaths(
    paths: Iterable<StorePath>,
    options: CallOptions & { readonly substitute?: boolean | undefined } = {},
  ): Promise<Set<StorePath>> {
    this.check(options);
    if (options.substitute === true) {
      throw new FerryError('unsupported', `"${this.uri}" can't do that: substitute`);
    }
    return new Set([...paths].filter((path) => this.#paths.has(path)));
  }

  async queryPathInfos(
    paths: Iterable<StorePath>,
    options: CallOptions = {},
  ): Promise<Map<StorePath, PathInfo>> {
    this.check(options);
    const found = new Map<StorePath, PathInfo>();
    for (const path of paths) {
      const bundled = this.#paths.get(path);
      if (bundled !== undefined) found.set(path, bundled.info);
    }
    return found;
  }

  /** As much of the closure as is in the bundle: what it presupposes isn't. */
  async queryClosure(
    roots: Iterable<StorePath>,
    options: CallOptions = {},
  ): Promise<Map<StorePath, PathInfo>> {
    this.check(options);
    const closure = new Map<StorePath, PathInfo>();
    const stack = [...roots].map((path) => this.find(path).info);
    for (let info = stack.pop(); info !== undefined; info = stack.pop()) {
      if (closure.has(info.path)) continue;
      closure.set(info.path, info);
      for (const reference of info.references) {
        const next = this.#paths.get(reference);
        if (next !== undefined) stack.push(next.info);
      }
    }
    return closure;
  }

  async queryAllValidPaths(options: CallOptions = {}): Promise<StorePath[]> {
    this.check(options);
    return [...this.#paths.keys()];
  }

  async queryPathFromHashPart(
    hashPart: string,
    options: CallOptions = {},
  ): Promise<StorePath | undefined> {
    this.check(options);
    if (hashPart.length !== hashPartLength || !isNix32(hashPart)) {
      throw new FerryError('usage', `"${hashPart}" is not a hash part`);
    }
    for (const path of this.#paths.keys()) if (hashPartOf(path) === hashPart) return path;
    return undefined;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isDisposed = true;
  }

  /** @throws FerryError `internal` when it is closed; the signal's reason */
  protected check({ signal }: CallOptions): void {
    if (this.#isDisposed) throw new FerryError('internal', `"${this.uri}" is closed`);
    signal?.throwIfAborted();
  }

  /** @throws FerryError `not-found` */
  protected find(path: StorePath): BundledPath {
    const found = this.#paths.get(path);
    if (found !== undefined) return found;
    const printed = printStorePath(this.storeDir, path);
    const isPresupposed = this.manifest.presupposed.includes(path);
    const why = isPresupposed ? 'was left out of' : 'is not valid in';
    throw new FerryError('not-found', `path "${printed}" ${why} "${this.uri}"`, {
      path: printed,
      store: this.uri,
    });
  }

  /** What went wrong with the NAR of a path, in the words of this store. */
  protected cannotRead({ info }: BundledPath, error: FerryError): FerryError {
    const path = printStorePath(this.storeDir, info.path);
    return new FerryError(
      error.code,
      `cannot read the NAR of "${path}" in "${this.uri}": ${error.message}`,
      { path, store: this.uri, cause: error },
    );
  }
}
