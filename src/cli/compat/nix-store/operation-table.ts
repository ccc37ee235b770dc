/** The operations of `nix-store` by their flags. Only what is asked for is loaded. */
import type { NixStoreOperation } from './operation.ts';

export interface OperationEntry {
  /** All its spellings, the full one first. */
  readonly flags: readonly string[];
  /** One line, imperative, no full stop. */
  readonly summary: string;
  /** It reads stdin itself: `--stdin` gives it no words. */
  readonly takesStdin?: boolean;
  readonly load: () => Promise<NixStoreOperation>;
}

export const operationTable: readonly OperationEntry[] = [
  {
    flags: ['--query', '-q'],
    summary: 'Tell what the store knows of paths: outputs, references, closures, roots and more',
    load: async () => (await import('./query.ts')).query,
  },
  {
    flags: ['--realise', '--realize', '-r'],
    summary: 'Make paths and outputs of derivations valid, and print them',
    load: async () => (await import('./realise.ts')).realise,
  },
  {
    flags: ['--check-validity'],
    summary: 'Fail unless all the paths are valid',
    load: async () => (await import('./check-validity.ts')).checkValidity,
  },
  {
    flags: ['--print-env'],
    summary: 'Print the environment of a derivation for a shell to read',
    load: async () => (await import('./print-env.ts')).printEnv,
  },
  {
    flags: ['--read-log', '-l'],
    summary: 'Print how derivations were built',
    load: async () => (await import('./read-log.ts')).readLog,
  },
  {
    flags: ['--export'],
    summary: 'Write paths to stdout as one stream',
    load: async () => (await import('./export.ts')).exportOperation,
  },
  {
    flags: ['--import'],
    summary: 'Add the paths of such a stream on stdin, and print them',
    takesStdin: true,
    load: async () => (await import('./import.ts')).importOperation,
  },
  {
    flags: ['--verify'],
    summary: 'Check all of the store, and repair it with --repair; contents with --check-contents',
    load: async () => (await import('./verify.ts')).verify,
  },
  {
    flags: ['--verify-path'],
    summary: 'Check the contents of paths',
    load: async () => (await import('./verify-path.ts')).verifyPath,
  },
  {
    flags: ['--repair-path'],
    summary: 'Take paths anew from substituters',
    load: async () => (await import('./repair-path.ts')).repairPath,
  },
  {
    flags: ['--optimise', '--optimize'],
    summary: 'Let equal files share their contents',
    load: async () => (await import('./optimise.ts')).optimise,
  },
  {
    flags: ['--serve'],
    summary: 'Answer the serve protocol on stdin and stdout, as ssh:// wants it',
    takesStdin: true,
    load: async () => (await import('./serve.ts')).serve,
  },
];

export function findOperation(flag: string): OperationEntry | undefined {
  return operationTable.find(({ flags }) => flags.includes(flag));
}
