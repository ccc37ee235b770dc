/**
 * Two bundles: the command, and the worker thread beside it. Every file that is loaded costs a start of ferry a
 * millisecond, so all that a copy needs in any case is one chunk, and nothing else is in it: other commands, and stores
 * behind something, load theirs.
 */
import {
  defineConfig,
  type ChunkingContext,
  type OutputOptions,
  type Plugin,
  type RolldownOptions,
} from 'rolldown';
import { bundlePage } from './src/page/bundle-page.ts';

const COPY = new URL('src/cli/commands/copy.ts', import.meta.url).pathname;

// CommonJS: an import of a module of Node's as ESM touches all its exports, and so loads much that nobody asked for.
const output: OutputOptions = {
  dir: 'dist',
  format: 'cjs',
  entryFileNames: '[name].cjs',
  chunkFileNames: 'chunks/[name]-[hash].cjs',
  minify: { compress: false, mangle: false, codegen: { removeWhitespace: true } },
};
/** What `src/page/page-code.ts` does in a checkout at the moment it is asked is done here once for all. */
const pageCode: Plugin = {
  name: 'page-code',
  load: {
    filter: { id: /\/src\/page\/page-code\.ts$/ },
    handler: async () => {
      const code = await bundlePage(new URL('src/page', import.meta.url).pathname);
      return `const code = ${JSON.stringify(code)};\nexport const loadPageCode = async () => code;\n`;
    },
  },
};
const common: RolldownOptions = {
  platform: 'node',
  // Native code, which lies where it was installed.
  external: ['koffi', '@napi-rs/lzma'],
  // What one module loads late another one, which is loaded late as a whole, has at hand.
  checks: { ineffectiveDynamicImport: false },
  output,
};

export default defineConfig([
  {
    ...common,
    input: { ferry: 'src/cli/main.ts' },
    preserveEntrySignatures: false,
    plugins: [pageCode],
    output: {
      ...output,
      codeSplitting: {
        groups: [
          {
            debugName: 'core',
            name: (id, context) => (importedBy(COPY, context).has(id) ? 'core' : null),
          },
        ],
        includeDependenciesRecursively: false,
      },
    },
  },
  { ...common, input: { worker: 'src/system/threads/worker.ts' } },
]);

const found = new Map<string, Set<string>>();

/** A module and all that it imports, late imports left out. */
function importedBy(module: string, context: ChunkingContext): Set<string> {
  const known = found.get(module);
  if (known !== undefined) return known;
  const all = new Set([module]);
  for (const id of all)
    for (const next of context.getModuleInfo(id)?.importedIds ?? []) all.add(next);
  found.set(module, all);
  return all;
}
