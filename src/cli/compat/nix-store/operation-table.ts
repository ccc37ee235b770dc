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
    flags: ['--serve'],
    summary: 'Answer the serve protocol on stdin and stdout, as ssh:// wants it',
    takesStdin: true,
    load: async () => (await import('./serve.ts')).serve,
  },
];

export function findOperation(flag: string): OperationEntry | undefined {
  return operationTable.find(({ flags }) => flags.includes(flag));
}
