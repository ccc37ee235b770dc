/**
 * Two bundles: the command, and the worker thread beside it. Every file that is loaded costs a start of ferry a
 * millisecond, so what each copy needs is one chunk; the other commands, and stores behind ssh, load theirs.
 */
import { defineConfig, type OutputOptions, type RolldownOptions } from 'rolldown';

const CORE =
  /src\/(error|bytes\/|format\/|config\/|copy\/|store\/(local\/|store|open-)|system\/(?!process|ssh|shell)|cli\/(ui\/|commands\/copy|[\w-]+\.ts$))/;
const LATE =
  /src\/(system\/threads\/|cli\/(main|help|manual|nearest|shell-completions|verify|print)|format\/(export|derivation))/;

// CommonJS: an import of a module of Node's as ESM touches all its exports, and so loads much that nobody asked for.
const output: OutputOptions = {
  dir: 'dist',
  format: 'cjs',
  entryFileNames: '[name].cjs',
  minify: { compress: false, mangle: false, codegen: { removeWhitespace: true } },
};
const common: RolldownOptions = { platform: 'node', external: ['koffi', '@napi-rs/lzma'], output };

export default defineConfig([
  {
    ...common,
    input: { ferry: 'src/cli/main.ts' },
    output: {
      ...output,
      chunkFileNames: 'chunks/[name]-[hash].cjs',
      codeSplitting: {
        groups: [{ name: 'core', test: (id) => CORE.test(id) && !LATE.test(id) }],
      },
    },
  },
  { ...common, input: { worker: 'src/system/threads/worker.ts' } },
]);
