/** `ferry tree`: a closure as a tree with sizes, or what refers to a path. */
import { computeClosureSizes } from '../../copy/closure-sizes.ts';
import { loadReferenceGraph } from '../../copy/reference-graph.ts';
import { makeOrderWithin, type OrderWithin } from '../../format/graph/order-within.ts';
import { unfoldTree, type TreeLine } from '../../format/graph/unfold-tree.ts';
import {
  numbersOf,
  reverseGraph,
  subgraphOf,
  withoutLoops,
  type ReferenceGraph,
} from '../../format/reference-graph.ts';
import { printStorePath, type StorePath } from '../../format/store-path.ts';
import type { Store } from '../../store/store.ts';
import { defineCommand, type Command } from '../command.ts';
import { say, type CommandContext } from '../context.ts';
import {
  closureOfWords,
  fullLabels,
  lookingOptions,
  paintFor,
  shortLabels,
  sizeFormat,
  totalText,
  wholeStore,
  type ClosureGraph,
} from '../looking.ts';
import { usage } from '../parse-words.ts';
import { printPieces } from '../print-pieces.ts';
import { resolveIn } from '../resolve-in-store.ts';
import { openSession } from '../session.ts';
import { storeOption } from './store-option.ts';

const TITLE = 'ferry tree';

export const tree: Command = defineCommand({
  description: [
    'Each line begins with the size of the path with all that it refers to, and its own. What was shown with its references before is marked by [...], and those left out by --depth are counted.',
    'With --reverse it is the other way round: what refers to the path. The store must be able to list its paths for that.',
  ],
  arguments: [{ name: 'PATH', help: 'store paths', repeated: true, completes: 'file' }],
  options: {
    ...storeOption,
    depth: { help: 'so many levels below each PATH', short: 'd', value: 'N' },
    sort: {
      help: 'the order of references: largest first by closure or own size, or by name; by default what others depend on comes first',
      value: 'HOW',
      choices: ['closure', 'size', 'name'],
    },
    reverse: { help: 'what refers to PATH instead', short: 'r' },
    paths: { help: 'paths in full' },
    ...lookingOptions,
  },
  examples: [
    { meaning: 'what makes it large', command: 'ferry tree --sort closure --depth 2 ./result' },
    { meaning: 'who needs it here', command: 'ferry tree --reverse ./result' },
    {
      meaning: 'in a cache, without downloading it',
      command:
        'ferry tree --store https://cache.nixos.org /nix/store/xfp2hphvk98rkk9ywlqpp587rjdcgnc2-hello',
    },
  ],
  async run(context, words, options) {
    const depthMax = depthOf(options.depth);
    await using session = openSession(context);
    const store = await session.openExisting(options.store);
    const found = options.reverse
      ? await referrersOfWords(context, store, words)
      : { ...(await closureOfWords(context, store, words)), sizes: undefined };
    const { roots } = found;
    const graph = withoutLoops(found.graph);
    const sizes = found.sizes ?? (await computeClosureSizes(graph, { signal: context.signal }));
    const order = orderBy(options.sort, graph, sizes);
    const lines = unfoldTree(graph, roots, { depthMax, order });
    if (options.json) {
      await printPieces(context.stdout, jsonPieces(store, graph, sizes, lines));
      return 0;
    }
    const label = options.paths ? fullLabels(store, graph.paths) : shortLabels(graph.paths);
    await printPieces(
      context.stdout,
      textLines(context, lines, {
        graph,
        sizes,
        label,
        bytes: options.bytes,
        // Full paths are there to be copied, and files have no width.
        width: options.paths || !context.stdout.isTerminal ? Infinity : context.stdout.width(),
      }),
    );
    const total = graph.narSizes.reduce((sum, size) => sum + size, 0);
    await say(context, totalText(graph.paths.length, total, options.bytes));
    return 0;
  },
});

function depthOf(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  if (/^\d{1,6}$/.test(text)) return Number(text);
  throw usage(TITLE, `--depth "${text}" is not a number`);
}

