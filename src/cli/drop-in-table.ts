/** The programs of Nix that ferry stands in for, also when it is started under their names. */
import type { CommandEntry } from './command-entry.ts';

export const dropInTable: readonly CommandEntry[] = [
  {
    name: 'nix',
    summary: 'Stand in for nix: copy, path-info, store and other verbs',
    load: async () => (await import('./compat/nix/nix.ts')).nix,
  },
  {
    name: 'nix-copy-closure',
    summary: 'Stand in for nix-copy-closure',
    load: async () => (await import('./compat/nix-copy-closure.ts')).nixCopyClosure,
  },
  {
    name: 'nix-store',
    summary: 'Stand in for nix-store',
    load: async () => (await import('./compat/nix-store/nix-store.ts')).nixStore,
  },
  {
    name: 'nix-collect-garbage',
    summary: 'Stand in for nix-collect-garbage',
    load: async () => (await import('./compat/nix-collect-garbage.ts')).nixCollectGarbage,
  },
  {
    name: 'nix-env',
    summary: 'Stand in for nix-env: generations of profiles',
    load: async () => (await import('./compat/nix-env.ts')).nixEnv,
  },
  {
    name: 'nix-hash',
    summary: 'Stand in for nix-hash',
    load: async () => (await import('./compat/nix-hash.ts')).nixHash,
  },
  {
    name: 'nix-prefetch-url',
    summary: 'Stand in for nix-prefetch-url',
    load: async () => (await import('./compat/nix-prefetch-url.ts')).nixPrefetchUrl,
  },
  {
    name: 'nix-shell',
    summary: 'Stand in for nix-shell',
    load: async () => (await import('./compat/nix-shell.ts')).nixShell,
  },
];

/** Names under which ferry may be started in place of a program of Nix. */
export const dropInNames: readonly string[] = dropInTable.map(({ name }) => name);
