/**
 * Which paths are needed: those that roots hold, all that these refer to and, as the settings say, their derivations and
 * the outputs of their derivations.
 */
import { reverseGraph, referencesOf, type ReferenceGraph } from '../../format/reference-graph.ts';
import type { StorePath } from '../../format/store-path.ts';
import type { ValidGraph } from './collect-garbage-graph.ts';

/** Settings `keep-outputs` and `keep-derivations`. */
export interface KeepSettings {
  /** What derivations that are needed have made is needed. */
  readonly keepOutputs: boolean;
  /** The derivations that what is needed was made by are needed. */
  readonly keepDerivations: boolean;
}

/** Why one path keeps another. */
export type Need = 'reference' | 'derivation' | 'output';

/** What nodes need, by node: an edge list in typed arrays. */
interface Edges {
  readonly offsets: Uint32Array;
  readonly targets: Uint32Array;
}

export class Liveness {
  readonly graph: ValidGraph;
  readonly #keep: KeepSettings;
  readonly #live: Uint8Array;
  /** Outputs of derivations, where they are kept. */
  readonly #outputs: Edges | undefined;
  #needing: ReturnType<Liveness['needing']> | undefined;

  constructor(graph: ValidGraph, keep: KeepSettings) {
    this.graph = graph;
    this.#keep = keep;
    this.#live = new Uint8Array(graph.paths.length);
    if (keep.keepOutputs) this.#outputs = edgesOf(graph.paths.length, graph.drvs, graph.outputs);
    this.add(graph.pinned);
  }

  isLive(node: number): boolean {
    return this.#live[node] === 1;
  }

  /** These are needed, and so is all that they need. */
  add(nodes: Iterable<number>): void {
    const { offsets, targets, derivers } = this.graph;
    const live = this.#live;
    const stack: number[] = [];
    const meet = (node: number): void => {
      if (live[node] !== 0) return;
      live[node] = 1;
      stack.push(node);
    };
    for (const node of nodes) meet(node);
    for (let node = stack.pop(); node !== undefined; node = stack.pop()) {
      for (let i = offsets[node] ?? 0; i < (offsets[node + 1] ?? 0); i++) meet(targets[i] ?? 0);
      const deriver = derivers[node] ?? -1;
      if (this.#keep.keepDerivations && deriver >= 0) meet(deriver);
      if (this.#outputs !== undefined) for (const o of targetsOf(this.#outputs, node)) meet(o);
    }
  }

  liveNodes(): number[] {
    const nodes: number[] = [];
    for (const [node, isLive] of this.#live.entries()) if (isLive === 1) nodes.push(node);
    return nodes;
  }

  /** The other way round: who needs a node. */
  needing(): (node: number) => Generator<{ node: number; need: Need }> {
    this.#needing ??= this.#makeNeeding();
    return this.#needing;
  }

  #makeNeeding(): (node: number) => Generator<{ node: number; need: Need }> {
    const { graph } = this;
    const { keepDerivations, keepOutputs } = this.#keep;
    const referrers: ReferenceGraph = reverseGraph(graph);
    const derived = keepDerivations ? outputsByDeriver(graph) : undefined;
    const drvsOf = keepOutputs ? edgesOf(graph.paths.length, graph.outputs, graph.drvs) : undefined;
    return function* needing(node) {
      for (const other of referencesOf(referrers, node)) yield { node: other, need: 'reference' };
      if (derived !== undefined) {
        for (const other of targetsOf(derived, node)) yield { node: other, need: 'derivation' };
      }
      if (drvsOf !== undefined) {
        for (const other of targetsOf(drvsOf, node)) yield { node: other, need: 'output' };
      }
    };
  }
}

/** A way from a root to a path: the first is held by the root, each needs the next. */
export interface Chain {
  readonly steps: readonly {
    readonly path: StorePath;
    /** Why the one before needs it; absent for the first. */
    readonly need?: Need | undefined;
  }[];
}

export interface ChainSearch {
  readonly paths: readonly StorePath[];
  /** Who needs a node. */
  readonly needing: (node: number) => Iterable<{ readonly node: number; readonly need: Need }>;
  readonly isHeld: (node: number) => boolean;
  /** How many ways at most. */
  readonly max: number;
}

/** The shortest ways to a node from those that are held, the shortest first, and how many of these there are. */
export function chainsTo(
  target: number,
  { paths, needing, isHeld, max }: ChainSearch,
): { readonly chains: readonly Chain[]; readonly held: number } {
  /** By node met: what it needs on the way to the target, and why. */
  const next = new Map<number, { node: number; need: Need } | undefined>([[target, undefined]]);
  const queue = [target];
  const chains: Chain[] = [];
  let held = 0;
  // The list grows while it is gone through.
  for (const node of queue) {
    if (isHeld(node)) {
      held++;
      if (chains.length < max) chains.push({ steps: stepsFrom(node) });
    }
    for (const { node: other, need } of needing(node)) {
      if (next.has(other)) continue;
      next.set(other, { node, need });
      queue.push(other);
    }
  }
  return { chains, held };

  function stepsFrom(start: number): Chain['steps'] {
    const steps: { path: StorePath; need?: Need }[] = [];
    let need: Need | undefined;
    for (let at: number | undefined = start; at !== undefined; ) {
      const path = paths[at];
      if (path !== undefined) steps.push(need === undefined ? { path } : { path, need });
      const step: { node: number; need: Need } | undefined = next.get(at);
      need = step?.need;
      at = step?.node;
    }
    return steps;
  }
}

/** From each deriver to what it made. */
function outputsByDeriver({ derivers, paths }: ValidGraph): Edges {
  const from: number[] = [];
  const to: number[] = [];
  for (const [node, deriver] of derivers.entries()) {
    if (deriver < 0) continue;
    from.push(deriver);
    to.push(node);
  }
  return edgesOf(paths.length, from, to);
}

function edgesOf(count: number, from: ArrayLike<number>, to: ArrayLike<number>): Edges {
  const offsets = new Uint32Array(count + 1);
  for (let i = 0; i < from.length; i++) {
    const node = (from[i] ?? 0) + 1;
    offsets[node] = (offsets[node] ?? 0) + 1;
  }
  for (let n = 0; n < count; n++) offsets[n + 1] = (offsets[n + 1] ?? 0) + (offsets[n] ?? 0);
  const next = offsets.slice();
  const targets = new Uint32Array(from.length);
  for (let i = 0; i < from.length; i++) {
    const node = from[i] ?? 0;
    const at = next[node] ?? 0;
    targets[at] = to[i] ?? 0;
    next[node] = at + 1;
  }
  return { offsets, targets };
}

function targetsOf({ offsets, targets }: Edges, node: number): Uint32Array {
  return targets.subarray(offsets[node], offsets[node + 1]);
}
