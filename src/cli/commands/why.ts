/** `ferry why`: how one path comes to have another one in its closure. */
import { distancesTo, graphBetween, shortestChains } from '../../copy/shortest-chains.ts';
import { findMentions } from '../../copy/find-mentions.ts';
import { loadReferenceGraph } from '../../copy/reference-graph.ts';
import { FerryError, isFerryError } from '../../error.ts';
import type { Mention } from '../../format/nar/mentions.ts';
import { numbersOf, referencesOf, type ReferenceGraph } from '../../format/reference-graph.ts';
import { printStorePath, type StorePath } from '../../format/store-path.ts';
import type { Store } from '../../store/store.ts';
import { asLocalStore } from '../as-local-store.ts';
import { defineCommand, type Command } from '../command.ts';
import { say, type CommandContext } from '../context.ts';
import { findInClosure, notInClosure } from '../find-in-closure.ts';
import { paintFor } from '../looking.ts';
import { usage } from '../parse-words.ts';
import { printPieces } from '../print-pieces.ts';
import { resolveIn } from '../resolve-in-store.ts';
import { openSession } from '../session.ts';
import { chainsText, treeText, whyJson, type WhyParts } from '../ui/render-why.ts';
import { formatCount } from '../ui/units.ts';
import { storeOption } from './store-option.ts';

const TITLE = 'ferry why';
const CHAINS_MAX = 5;
/** Of all paths together as many are kept. */
const MENTIONS_MAX = 100_000;

export const why: Command = defineCommand({
  description: [
    'Prints the shortest chains of references that lead from PATH to DEPENDENCY, and in which files each reference stands. With --all it is a tree of every chain.',
    'DEPENDENCY may also be the name of a package in the closure of PATH, with or without its version. Files are read where the store is on this machine, and of every chain with --all --files; elsewhere contents are downloaded for that with --files only.',
  ],
  arguments: [
    { name: 'PATH', help: 'what depends', completes: 'file' },
    { name: 'DEPENDENCY', help: 'on what', completes: 'file' },
  ],
  options: {
    ...storeOption,
    all: { help: 'every chain, not only the shortest ones', short: 'a' },
    max: {
      help: `so many of the shortest chains, by default ${CHAINS_MAX}`,
      short: 'n',
      value: 'N',
    },
    files: { help: 'in which files references stand, also where contents must be downloaded' },
    noFiles: { help: 'only the paths' },
    json: { help: 'tell programs, in JSON' },
  },
  examples: [
    { meaning: 'why a compiler is part of a system', command: 'ferry why /run/current-system gcc' },
    { meaning: 'everything that needs it', command: 'ferry why --all ./result openssl' },
    {
      meaning: 'in a cache, downloading the paths on the way',
      command:
        'ferry why --files --store https://cache.nixos.org /nix/store/xfp2hphvk98rkk9ywlqpp587rjdcgnc2-hello glibc',
    },
  ],
  async run(context, [pathWord = '', dependencyWord = ''], options) {
    if (options.files && options.noFiles)
      throw usage(TITLE, '--files and --no-files exclude each other');
    const max = maxOf(options.max);
    await using session = openSession(context);
    const store = await session.openExisting(options.store);
    const { stdout, signal } = context;
    const { path } = resolveIn(context, store, pathWord);
    const graph = await loadReferenceGraph(store, [path], { signal });
    const dependency =
      findInClosure(store.storeDir, graph, dependencyWord) ??
      resolveOther(context, store, { word: dependencyWord, graph, path });
    const numbers = numbersOf(graph.paths);
    const from = numbers.get(path) ?? 0;
    const to = numbers.get(dependency);
    if (to === undefined) throw await notThere(context, store, { path, dependency });
    const found = shortestChains(graph, { from, to, max });
    if (found === undefined) throw new FerryError('internal', 'a closure has a path apart');
    const between = options.all ? graphBetween(graph, from, to) : undefined;
    const edges = between === undefined ? edgesOfChains(graph, found.chains) : edgesOf(between);
    const isQuick = !options.all && asLocalStore(store) !== undefined;
    const isRead = options.files || (isQuick && !options.noFiles);
    const mentions = isRead ? await mentionsOf(store, edges, signal) : undefined;
    const paint = paintFor(stdout);
    const parts: WhyParts = { storeDir: store.storeDir, graph, found, mentions, paint };
    if (options.json) {
      await printPieces(stdout, whyJson(parts, { from: path, to: dependency, edges }));
      return 0;
    }
    if (between !== undefined) {
      const root = numbersOf(between.paths).get(path) ?? 0;
      await printPieces(
        stdout,
        treeText(parts, between, {
          root,
          distances: distancesTo(between, numbersOf(between.paths).get(dependency) ?? 0),
        }),
      );
      return 0;
    }
    await printPieces(stdout, chainsText(parts));
    const more = found.count - found.chains.length;
    if (more > 0) {
      const which = `of ${formatCount(found.length, 'reference')}`;
      const count = Number.isFinite(more)
        ? `${formatCount(more, 'other chain')} ${which}`
        : `more chains ${which} than can be counted`;
      await say(context, `and ${count} (--max N shows more, --all a tree)`);
    }
    return 0;
  },
});

