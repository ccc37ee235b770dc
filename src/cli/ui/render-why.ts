/** What `ferry why` prints: chains with the places of their references, a tree, or JSON. */
import { displayByteString, type ByteString } from '../../bytes/byte-string.ts';
import type { ShortestChains } from '../../copy/shortest-chains.ts';
import { unfoldTree } from '../../format/graph/unfold-tree.ts';
import { mentionMargin, type Mention } from '../../format/nar/mentions.ts';
import type { ReferenceGraph } from '../../format/reference-graph.ts';
import {
  hashPartOf,
  printStorePath,
  type StoreDir,
  type StorePath,
} from '../../format/store-path.ts';
import { printable } from '../errors.ts';
import type { Paint } from '../looking.ts';
import { formatNumber } from './units.ts';

export interface WhyParts {
  readonly storeDir: StoreDir;
  readonly graph: ReferenceGraph;
  readonly found: ShortestChains;
  /** By path whose files were read; undefined where none were. */
  readonly mentions: ReadonlyMap<StorePath, readonly Mention[]> | undefined;
  readonly paint: Paint;
}

/** Files of a path that are named for one reference. */
const FILES_MAX = 3;

/** One chain after the other; where a reference stands is told once. */
export function* chainsText(parts: WhyParts): Generator<string> {
  const { storeDir, graph, found, paint } = parts;
  const told = new Set<string>();
  for (const [i, chain] of found.chains.entries()) {
    if (i > 0) yield '\n';
    for (const [at, node] of chain.entries()) {
      const path = graph.paths[node] as StorePath;
      const printed = printStorePath(storeDir, path);
      if (at === 0) {
        yield `${paint('bold', printed)}\n`;
        continue;
      }
      const referrer = graph.paths[chain[at - 1] ?? 0] as StorePath;
      if (!told.has(`${referrer} ${path}`)) {
        for (const line of mentionLines(parts, referrer, path)) yield `    ${line}\n`;
      }
      told.add(`${referrer} ${path}`);
      const isLast = at === chain.length - 1;
      yield `${paint('dim', '→')} ${isLast ? paint('bold', printed) : printed}\n`;
    }
  }
}

export interface TreeParts {
  readonly root: number;
  /** Of the tree's nodes from what is looked for: what is nearer comes first. */
  readonly distances: Int32Array;
}

/** Every chain, as a tree; `between` has nothing that isn't on one. */
export function* treeText(
  parts: WhyParts,
  between: ReferenceGraph,
  { root, distances }: TreeParts,
): Generator<string> {
  const { storeDir, paint } = parts;
  const order = (nodes: ArrayLike<number>): Uint32Array =>
    Uint32Array.from(nodes).sort((a, b) => (distances[a] ?? 0) - (distances[b] ?? 0) || a - b);
  /** The nodes from the root to the line before. */
  const above: number[] = [];
  for (const { node, branch, depth, isRepeated } of unfoldTree(between, [root], { order })) {
    above.length = depth;
    const path = between.paths[node] as StorePath;
    const isEnd = distances[node] === 0;
    const printed = printStorePath(storeDir, path);
    const mark = isRepeated && !isEnd ? paint('dim', ' [...]') : '';
    yield `${paint('dim', branch)}${isEnd ? paint('bold', printed) : printed}${mark}\n`;
    const referrer = between.paths[above.at(-1) ?? -1];
    // In front of the lines stands what stands in front of the children of this one.
    const pad = branch.replace('├───', '│   ').replace('└───', '    ');
    if (referrer !== undefined) {
      for (const line of mentionLines(parts, referrer, path))
        yield `${paint('dim', pad)}  ${line}\n`;
    }
    above.push(node);
  }
}

function mentionLines(
  { mentions, paint }: WhyParts,
  referrer: StorePath,
  path: StorePath,
): string[] {
  const all = mentions?.get(referrer);
  if (all === undefined) return [];
  const hashPart = hashPartOf(path);
  const some = all.filter((mention) => mention.hashPart === hashPart);
  if (some.length === 0) return [paint('dim', '(mentioned in none of its files)')];
  const lines = some.slice(0, FILES_MAX).map((mention) => mentionText(mention, paint));
  const more = some.length - lines.length;
  return more === 0
    ? lines
    : [
        ...lines,
        paint('dim', `and in ${formatNumber(more)} more ${more === 1 ? 'file' : 'files'}`),
      ];
}

function mentionText(mention: Mention, paint: Paint): string {
  const { file, before, hashPart, after, isLink, offset } = mention;
  const name = printable(file === '/' ? '(the path itself)' : file);
  if (isLink) {
    const target = printable(displayByteString(`${before}${hashPart}${after}` as ByteString));
    return `${paint('cyan', name)} -> ${target}`;
  }
  const context = `${legibleEnd(before)}${paint('yellow', hashPart)}${legibleStart(after)}`;
  return `${paint('cyan', name)} ${paint('dim', `at byte ${formatNumber(offset)}`)}: ${context}`;
}

/** What of the bytes before a mention belongs to the same text: up to the last that isn't printable ASCII. */
function legibleEnd(bytes: string): string {
  const text = /[ -~]*$/.exec(bytes)?.[0] ?? '';
  return text.length === mentionMargin ? `…${text}` : text;
}

function legibleStart(bytes: string): string {
  const text = /^[ -~]*/.exec(bytes)?.[0] ?? '';
  return text.length === mentionMargin ? `${text}…` : text;
}

export interface WhyQuestion {
  readonly from: StorePath;
  readonly to: StorePath;
  readonly edges: ReadonlyMap<StorePath, Iterable<StorePath>>;
}

export function* whyJson(
  { storeDir, graph, found, mentions }: WhyParts,
  { from, to, edges }: WhyQuestion,
): Generator<string> {
  const print = (path: StorePath): string => printStorePath(storeDir, path);
  const head = {
    version: 1,
    from: print(from),
    to: print(to),
    length: found.length,
    chainCount: Number.isFinite(found.count) ? found.count : null,
    chains: found.chains.map((chain) => chain.map((node) => print(graph.paths[node] as StorePath))),
  };
  yield `${JSON.stringify(head).slice(0, -1)},"references":[`;
  let separator = '';
  for (const [referrer, targets] of edges) {
    const all = mentions?.get(referrer);
    for (const path of targets) {
      const reference = {
        from: print(referrer),
        to: print(path),
        mentions: all === undefined ? null : all.filter(isOf(path)).map(jsonMention),
      };
      yield separator + JSON.stringify(reference);
      separator = ',';
    }
  }
  yield ']}\n';
}

function isOf(path: StorePath): (mention: Mention) => boolean {
  const hashPart = hashPartOf(path);
  return (mention) => mention.hashPart === hashPart;
}

function jsonMention({ file, before, hashPart, after, isLink, offset }: Mention): object {
  const context = displayByteString(`${before}${hashPart}${after}` as ByteString);
  return { file, offset, isLink, context };
}
