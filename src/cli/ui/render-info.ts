/** What `ferry info` prints: blocks, a table, or JSON. */
import type { TrustResult } from '../../copy/verify.ts';
import { formatContentAddress } from '../../format/content-address.ts';
import { formatHash } from '../../format/hash.ts';
import type { PathInfo } from '../../format/path-info.ts';
import { referencesOf, type ReferenceGraph } from '../../format/reference-graph.ts';
import { signersOf } from '../../format/signature.ts';
import { printStorePath, type StoreDir, type StorePath } from '../../format/store-path.ts';
import { printable } from '../errors.ts';
import type { Paint } from '../looking.ts';
import { formatCount, formatNumber } from './units.ts';

export interface InfoParts {
  readonly graph: ReferenceGraph;
  /** Of closures, by number. */
  readonly sizes: Float64Array;
  /** Those that are shown, in order. */
  readonly nodes: readonly number[];
}

export interface BlockParts extends InfoParts {
  readonly infos: ReadonlyMap<StorePath, PathInfo>;
  /** Paths in the closure of each. */
  readonly counts: ReadonlyMap<number, number>;
  readonly format: (size: number) => string;
  readonly paint: Paint;
  readonly trustOf: (info: PathInfo) => TrustResult;
}

const NAME_WIDTH = 12;

export function* infoBlocks(storeDir: StoreDir, parts: BlockParts): Generator<string> {
  const { graph, infos, nodes, sizes, counts, format, paint } = parts;
  for (const [i, node] of nodes.entries()) {
    const path = graph.paths[node] as StorePath;
    const info = infos.get(path);
    if (info === undefined) continue;
    const others = counts.get(node) ?? 1;
    const rows: [string, string][] = [
      ['size', format(info.narSize)],
      ['closure', `${format(sizes[node] ?? 0)} in ${formatCount(others, 'path')}`],
      ['references', referencesText(graph, node)],
      ['hash', formatHash(info.narHash, 'sri')],
    ];
    if (info.ca !== undefined) rows.push(['content', formatContentAddress(info.ca)]);
    if (info.deriver !== undefined) rows.push(['built by', printStorePath(storeDir, info.deriver)]);
    rows.push(['trusted', trustText(info, parts.trustOf(info))]);
    if (info.registrationTime !== undefined && info.registrationTime > 0) {
      rows.push(['since', timeText(info.registrationTime)]);
    }
    yield `${i > 0 ? '\n' : ''}${paint('bold', printStorePath(storeDir, path))}\n`;
    for (const [name, value] of rows) {
      yield `  ${paint('dim', name.padEnd(NAME_WIDTH))}${printable(value)}\n`;
    }
  }
}

function referencesText(graph: ReferenceGraph, node: number): string {
  const references = referencesOf(graph, node);
  const others = references.filter((target) => target !== node).length;
  if (others === references.length) return others === 0 ? 'none' : formatNumber(others);
  return others === 0 ? 'itself' : `${formatNumber(others)}, and itself`;
}

function trustText(
  { signatures }: PathInfo,
  { isTrusted, because, signedBy }: TrustResult,
): string {
  const names = [...new Set(signersOf(signatures))];
  const signed = names.map((name) =>
    signedBy.includes(name) ? name : `${name} (not trusted here)`,
  );
  const by = signed.length === 0 ? '' : `signed by ${signed.join(', ')}`;
  const reason =
    because === 'content-addressed'
      ? 'named by its contents'
      : because === 'ultimate'
        ? 'built here'
        : '';
  const why = [reason, by].filter((text) => text !== '').join('; ');
  if (isTrusted) return `yes: ${why}`;
  return by === '' ? 'no: not signed' : `no: ${by}`;
}

/** UTC, so that it is the same for everybody. */
function timeText(seconds: number): string {
  const date = new Date(seconds * 1000);
  if (Number.isNaN(date.getTime())) return String(seconds);
  return `${date.toISOString().slice(0, 19).replace('T', ' ')} UTC`;
}

export interface TableParts extends InfoParts {
  readonly size: boolean;
  readonly closureSize: boolean;
  readonly format: (size: number) => string;
}

/** Sizes first: they line up, whatever the lengths of the names. */
export function* infoTable(storeDir: StoreDir, parts: TableParts): Generator<string> {
  const { graph, sizes, nodes, format } = parts;
  const column = (of: Float64Array): ((node: number) => string) => {
    let width = 0;
    for (const node of nodes) width = Math.max(width, format(of[node] ?? 0).length);
    return (node) => `${format(of[node] ?? 0).padStart(width)}  `;
  };
  const own = parts.size ? column(graph.narSizes) : (): string => '';
  const closure = parts.closureSize ? column(sizes) : (): string => '';
  for (const node of nodes) {
    const path = printStorePath(storeDir, graph.paths[node] as StorePath);
    yield `${own(node)}${closure(node)}${path}\n`;
  }
}

export interface JsonParts extends InfoParts {
  readonly infos: ReadonlyMap<StorePath, PathInfo>;
}

export function* infoJson(
  storeDir: StoreDir,
  { graph, infos, sizes, nodes }: JsonParts,
): Generator<string> {
  yield `{"version":1,"storeDir":${JSON.stringify(storeDir)},"paths":[`;
  let separator = '';
  for (const node of nodes) {
    const info = infos.get(graph.paths[node] as StorePath);
    if (info === undefined) continue;
    yield separator + JSON.stringify(describe(storeDir, info, sizes[node] ?? 0));
    separator = ',';
  }
  yield ']}\n';
}

function describe(storeDir: StoreDir, info: PathInfo, closureSize: number): object {
  const { path, narHash, narSize, references, deriver, signatures, ca, registrationTime } = info;
  return {
    path: printStorePath(storeDir, path),
    narHash: formatHash(narHash, 'sri'),
    narSize,
    closureSize,
    references: references.map((reference) => printStorePath(storeDir, reference)),
    deriver: deriver === undefined ? null : printStorePath(storeDir, deriver),
    signatures,
    ca: ca === undefined ? null : formatContentAddress(ca),
    registrationTime: registrationTime ?? null,
    ultimate: info.ultimate === true,
  };
}
