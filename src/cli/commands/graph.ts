/** `ferry graph`: a closure for other programs to draw, or as a page to look at. */
import { computeClosureSizes } from '../../copy/closure-sizes.ts';
import { graphDocument } from '../../format/graph/document.ts';
import { dotOf } from '../../format/graph/dot.ts';
import { graphmlOf } from '../../format/graph/graphml.ts';
import type { StorePath } from '../../format/store-path.ts';
import type { Store } from '../../store/store.ts';
import { defineCommand, type Command } from '../command.ts';
import { closureOfWords, titleOf, type ClosureGraph } from '../looking.ts';
import { openOutputFile } from '../output-file.ts';
import { printPieces } from '../print-pieces.ts';
import { openSession } from '../session.ts';
import { storeOption } from './store-option.ts';

const FORMATS = ['dot', 'graphml', 'json', 'html'] as const;

export const graph: Command = defineCommand({
  description: [
    'dot is for Graphviz and graphml for editors of graphs, both as nix-store prints them. json has the names, sizes and references of all paths. html is a page of its own that needs no network: the closure by size and as a graph, to search and to click through.',
    'Nothing is downloaded but what the store knows of the paths.',
  ],
  arguments: [{ name: 'PATH', help: 'store paths', repeated: true, completes: 'file' }],
  options: {
    ...storeOption,
    format: { help: 'by default dot', short: 'f', value: 'FORMAT', choices: FORMATS },
    output: {
      help: 'write it to this file; without --format its ending says which it is',
      short: 'o',
      value: 'FILE',
      completes: 'file',
    },
  },
  examples: [
    { meaning: 'a page to look at', command: 'ferry graph -o closure.html ./result' },
    { meaning: 'a picture', command: 'ferry graph ./result | dot -Tsvg > closure.svg' },
    {
      meaning: 'names and sizes, largest first',
      command:
        "ferry graph -f json ./result | jq '.nodes | sort_by(-.narSize)[] | .path, .narSize'",
    },
  ],
  async run(context, words, options) {
    const format = options.format ?? formatOf(options.output) ?? 'dot';
    await using session = openSession(context);
    const store = await session.openExisting(options.store);
    const closure = await closureOfWords(context, store, words);
    const pieces = await piecesOf(store, closure, { format, signal: context.signal });
    if (options.output === undefined || options.output === '-') {
      await printPieces(context.stdout, pieces);
      return 0;
    }
    using file = openOutputFile(context, options.output);
    await printPieces(file, pieces);
    file.commit();
    return 0;
  },
});

/** By the ending of a file's name. */
function formatOf(file: string | undefined): string | undefined {
  const ending = /\.([^./]+)$/.exec(file ?? '')?.[1];
  if (ending === 'gv') return 'dot';
  if (ending === 'htm') return 'html';
  return FORMATS.find((format) => format === ending);
}

async function piecesOf(
  { storeDir }: Store,
  { graph: closure, roots }: ClosureGraph,
  { format, signal }: { readonly format: string; readonly signal: AbortSignal },
): Promise<Iterable<string>> {
  const paths = roots.map((root) => closure.paths[root] as StorePath);
  if (format === 'dot') return dotOf(storeDir, closure, paths);
  if (format === 'graphml') return graphmlOf(storeDir, closure, paths);
  const title = titleOf(closure, roots);
  const sizes = await computeClosureSizes(closure, { signal });
  const data = graphDocument(storeDir, closure, { title, roots, closureSizes: sizes });
  if (format === 'json') return [JSON.stringify(data), '\n'];
  const { htmlGraphPage } = await import('../../page/html-page.ts');
  return [await htmlGraphPage(data)];
}
