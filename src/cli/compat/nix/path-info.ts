/** `nix path-info` */
import { computeClosure } from '../../../copy/closure.ts';
import { sumClosures } from '../../../copy/closure-sizes.ts';
import { sortTopologically } from '../../../copy/order.ts';
import { FerryError } from '../../../error.ts';
import { formatContentAddress } from '../../../format/content-address.ts';
import type { PathInfo } from '../../../format/path-info.ts';
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
      const known = await store.queryPathInfos(named, { signal });
      const invalid = named.filter((path) => !known.has(path));
      if (!options.json && invalid[0] !== undefined) throw notValid(store, invalid[0]);
      const valid = named.filter((path) => known.has(path));
      const closure =
        options.recursive || options.closureSize
          ? await computeClosure(store, valid, { signal })
          : known;
      const shown = options.recursive ? closure : known;
      const infos = sortTopologically([...shown.values()]);
      const closureOf = options.closureSize
        ? sumClosures(
            closure,
            infos.map(({ path }) => path),
            ({ narSize }) => narSize,
          )
        : undefined;
      if (options.json) {
        const files = await readFileInfos(store, closure.keys(), signal);
        const text = pathInfoJson(store.storeDir, {
          format,
          infos,
          invalid,
          closureSizes: closureOf,
          files,
          closure,
        });
        await call.context.stdout.write(`${text}\n`);
        return 0;
      }
      await call.context.stdout.write(
        linesOf(store, infos, closureOf, options)
          .map((line) => `${line}\n`)
          .join(''),
      );
      return 0;
    }),
});

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
  infos: readonly PathInfo[],
  closureSizes: ReadonlyMap<StorePath, number> | undefined,
  { size, closureSize, humanReadable, sigs }: LineFlags,
): string[] {
  const widest = Math.max(0, ...infos.map(({ path }) => path.length)) + store.storeDir.length + 1;
  const sizeText = (bytes: number): string =>
    `\t${humanReadable ? nixSize(bytes, { aligned: true }) : String(bytes).padStart(11)}`;
  return infos.map((info) => {
    const path = printStorePath(store.storeDir, info.path);
    let line = size || closureSize || sigs ? path.padEnd(widest) : path;
    if (size) line += sizeText(info.narSize);
    if (closureSize) line += sizeText(closureSizes?.get(info.path) ?? 0);
    if (sigs) line += `\t${whyTrusted(info).join(' ')}`;
    return line;
  });
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