/** What is no name in the closure may be a path, a link, a program; what is none of these was meant as a name. */
function resolveOther(
  context: CommandContext,
  store: Store,
  {
    word,
    graph,
    path,
  }: { readonly word: string; readonly graph: ReferenceGraph; readonly path: StorePath },
): StorePath {
  try {
    return resolveIn(context, store, word).path;
  } catch (error) {
    if (word.includes('/') || !isFerryError(error) || error.code !== 'not-found') throw error;
    throw notInClosure(graph, word, printStorePath(store.storeDir, path));
  }
}

function maxOf(text: string | undefined): number {
  if (text === undefined) return CHAINS_MAX;
  if (/^[1-9]\d{0,5}$/.test(text)) return Number(text);
  throw usage(TITLE, `--max "${text}" is not a number of chains`);
}

/** Of whom the files are read, and what they refer to. */
type Edges = Map<StorePath, Set<StorePath>>;

function edgesOfChains(graph: ReferenceGraph, chains: readonly (readonly number[])[]): Edges {
  const edges: Edges = new Map();
  for (const chain of chains) {
    for (const [i, node] of chain.slice(0, -1).entries()) {
      addEdge(edges, graph, { from: node, to: chain[i + 1] ?? 0 });
    }
  }
  return edges;
}

function edgesOf(graph: ReferenceGraph): Edges {
  const edges: Edges = new Map();
  for (const from of graph.paths.keys()) {
    for (const to of referencesOf(graph, from)) addEdge(edges, graph, { from, to });
  }
  return edges;
}

function addEdge(
  edges: Edges,
  { paths }: ReferenceGraph,
  { from, to }: { readonly from: number; readonly to: number },
): void {
  const path = paths[from] as StorePath;
  const targets = edges.get(path) ?? new Set();
  edges.set(path, targets.add(paths[to] as StorePath));
}

async function mentionsOf(
  store: Store,
  edges: Edges,
  signal: AbortSignal,
): Promise<Map<StorePath, readonly Mention[]>> {
  const mentions = new Map<StorePath, readonly Mention[]>();
  const onMentions = (path: StorePath, some: readonly Mention[]): void => {
    mentions.set(path, some);
  };
  const max = Math.ceil(MENTIONS_MAX / Math.max(1, edges.size));
  await findMentions(store, edges, { signal, max, onMentions });
  return mentions;
}

async function notThere(
  { signal }: CommandContext,
  store: Store,
  { path, dependency }: { readonly path: StorePath; readonly dependency: StorePath },
): Promise<FerryError> {
  const [one, other] = [path, dependency].map((each) => printStorePath(store.storeDir, each));
  const valid = await store.queryValidPaths([dependency], { signal });
  const message = `"${one}" does not depend on "${other}"`;
  if (!valid.has(dependency)) {
    return new FerryError('not-found', `${message}, which is not valid in "${store.uri}"`);
  }
  const turned = await loadReferenceGraph(store, [dependency], { signal });
  const isTurned = turned.paths.includes(path);
  return new FerryError(
    'not-found',
    message,
    isTurned ? { hint: 'it is the other way round' } : {},
  );
}
