/** What the garbage of a store is and what keeps the rest, on this machine or behind a daemon. */
import { loadReferenceGraph } from '../copy/reference-graph.ts';
import { FerryError } from '../error.ts';
import { numbersOf, referencesOf, reverseGraph } from '../format/reference-graph.ts';
import { isStorePathBaseName, type StorePath } from '../format/store-path.ts';
import { chainsTo } from '../store/local/collect-garbage-liveness.ts';
import type { Holding } from '../store/local/collect-garbage-query.ts';
import type { LocalStore } from '../store/local/local-store.ts';
import type { CallOptions, Store } from '../store/store.ts';
import type { DaemonStore } from '../store/worker/daemon-store.ts';
import { requireCollectingDaemon } from './as-collecting-store.ts';
import { asLocalStore } from './as-local-store.ts';
import type { Session } from './session.ts';

export interface GarbageItem {
  /** A path, or something else in the store directory. */
  readonly name: string;
  readonly isValid: boolean;
  /** Bytes of its NAR, or of its files where these were measured or it is not valid. */
  readonly size: number;
  /** How many files it has, where they were counted. */
  readonly files: number | undefined;
}

export interface GarbageView {
  /** The smallest first. */
  garbage(options: { readonly measure: boolean }): Promise<GarbageItem[]>;
  /** What keeps a path; no way where nothing does. */
  why(path: StorePath, options: { readonly max: number }): Promise<Holding>;
}

export interface GarbageViewOptions extends CallOptions {
  /** Links that are taken for gone. */
  readonly withoutLinks?: ReadonlySet<string> | undefined;
}

/** @throws FerryError `unsupported` for a store that has no roots */
export async function viewGarbage(
  { settings }: Session,
  store: Store,
  options: GarbageViewOptions,
): Promise<GarbageView> {
  const local = asLocalStore(store);
  if (local !== undefined) {
    const { keepOutputs, keepDerivations } = settings;
    return await viewHere(local, { keepOutputs, keepDerivations, ...options });
  }
  return viewByDaemon(requireCollectingDaemon(store), options);
}

async function viewHere(
  store: LocalStore,
  options: Parameters<LocalStore['queryLiveness']>[0],
): Promise<GarbageView> {
  const report = await store.queryLiveness(options);
  const { signal } = options;
  return {
    async garbage({ measure }) {
      const { dead } = report;
      const names = dead.filter(({ kind }) => measure || kind !== 'path').map(({ name }) => name);
      const measured = await store.measureGarbage(names, { signal });
      const items = dead.map((candidate): GarbageItem => {
        const { name, kind } = candidate;
        const found = measured.get(name);
        const narSize = candidate.kind === 'path' ? candidate.narSize : 0;
        const size = found?.bytes ?? narSize;
        return { name, isValid: kind === 'path', size, files: found?.files };
      });
      return sorted(items);
    },
    why: async (path, whyOptions) => report.why(path, whyOptions),
  };
}

/** A daemon tells what is dead and which roots there are; the ways between them are found here. */
function viewByDaemon(
  store: DaemonStore,
  { signal, withoutLinks }: GarbageViewOptions,
): GarbageView {
  if (withoutLinks !== undefined && withoutLinks.size > 0) {
    throw new FerryError(
      'unsupported',
      `cannot tell what "${store.uri}" would delete without old generations`,
      { store: store.uri, hint: 'run it as root, with --store local' },
    );
  }
  return {
    async garbage({ measure }) {
      if (measure) {
        throw new FerryError('unsupported', `cannot measure the files of "${store.uri}"`, {
          store: store.uri,
        });
      }
      const request = { action: 'return-dead', ignoreLiveness: false } as const;
      const { paths } = await store.collectGarbage(request, { signal });
      const names = paths.map((path) => path.slice(store.storeDir.length + 1));
      const infos = await store.queryPathInfos(names.filter(isStorePathBaseName), { signal });
      const items = names.map((name): GarbageItem => {
        const info = infos.get(name as StorePath);
        return { name, isValid: info !== undefined, size: info?.narSize ?? 0, files: undefined };
      });
      return sorted(items);
    },
    async why(path, { max }) {
      const holders = new Map<StorePath, string[]>();
      for (const { link, target } of await store.findRoots({ signal })) {
        holders.set(target, [...(holders.get(target) ?? []), link]);
      }
      const valid = await store.queryValidPaths(holders.keys(), { signal });
      const graph = await loadReferenceGraph(store, [...valid], { signal });
      const target = numbersOf(graph.paths).get(path);
      if (target === undefined) return { ways: [], count: 0 };
      const referrers = reverseGraph(graph);
      const holdersOf = (node: number): string[] =>
        holders.get(graph.paths[node] as StorePath) ?? [];
      const { chains, held } = chainsTo(target, {
        paths: graph.paths,
        *needing(node) {
          for (const other of referencesOf(referrers, node)) {
            yield { node: other, need: 'reference' };
          }
        },
        isHeld: (node) => holdersOf(node).length > 0,
        max,
      });
      const ways = chains.map((chain) => {
        const first = chain.steps[0]?.path;
        return { ...chain, holders: first === undefined ? [] : (holders.get(first) ?? []) };
      });
      return { ways, count: held };
    },
  };
}

function sorted(items: GarbageItem[]): GarbageItem[] {
  return items.sort((a, b) => a.size - b.size || (a.name < b.name ? -1 : 1));
}
