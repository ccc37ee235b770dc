/** `ferry diff`: what differs between two closures, or two stores, package by package. */
import { compareStores, type SizedPath } from '../../copy/compare-stores.ts';
import { loadReferenceGraph } from '../../copy/reference-graph.ts';
import type { ReferenceGraph } from '../../format/reference-graph.ts';
import { printStorePath, type StorePath } from '../../format/store-path.ts';
import type { Store } from '../../store/store.ts';
import { defineCommand, type Command } from '../command.ts';
import type { CommandContext } from '../context.ts';
import { lookingOptions, paintFor, wholeStore } from '../looking.ts';
import { usage } from '../parse-words.ts';
import { printPieces } from '../print-pieces.ts';
import { resolveIn } from '../resolve-in-store.ts';
import { openSession } from '../session.ts';
import { diffJson, diffText } from '../ui/render-diff.ts';
import { storeOption } from './store-option.ts';

const TITLE = 'ferry diff';

export const diff: Command = defineCommand({
  description: [
    'Two store paths are compared with all that they refer to; two stores with all that is valid in them. With --from, --to and one PATH it is said what of its closure the second store has. A machine that is reached by ssh-ng:// can list its paths; one by ssh:// can not.',
    'Packages and versions are read out of the names of paths. What was rebuilt has the same versions, but other paths. Nothing is downloaded but what the stores know of the paths.',
  ],
  arguments: [
    {
      name: 'BEFORE',
      help: 'a store path, or the URI of a store',
      optional: true,
      completes: 'file',
    },
    { name: 'AFTER', help: 'another', optional: true, completes: 'file' },
  ],
  options: {
    ...storeOption,
    from: { help: 'the store of BEFORE', value: 'STORE', completes: 'store' },
    to: { help: 'the store of AFTER', value: 'STORE', completes: 'store' },
    sort: {
      help: 'by name, or by how much a package grew or shrank, the most last',
      value: 'HOW',
      choices: ['name', 'size'],
    },
    ...lookingOptions,
  },
  examples: [
    {
      meaning: 'what the last update did',
      command:
        'ferry diff /nix/var/nix/profiles/system-655-link /nix/var/nix/profiles/system-658-link',
    },
    { meaning: 'two machines', command: 'ferry diff ssh-ng://one ssh-ng://other' },
    {
      meaning: 'what a server lacks of this',
      command: 'ferry diff --to ssh://server ./result',
    },
  ],
  async run(context, words, options) {
    const sides = sidesOf(words, options);
    await using session = openSession(context);
    const from = await session.openExisting(sides.from);
    const to = sides.from === sides.to ? from : await session.openExisting(sides.to);
    const { before, after } = await loadSides(context, { from, to }, sides);
    const comparison = compareStores(pathsOf(before.graph), pathsOf(after.graph));
    const pieces = options.json
      ? diffJson(comparison, before, after)
      : diffText(comparison, {
          paint: paintFor(context.stdout),
          bytes: options.bytes,
          bySize: options.sort === 'size',
        });
    await printPieces(context.stdout, pieces);
    return 0;
  },
});

/** What is compared: words and URIs; without words it is all that a store has. */
interface Sides {
  readonly from: string | undefined;
  readonly to: string | undefined;
  readonly before: string | undefined;
  readonly after: string | undefined;
}

interface StoreFlags {
  readonly store: string | undefined;
  readonly from: string | undefined;
  readonly to: string | undefined;
}

function sidesOf([first, second]: readonly string[], { store, from, to }: StoreFlags): Sides {
  if (store !== undefined && from !== undefined && to !== undefined) {
    throw usage(TITLE, '--store says nothing where both --from and --to are given');
  }
  const sides = { from: from ?? store, to: to ?? store };
  if (first !== undefined && second !== undefined) {
    if (!isUri(first) && !isUri(second)) return { ...sides, before: first, after: second };
    if (!isUri(first) || !isUri(second)) {
      throw usage(
        TITLE,
        'a store and a path can not be compared: give the store by --from or --to',
      );
    }
    if (sides.from !== undefined || sides.to !== undefined) {
      throw usage(TITLE, 'stores were given both by themselves and by options');
    }
    return { from: first, to: second, before: undefined, after: undefined };
  }
  if (sides.from === sides.to) {
    throw usage(
      TITLE,
      first === undefined ? 'nothing to compare was given' : `"${first}" is compared with nothing`,
    );
  }
  if (first !== undefined && isUri(first)) {
    throw usage(TITLE, 'a store alone was given: the other one is given by --from or --to too');
  }
  return { ...sides, before: first, after: undefined };
}

function isUri(word: string): boolean {
  return /^[a-z][a-z0-9+.-]*:\/\//.test(word);
}

export interface LoadedSide {
  readonly store: Store;
  /** Undefined where all that is valid was meant. */
  readonly root: string | undefined;
  readonly graph: Pick<ReferenceGraph, 'paths' | 'narSizes'>;
}

async function loadSides(
  context: CommandContext,
  { from, to }: { readonly from: Store; readonly to: Store },
  sides: Sides,
): Promise<{ readonly before: LoadedSide; readonly after: LoadedSide }> {
  const before = await loadSide(context, from, sides.before);
  if (sides.before === undefined || sides.after !== undefined) {
    return { before, after: await loadSide(context, to, sides.after) };
  }
  const { paths, narSizes } = before.graph;
  const { signal } = context;
  const valid = await to.queryValidPaths(paths, { signal });
  const kept = [...paths.keys()].filter((n) => valid.has(paths[n] as StorePath));
  const graph = {
    paths: kept.map((n) => paths[n] as StorePath),
    narSizes: Float64Array.from(kept, (n) => narSizes[n] ?? 0),
  };
  return { before, after: { store: to, root: before.root, graph } };
}

async function loadSide(
  context: CommandContext,
  store: Store,
  word: string | undefined,
): Promise<LoadedSide> {
  const { signal } = context;
  if (word === undefined) {
    return { store, root: undefined, graph: await wholeStore(store, signal) };
  }
  const { path } = resolveIn(context, store, word);
  const root = printStorePath(store.storeDir, path);
  return { store, root, graph: await loadReferenceGraph(store, [path], { signal }) };
}

function pathsOf({ paths, narSizes }: LoadedSide['graph']): SizedPath[] {
  return paths.map((path, n) => ({ path, narSize: narSizes[n] ?? 0 }));
}
