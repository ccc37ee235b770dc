/** What the garbage collector would do, and why not more: asked without any lock, and changing nothing. */
import { hashPartOf, type StorePath } from '../../format/store-path.ts';
import { loadFlock } from '../../system/flock.ts';
import type { SqliteDatabase } from '../../system/sqlite.ts';
import type { GarbageRoot } from '../../wire/worker/garbage.ts';
import type { CallOptions } from '../store.ts';
import { candidates, namesInStore, type Candidate } from './collect-garbage-candidates.ts';
import { emptyGraph, loadValidGraph, nodesOfHashPart } from './collect-garbage-graph.ts';
import { chainsTo, Liveness, type Chain, type KeepSettings } from './collect-garbage-liveness.ts';
import { isTemporaryInUse } from './collect-garbage-removal.ts';
import {
  findRoots,
  findTempRoots,
  type FindRootsOptions,
  type RootLocations,
  type Roots,
} from './roots.ts';

export interface LivenessOptions extends CallOptions, KeepSettings {
  /** As for `findRoots`. Default `delete`. */
  readonly purpose?: FindRootsOptions['purpose'];
  /** Links that are taken for gone. */
  readonly withoutLinks?: ReadonlySet<string> | undefined;
}

export interface LivenessReport {
  /** Sorted; what isn't valid but held by a temporary root is among them. */
  readonly live: readonly StorePath[];
  /** In the order in which it would be deleted. */
  readonly dead: readonly Candidate[];
  /** Of valid paths, and temporary ones of any. */
  readonly roots: Roots;
  /** What keeps a path. None where nothing does. */
  why(path: StorePath, options: { readonly max: number }): Holding;
}

export interface Holding {
  /** The shortest ways from a root to the path, the shortest first. */
  readonly ways: readonly HoldingWay[];
  /** How many there are in all. */
  readonly count: number;
}

export interface HoldingWay extends Chain {
  /** What holds the first of its paths, as `findRoots` names it. */
  readonly holders: readonly string[];
}

/** @param db undefined where there is no store yet */
export async function queryLiveness(
  db: SqliteDatabase | undefined,
  locations: RootLocations,
  options: LivenessOptions,
): Promise<LivenessReport> {
  const { storeDir, realDir } = locations;
  const { signal } = options;
  const flock = await loadFlock();
  const temporary = findTempRoots(flock, locations, { removeStale: false });
  const graph = db === undefined ? emptyGraph : await loadValidGraph(db, storeDir, { signal });
  const names = await namesInStore(realDir, { signal });
  const permanent = await findRoots(locations, { signal, purpose: options.purpose });
  const liveness = new Liveness(graph, options);
  const holders = new Map<number, string[]>();
  const hold = (node: number, links: Iterable<string>): void => {
    liveness.add([node]);
    holders.set(node, [...(holders.get(node) ?? []), ...links]);
  };
  const roots: Roots = new Map(temporary);
  for (const [path, all] of permanent) {
    const node = graph.numbers.get(path);
    const links = [...all].filter((link) => options.withoutLinks?.has(link) !== true);
    if (node === undefined || links.length === 0) continue;
    hold(node, links);
    roots.set(path, new Set([...links, ...(temporary.get(path) ?? [])]));
  }
  for (const node of graph.pinned) hold(node, ['{database}']);
  const byHashPart = new Map<string, string[]>();
  for (const [path, links] of temporary) {
    for (const node of nodesOfHashPart(graph, hashPartOf(path))) hold(node, links);
    const others = byHashPart.get(hashPartOf(path)) ?? [];
    byHashPart.set(hashPartOf(path), [...others, ...links]);
  }
  const isHeld = (path: StorePath): boolean => byHashPart.has(hashPartOf(path));
  const isRemovable = (candidate: Candidate): boolean =>
    candidate.kind !== 'other' || !isTemporaryInUse(flock, realDir, candidate.name);
  const dead = [...candidates(names, liveness, isHeld)].filter(isRemovable);
  const isDead = new Set(dead.map(({ name }) => name));
  const unregistered = names.filter(
    (name) => !graph.numbers.has(name as StorePath) && isHeldName(name, byHashPart),
  );
  const valid = liveness.liveNodes().flatMap((node) => graph.paths[node] ?? []);
  return {
    live: [...valid, ...(unregistered as StorePath[])].sort(),
    dead,
    roots,
    why(path, { max }) {
      const node = graph.numbers.get(path);
      if (node === undefined || isDead.has(path)) {
        const links = byHashPart.get(hashPartOf(path));
        if (links === undefined) return { ways: [], count: 0 };
        return { ways: [{ steps: [{ path }], holders: links }], count: 1 };
      }
      const { chains, held } = chainsTo(node, {
        paths: graph.paths,
        needing: liveness.needing(),
        isHeld: (other) => holders.has(other),
        max,
      });
      const ways = chains.map((chain): HoldingWay => {
        const first = chain.steps[0] === undefined ? -1 : graph.numbers.get(chain.steps[0].path);
        return { ...chain, holders: holders.get(first ?? -1) ?? [] };
      });
      return { ways, count: held };
    },
  };
}

/** The roots of valid paths with what holds them, in the order in which Nix prints them. */
export async function listRoots(
  locations: RootLocations,
  validOf: (paths: Iterable<StorePath>) => Promise<ReadonlySet<StorePath>>,
  options: Pick<FindRootsOptions, 'signal' | 'removeStale' | 'onEvent'> = {},
): Promise<readonly GarbageRoot[]> {
  const permanent = await findRoots(locations, { ...options, purpose: 'list' });
  const temporary = findTempRoots(await loadFlock(), locations, {
    removeStale: options.removeStale ?? false,
  });
  const valid = await validOf(permanent.keys());
  const found: GarbageRoot[] = [];
  for (const [target, links] of permanent) {
    if (valid.has(target)) for (const link of links) found.push({ link, target });
  }
  for (const [target, links] of temporary) for (const link of links) found.push({ link, target });
  return found.sort(compareRoots);
}

/** By the parts of the file's name, which is not the order of its characters; what is no file comes first. */
function compareRoots(a: GarbageRoot, b: GarbageRoot): number {
  return compareNames(a.link, b.link) || (a.target < b.target ? -1 : a.target > b.target ? 1 : 0);
}

function compareNames(a: string, b: string): number {
  const isFile = Number(a.startsWith('/')) - Number(b.startsWith('/'));
  if (isFile !== 0) return isFile;
  const [some, others] = [a.split('/'), b.split('/')];
  for (let i = 0; i < Math.min(some.length, others.length); i++) {
    const [part, other] = [some[i] ?? '', others[i] ?? ''];
    if (part !== other) return part < other ? -1 : 1;
  }
  return some.length - others.length;
}

function isHeldName(name: string, byHashPart: ReadonlyMap<string, unknown>): boolean {
  return byHashPart.has(name.slice(0, 32)) && name[32] === '-';
}
