/** `nix path-info` */
import { computeClosure } from '../../../copy/closure.ts';
import { ClosureSums, computeClosureSizes } from '../../../copy/closure-sizes.ts';
import { sortTopologically } from '../../../copy/order.ts';
import { loadReferenceGraph } from '../../../copy/reference-graph.ts';
import { FerryError } from '../../../error.ts';
import { formatContentAddress } from '../../../format/content-address.ts';
import type { PathInfo } from '../../../format/path-info.ts';
import { topologicalOrder, type ReferenceGraph } from '../../../format/reference-graph.ts';
import { printStorePath, type StorePath } from '../../../format/store-path.ts';
import type { Store } from '../../../store/store.ts';
import { nixSize } from './nix-size.ts';
import { isPathInfoFormat, pathInfoJson, type PathInfoFormat } from './path-info-json.ts';
import { installableArgument, namedPaths, pathOptions } from './path-words.ts';
import { readFileInfos } from './read-file-infos.ts';
import { defineVerb, type NixVerb } from './verb.ts';
import { withStore } from './with-store.ts';

export const pathInfo: NixVerb = defineVerb({
  description: [
    'References come before what refers to them. With --json a path that is not valid is null, and no error.',
  ],
  arguments: [installableArgument],
  options: {
    ...pathOptions,
    size: { help: 'the size of the NAR of each', short: 's' },
    closureSize: { help: 'the size of the NARs of each with all that it refers to', short: 'S' },
    humanReadable: { help: 'sizes in KiB and the like', short: 'h' },
    sigs: { help: 'the signatures, and what else makes a path trusted' },
    json: { help: 'tell programs, in JSON' },
    jsonFormat: { help: 'which JSON: 1, 2 or 3', value: 'N' },
  },
  evaluates: true,
  examples: [
    { meaning: 'what takes the most room', command: 'nix path-info -rsh ./result | sort -hk2' },
    {
      meaning: 'what a cache has of a path',
      command:
        'nix path-info --json --json-format 2 --store https://cache.nixos.org /nix/store/xfp2hphvk98rkk9ywlqpp587rjdcgnc2-hello',
    },
  ],
  run: async (call, words, options) =>
    await withStore(call, async (store) => {
      const format = options.json ? await formatOf(call.context.stderr, options.jsonFormat) : 1;
      const { signal } = call.context;
      const named = await namedPaths(call, store, words, options);
      // A cache may list paths and lack what they refer to: then only their own infos are asked for.
      const isListed = options.all && store.queryReferenceGraph !== undefined;
      if ((options.recursive || isListed) && !options.json && !options.sigs) {
        if (!options.all) await requireValid(store, named, signal);
        const graph = await loadReferenceGraph(store, named, { signal });
        const sizes = options.closureSize
          ? await computeClosureSizes(graph, { signal })
          : undefined;
        await call.context.stdout.write(linesOf(store, linesOfGraph(graph, sizes), options));
        return 0;
      }
      const known = await store.queryPathInfos(named, { signal });
      const invalid = named.filter((path) => !known.has(path));
      if (!options.json && invalid[0] !== undefined) throw notValid(store, invalid[0]);
      const valid = named.filter((path) => known.has(path));
      const closure =
        options.recursive || options.closureSize
          ? await computeClosure(store, valid, { signal })
          : known;
      const infos = sortTopologically([...(options.recursive ? closure : known).values()]);
      const sums = options.closureSize ? new ClosureSums(closure, infos) : undefined;
      const closureSizeOf = await sums?.sums(undefined, signal);
      if (options.json) {
        const files = await readFileInfos(store, closure.keys(), signal);
        const downloadSizeOf =
          files.size > 0
            ? await sums?.sums((path) => files.get(path)?.fileSize ?? 0, signal)
            : undefined;
        const report = { format, infos, invalid, closureSizeOf, downloadSizeOf, files };
        const text = pathInfoJson(store.storeDir, report);
        await call.context.stdout.write(`${text}\n`);
        return 0;
      }
      const lines = infos.map((info) => ({
        path: info.path,
        size: info.narSize,
        closureSize: closureSizeOf?.(info.path),
        trust: options.sigs ? whyTrusted(info) : undefined,
      }));
      await call.context.stdout.write(linesOf(store, lines, options));
      return 0;
    }),
});

/** What is printed of a path; without sizes and trust it is the path alone. */
interface Line {
  readonly path: StorePath;
  readonly size: number;
  readonly closureSize?: number | undefined;
  readonly trust?: readonly string[] | undefined;
}

/** References first; no infos are needed for that. */
function linesOfGraph(graph: ReferenceGraph, sizes: Float64Array | undefined): Line[] {
  return Array.from(topologicalOrder(graph), (n) => ({
    path: graph.paths[n] as StorePath,
    size: graph.narSizes[n] ?? 0,
    closureSize: sizes?.[n],
  }));
}

async function requireValid(
  store: Store,
  paths: readonly StorePath[],
  signal: AbortSignal,
): Promise<void> {
  const valid = await store.queryValidPaths(paths, { signal });
  const invalid = paths.find((path) => !valid.has(path));
  if (invalid !== undefined) throw notValid(store, invalid);
}

async function formatOf(
  stderr: { write(text: string): Promise<void> },
  text: string | undefined,
): Promise<PathInfoFormat> {
  if (text === undefined) {
    await stderr.write(
      "warning: '--json' without '--json-format' is deprecated; please specify '--json-format 1' or '--json-format 2'. This will become an error in a future release.\n",
    );
    return 1;
  }
  const format = Number(text);
  if (isPathInfoFormat(format)) return format;
  throw new FerryError(
    'usage',
    `unsupported path info JSON format version ${text}; supported versions are 1, 2 and 3`,
  );
}

interface LineFlags {
  readonly size: boolean;
  readonly closureSize: boolean;
  readonly humanReadable: boolean;
  readonly sigs: boolean;
}

function linesOf(
  store: Store,
  lines: readonly Line[],
  { size, closureSize, humanReadable, sigs }: LineFlags,
): string {
  const longest = lines.reduce((max, { path }) => Math.max(max, path.length), 0);
  const widest = longest + store.storeDir.length + 1;
  const sizeText = (bytes: number): string =>
    `\t${humanReadable ? nixSize(bytes, { aligned: true }) : String(bytes).padStart(11)}`;
  return lines
    .map((line) => {
      const path = printStorePath(store.storeDir, line.path);
      let text = size || closureSize || sigs ? path.padEnd(widest) : path;
      if (size) text += sizeText(line.size);
      if (closureSize) text += sizeText(line.closureSize ?? 0);
      if (sigs) text += `\t${(line.trust ?? []).join(' ')}`;
      return `${text}\n`;
    })
    .join('');
}

function whyTrusted(info: PathInfo): string[] {
  return [
    ...(info.ultimate === true ? ['ultimate'] : []),
    ...(info.ca === undefined ? [] : [`ca:${formatContentAddress(info.ca)}`]),
    ...info.signatures,
  ];
}

function notValid(store: Store, path: StorePath): FerryError {
  const printed = printStorePath(store.storeDir, path);
  return new FerryError('not-found', `path '${printed}' is not valid`, {
    path: printed,
    store: store.uri,
  });
}
