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
    flags: ['--gc'],
    summary:
      'Delete all that nothing needs, or print what that is: --print-dead, --print-live, --print-roots',
    load: async () => (await import('./gc.ts')).gc,
  },
  {
    flags: ['--delete'],
    summary: 'Delete paths that nothing needs',
    load: async () => (await import('./delete.ts')).deleteOperation,
  },
  {
    flags: ['--add', '-A'],
    summary: 'Add files and directories, and print the paths that they have then',
    load: async () => (await import('./add.ts')).add,
  },
  {
    flags: ['--add-fixed'],
    summary: 'The same as the outputs of derivations whose hash is fixed',
    load: async () => (await import('./add-fixed.ts')).addFixed,
  },
  {
    flags: ['--print-fixed-path'],
    summary: 'Print the path that such an output with a given hash has',
    load: async () => (await import('./print-fixed-path.ts')).printFixedPath,
  },
  {
    flags: ['--dump'],
    summary: 'Write the NAR of a file or directory to stdout',
    load: async () => (await import('./dump.ts')).dump,
  },
  {
    flags: ['--restore'],
    summary: 'Unpack a NAR from stdin',
    takesStdin: true,
    load: async () => (await import('./restore.ts')).restore,
  },
  {
    flags: ['--dump-db'],
    summary: 'Print what the database has of some or all paths',
    load: async () => (await import('./dump-db.ts')).dumpDb,
  },
  {
    flags: ['--load-db'],
    summary: 'Make valid what --dump-db printed',
    takesStdin: true,
    load: async () => (await import('./load-db.ts')).loadDb,
  },
  {
    flags: ['--register-validity'],
    summary: 'Make valid what lies in the store already, as registered on stdin',
    takesStdin: true,
    load: async () => (await import('./register-validity.ts')).registerValidity,
  },
  {
    flags: ['--init'],
    summary: 'Make the store where there is none',
    load: async () => (await import('./init.ts')).init,
  },
  {
    flags: ['--generate-binary-cache-key'],
    summary: 'Make a key to sign with: a file with the secret one and a file with the public one',
    load: async () => (await import('./generate-binary-cache-key.ts')).generateBinaryCacheKey,
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