/** The paths of the store from which what is named can be reached, with references turned round. */
async function referrersOfWords(
  context: CommandContext,
  store: Store,
  words: readonly string[],
): Promise<ClosureGraph & { readonly sizes: Float64Array }> {
  const { signal } = context;
  const named = [...new Set(words.map((word) => resolveIn(context, store, word).path))];
  const whole = await wholeStore(store, signal);
  const wholeNumbers = numbersOf(whole.paths);
  const invalid = named.find((path) => !wholeNumbers.has(path));
  // The same error as without --reverse.
  if (invalid !== undefined) await loadReferenceGraph(store, [invalid], { signal });
  const starts = named.flatMap((path) => wholeNumbers.get(path) ?? []);
  const graph = subgraphOf(reverseGraph(whole), starts);
  const kept = graph.paths.map((path) => wholeNumbers.get(path) ?? 0);
  const wholeSizes = await computeClosureSizes(whole, { of: kept, signal });
  const numbers = numbersOf(graph.paths);
  return {
    graph,
    roots: named.flatMap((path) => numbers.get(path) ?? []),
    sizes: Float64Array.from(kept, (n) => wholeSizes[n] ?? 0),
  };
}

function orderBy(how: string | undefined, graph: ReferenceGraph, sizes: Float64Array): OrderWithin {
  if (how === 'closure') return (nodes) => descending(nodes, sizes);
  if (how === 'size') return (nodes) => descending(nodes, graph.narSizes);
  if (how !== 'name') return makeOrderWithin(graph);
  const label = shortLabels(graph.paths);
  const { compare } = new Intl.Collator('en', { numeric: true });
  return (nodes) => Uint32Array.from(nodes).sort((a, b) => compare(label(a), label(b)));
}

function descending(nodes: ArrayLike<number>, weights: Float64Array): Uint32Array {
  return Uint32Array.from(nodes).sort((a, b) => (weights[b] ?? 0) - (weights[a] ?? 0) || a - b);
}

interface TextParts {
  readonly graph: ReferenceGraph;
  readonly sizes: Float64Array;
  readonly label: (node: number) => string;
  readonly bytes: boolean;
  /** Columns after which names are cut. */
  readonly width: number;
}

function* textLines(
  { stdout }: CommandContext,
  lines: Iterable<TreeLine>,
  { graph, sizes, label, bytes, width: columns }: TextParts,
): Generator<string> {
  const paint = paintFor(stdout);
  const format = sizeFormat(bytes);
  const largest = sizes.reduce((max, size) => Math.max(max, size), 0);
  const width = bytes ? String(largest).length : SIZE_WIDTH;
  yield paint('dim', `${'closure'.padStart(width)}  ${'own'.padStart(width)}\n`);
  for (const { node, branch, isRepeated, hidden } of lines) {
    const sum = format(sizes[node] ?? 0).padStart(width);
    const own = format(graph.narSizes[node] ?? 0).padStart(width);
    const marks = isRepeated ? ' [...]' : hidden > 0 ? ` [+${hidden}]` : '';
    const room = columns - sum.length - own.length - branch.length - marks.length - GAPS;
    const name = cut(label(node), Math.max(room, NAME_MIN));
    yield `${sum}  ${paint('dim', own)}  ${paint('dim', branch)}${isRepeated ? paint('dim', name) : name}${paint('dim', marks)}\n`;
  }
}

/** Blanks between the columns. */
const GAPS = 4;
/** Of a name at least this much stays, however deep it is. */
const NAME_MIN = 12;

function cut(text: string, width: number): string {
  return text.length <= width ? text : `${text.slice(0, width - 1)}…`;
}

/** Of `1023 KiB` and `99.9 GiB`. */
const SIZE_WIDTH = 8;

function* jsonPieces(
  { storeDir }: Store,
  graph: ReferenceGraph,
  sizes: Float64Array,
  lines: Iterable<TreeLine>,
): Generator<string> {
  yield `{"version":1,"storeDir":${JSON.stringify(storeDir)},"lines":[`;
  let separator = '';
  for (const { node, depth, isRepeated, hidden } of lines) {
    const path = printStorePath(storeDir, graph.paths[node] as StorePath);
    const narSize = graph.narSizes[node];
    const line = { path, depth, narSize, closureSize: sizes[node], isRepeated, hidden };
    yield `${separator}${JSON.stringify(line)}`;
    separator = ',';
  }
  yield ']}\n';
}
