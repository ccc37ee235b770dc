/** Substituters for tests: stores in memory with the faults that real ones have. */
import { FerryError } from '../../src/error.ts';
import type { PathInfo } from '../../src/format/path-info.ts';
import { fingerprintOf } from '../../src/format/path-info.ts';
import {
  formatPublicKey,
  signText,
  type SecretKey,
  type TrustedKeys,
} from '../../src/format/signature.ts';
import { defaultStoreDir, type StorePath } from '../../src/format/store-path.ts';
import { refusalOf } from '../../src/store/local/trust.ts';
import { MemoryStore } from '../../src/store/memory.ts';
import type { NarStream, Refusal, Store, SubstituterTraits } from '../../src/store/store.ts';
import { overriding } from '../../src/store/wrap/overriding.ts';
import type { SubstituterSource } from '../../src/store/wrap/substituter.ts';
import { toAdd, type Sample } from '../conformance/nars.ts';

/** A substituter and what was asked of it. */
export interface CountedSource extends SubstituterSource {
  readonly asked: { opened: number; questions: number; paths: StorePath[]; nars: StorePath[] };
}

export async function memoryWith(...samples: readonly Sample[]): Promise<MemoryStore> {
  const store = new MemoryStore({ chunkSize: 1000 });
  await store.addPaths(toAdd(...samples));
  return store;
}

export function traits(parts: Partial<SubstituterTraits>): SubstituterTraits {
  return { priority: 40, wantMassQuery: true, isTrusted: false, ...parts };
}

/** A source that gives this store, and counts. */
export function sourceOf(
  name: string,
  store: Store,
  parts: Partial<Store> | Partial<SubstituterTraits> = {},
): CountedSource {
  const uri = `test://${name}`;
  const asked: CountedSource['asked'] = { opened: 0, questions: 0, paths: [], nars: [] };
  const isTraits = 'priority' in parts || 'wantMassQuery' in parts || 'isTrusted' in parts;
  const changed: Store = overriding<Store>(
    store,
    isTraits ? { substituter: traits(parts) } : (parts as Partial<Store>),
  );
  const counted = overriding<Store>(changed, {
    uri,
    async queryPathInfos(paths, options) {
      const list = [...paths];
      asked.questions++;
      asked.paths.push(...list);
      return changed.queryPathInfos(list, options);
    },
    readNars(paths, options) {
      const list = [...paths];
      asked.nars.push(...list);
      return changed.readNars(list, options);
    },
  });
  return {
    uri,
    asked,
    open: async () => {
      asked.opened++;
      return counted;
    },
  };
}

/** Nobody there: the connection is refused, or times out. */
export function deadSource(name: string): CountedSource {
  const asked: CountedSource['asked'] = { opened: 0, questions: 0, paths: [], nars: [] };
  const uri = `test://${name}`;
  return {
    uri,
    asked,
    open: async () => {
      asked.opened++;
      throw new FerryError('unavailable', `cannot connect to "${uri}": connection refused`);
    },
  };
}

/** The connection stands, and nothing ever comes. */
export function silentSource(name: string): CountedSource & { hangUp(): void } {
  const source = deadSource(name);
  const { promise, reject } = Promise.withResolvers<never>();
  promise.catch(() => {});
  return {
    ...source,
    hangUp: () => reject(new FerryError('unavailable', `"${source.uri}" was silent for too long`)),
    open: (signal) => {
      source.asked.opened++;
      signal.addEventListener('abort', () => reject(signal.reason));
      return promise;
    },
  };
}

/** Gives other bytes for a path than its info says. */
export function withNar(
  path: StorePath,
  change: (nar: NarStream) => AsyncIterable<Uint8Array>,
  store: Store,
): Store {
  return overriding<Store>(store, {
    async *readNars(paths, options) {
      for await (const nar of store.readNars(paths, options)) {
        if (nar.path === path) {
          yield { path, [Symbol.asyncIterator]: () => change(nar)[Symbol.asyncIterator]() };
        } else yield nar;
      }
    },
  });
}

export function signed(sample: Sample, key: SecretKey): Sample {
  const info: PathInfo = sample.info;
  const signature = signText(key, fingerprintOf(defaultStoreDir, info));
  return { ...sample, info: { ...info, signatures: [signature] } };
}

/** What a store that requires signatures refuses. */
export function refusing(
  trustedKeys: TrustedKeys,
): (infos: Iterable<PathInfo>) => readonly Refusal[] {
  return (infos) =>
    [...infos].flatMap(
      (info) => refusalOf(defaultStoreDir, info, { requireSigs: true, trustedKeys }) ?? [],
    );
}

export function publicKeyOf(key: SecretKey): string {
  return formatPublicKey(key.publicKey);
}
