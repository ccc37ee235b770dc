/**
 * Two bundles: the command, and the worker thread beside it. Every file that is loaded costs a start of ferry a
 * millisecond, so what each copy needs is one chunk; the other commands, and stores behind ssh, load theirs.
 */
import { defineConfig, type OutputOptions, type RolldownOptions } from 'rolldown';

const CORE =
  /src\/(error|bytes\/|format\/|config\/|copy\/|store\/(local\/|store|open-)|system\/(?!process|ssh|shell)|cli\/(ui\/|commands\/copy|[\w-]+\.ts$))/;
const LATE =
  /src\/(system\/threads\/|cli\/(main|help|manual|nearest|shell-completions|verify|print)|format\/(export|derivation))/;

const output: OutputOptions = { dir: 'dist', format: 'esm', entryFileNames: '[name].js' };
const common: RolldownOptions = { platform: 'node', external: ['koffi'], output };

export default defineConfig([
  {
    ...common,
    input: { ferry: 'src/cli/main.ts' },
    output: {
      ...output,
      chunkFileNames: 'chunks/[name]-[hash].js',
      codeSplitting: {
        groups: [{ name: 'core', test: (id) => CORE.test(id) && !LATE.test(id) }],
      },
    },
  },
  { ...common, input: { worker: 'src/system/threads/worker.ts' } },
]);
