/** `ferry info`: what a store knows of paths. One block for each, or a table where there are many. */
import { loadTrustedKeys } from '../../config/trusted-keys.ts';
import { computeClosure } from '../../copy/closure.ts';
import { computeClosureSizes } from '../../copy/closure-sizes.ts';
import { loadReferenceGraph } from '../../copy/reference-graph.ts';
import { trustOf } from '../../copy/verify.ts';
import type { PathInfo } from '../../format/path-info.ts';
import {
  graphOfInfos,
  numbersOf,
  reachedFrom,
  topologicalOrder,
  type ReferenceGraph,
} from '../../format/reference-graph.ts';
import { nameOf, type StorePath } from '../../format/store-path.ts';
import type { Store } from '../../store/store.ts';
import { allPathsOf } from '../all-paths-of.ts';
import { defineCommand, type Command } from '../command.ts';
import { say } from '../context.ts';
import { lookingOptions, paintFor, sizeFormat, totalText, wholeStore } from '../looking.ts';
import { usage } from '../parse-words.ts';
import { printPieces } from '../print-pieces.ts';
import { resolveIn } from '../resolve-in-store.ts';
import { openSession } from '../session.ts';
import { infoBlocks, infoJson, infoTable } from '../ui/render-info.ts';
import { storeOption } from './store-option.ts';

const TITLE = 'ferry info';

export const info: Command = defineCommand({
  description: [
    'For each path its size, that of all it refers to (its closure), what built it, who vouches for it. With --recursive, --all, --size or --closure-size it is a table, each path after those that it refers to; with --sort the largest or last comes last.',
    'Nothing is downloaded but what the store knows of the paths.',
  ],
  arguments: [
    { name: 'PATH', help: 'store paths', optional: true, repeated: true, completes: 'file' },
  ],
  options: {
    ...storeOption,
    recursive: { help: 'and all that the paths refer to', short: 'r' },
    all: { help: 'all paths of the store', short: 'a' },
    size: { help: 'a table with the size of each', short: 's' },
    closureSize: { help: 'a table with the size of each with all that it refers to', short: 'S' },
    sort: {
      help: 'the order of the table',
      value: 'HOW',
      choices: ['size', 'closure', 'name'],
    },
    ...lookingOptions,
  },
  examples: [
    { meaning: 'what it is', command: 'ferry info ./result' },
    { meaning: 'what takes the most room', command: 'ferry info -r --sort size ./result' },
    {
      meaning: 'the largest of this machine, with all they need',
      command: 'ferry info --all --sort closure | tail',
    },
    {
      meaning: 'whether a cache has it, and who signed it there',
      command:
        'ferry info --store https://cache.nixos.org /nix/store/xfp2hphvk98rkk9ywlqpp587rjdcgnc2-hello',
    },
  ],
  async run(context, words, options) {
    if (options.all && words.length > 0) throw usage(TITLE, '--all leaves nothing for a PATH');
    if (!options.all && words.length === 0) throw usage(TITLE, 'no PATH was given, and no --all');
    await using session = openSession(context);
    const store = await session.openExisting(options.store);
    const { signal, stdout } = context;
    const named = [...new Set(words.map((word) => resolveIn(context, store, word).path))];
    const isWhole = options.recursive || options.all;
    const isTable = isWhole || options.size || options.closureSize || options.sort !== undefined;
    const { graph, infos } = await lookAt(store, {
      paths: options.all ? undefined : named,
      withInfos: options.json || !isTable,
      signal,
    });
    const numbers = numbersOf(graph.paths);
    const roots = named.map((path) => numbers.get(path) ?? 0);
    const shown = isWhole ? [...topologicalOrder(graph)] : roots;
    const sizes = await computeClosureSizes(graph, { of: isWhole ? undefined : roots, signal });
    const sorted = sortNodes(shown, { graph, sizes, how: options.sort });
    const format = sizeFormat(options.bytes);
    const paint = paintFor(stdout);
    if (options.json) {
      await printPieces(stdout, infoJson(store.storeDir, { graph, infos, sizes, nodes: sorted }));
      return 0;
    }
    if (isTable) {
      // Both columns, unless one was asked for.
      const both = options.size === options.closureSize;
      const columns = { size: both || options.size, closureSize: both || options.closureSize };
      const parts = { graph, sizes, nodes: sorted, format, ...columns };
      await printPieces(stdout, infoTable(store.storeDir, parts));
      const total = shown.reduce((sum, n) => sum + (graph.narSizes[n] ?? 0), 0);
      if (isWhole) await say(context, totalText(shown.length, total, options.bytes));
      return 0;
    }
    const { keys: trustedKeys, warnings } = loadTrustedKeys(session.settings);
    for (const warning of warnings) await say(context, `warning: ${warning}`);
    const counts = new Map(
      roots.map((root) => [root, reachedFrom(graph, [root]).reduce((sum, one) => sum + one, 0)]),
    );
    const blocks = infoBlocks(store.storeDir, {
      graph,
      infos,
      sizes,
      counts,
      nodes: sorted,
      format,
      paint,
      trustOf: (one) => trustOf(store, one, { trustedKeys }),
    });
    await printPieces(stdout, blocks);
    return 0;
  },
});

interface Looked {
  readonly graph: ReferenceGraph;
  /** Empty where only names and sizes are wanted. */
  readonly infos: ReadonlyMap<StorePath, PathInfo>;
}

interface LookOptions {
  /** All that the store has where undefined. */
  readonly paths: readonly StorePath[] | undefined;
  readonly withInfos: boolean;
  readonly signal: AbortSignal;
}

/** @throws FerryError `not-found` */
async function lookAt(store: Store, { paths, withInfos, signal }: LookOptions): Promise<Looked> {
  if (!withInfos) {
    const graph =
      paths === undefined
        ? await wholeStore(store, signal)
        : await loadReferenceGraph(store, paths, { signal });
    return { graph, infos: new Map() };
  }
  const infos =
    paths === undefined
      ? await store.queryPathInfos(await allPathsOf(store, signal), { signal })
      : await computeClosure(store, paths, { signal });
  return { graph: graphOfInfos(infos), infos };
}

interface SortParts {
  readonly graph: ReferenceGraph;
  readonly sizes: Float64Array;
  readonly how: string | undefined;
}

/** Ascending: the end is what stays on the screen. */
function sortNodes(nodes: readonly number[], { graph, sizes, how }: SortParts): readonly number[] {
  const by = (weights: Float64Array): number[] =>
    nodes.toSorted((a, b) => (weights[a] ?? 0) - (weights[b] ?? 0) || a - b);
  if (how === 'size') return by(graph.narSizes);
  if (how === 'closure') return by(sizes);
  if (how !== 'name') return nodes;
  const { compare } = new Intl.Collator('en', { numeric: true });
  const names = graph.paths.map(nameOf);
  return nodes.toSorted((a, b) => compare(names[a] ?? '', names[b] ?? '') || a - b);
}
