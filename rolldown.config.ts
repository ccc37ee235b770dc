/** Two bundles: the command, which loads what it needs lazily, and the worker thread beside it. */
import { defineConfig } from 'rolldown';

export default defineConfig({
  input: { ferry: 'src/cli/main.ts', worker: 'src/system/threads/worker.ts' },
  platform: 'node',
  external: ['koffi'],
  output: {
    dir: 'dist',
    format: 'esm',
    entryFileNames: '[name].js',
    chunkFileNames: 'chunks/[name]-[hash].js',
    minify: false,
    sourcemap: false,
  },
});
