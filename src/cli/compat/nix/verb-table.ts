/** The verbs of `nix` by name. Only what is asked for is loaded. */
import type { NixVerb } from './verb.ts';

export interface VerbEntry {
  /** `copy`, `store ls` */
  readonly name: string;
  /** One line, imperative, no full stop. */
  readonly summary: string;
  /** What Nix says of this spelling, where it is an older one. */
  readonly deprecated?: string;
  readonly load: () => Promise<NixVerb>;
}

export const verbTable: readonly VerbEntry[] = [
  {
    name: 'copy',
    summary: 'Copy paths and all they refer to from one store to another',
    load: async () => (await import('./copy.ts')).copy,
  },
  {
    name: 'path-info',
    summary: 'Print what a store knows of paths',
    load: async () => (await import('./path-info.ts')).pathInfo,
  },
  {
    name: 'why-depends',
    summary: 'Say why one path has another in its closure',
    load: async () => (await import('./why-depends.ts')).whyDepends,
  },
  {
    name: 'derivation show',
    summary: 'Print how something was or would be built, in JSON',
    load: async () => (await import('./derivation.ts')).derivationShow,
  },
  {
    name: 'show-derivation',
    summary: 'Print how something was or would be built, in JSON',
    deprecated: "'show-derivation' is a deprecated alias for 'derivation show'",
    load: async () => (await import('./derivation.ts')).derivationShow,
  },
  {
    name: 'derivation add',
    summary: 'Add a derivation to a store, out of JSON',
    load: async () => (await import('./derivation.ts')).derivationAdd,
  },
  {
    name: 'log',
    summary: 'Print the log of the build of a path',
    load: async () => (await import('./log.ts')).log,
  },
  {
    name: 'store info',
    summary: 'Say what a store is, and whether it answers',
    load: async () => (await import('./store-info.ts')).storeInfo,
  },
  {
    name: 'store ping',
    summary: 'Say what a store is, and whether it answers',
    deprecated: "'ping' is a deprecated alias for 'info'",
    load: async () => (await import('./store-info.ts')).storeInfo,
  },
  {
    name: 'store ls',
    summary: 'List the files of a store path',
    load: async () => (await import('./store-ls.ts')).storeLs,
  },
  {
    name: 'store cat',
    summary: 'Print a file of a store path',
    load: async () => (await import('./store-cat.ts')).storeCat,
  },
  {
    name: 'store dump-path',
    summary: 'Write a store path as a NAR to stdout',
    load: async () => (await import('./store-dump-path.ts')).storeDumpPath,
  },
  {
    name: 'store add',
    summary: 'Add a file or directory to a store',
    load: async () => (await import('./store-add.ts')).storeAdd,
  },
  {
    name: 'store add-file',
    summary: 'Add a file to a store by its bytes',
    load: async () => (await import('./store-add.ts')).storeAddFile,
  },
  {
    name: 'store add-path',
    summary: 'Add a file or directory to a store by its NAR',
    load: async () => (await import('./store-add.ts')).storeAddPath,
  },
  {
    name: 'store verify',
    summary: 'Check contents and signatures of paths',
    load: async () => (await import('./store-verify.ts')).storeVerify,
  },
  {
    name: 'store repair',
    summary: 'Take paths anew from substituters',
    load: async () => (await import('./store-repair.ts')).storeRepair,
  },
  {
    name: 'store optimise',
    summary: 'Let equal files share their contents',
    load: async () => (await import('./store-optimise.ts')).storeOptimise,
  },
  {
    name: 'store sign',
    summary: 'Sign paths',
    load: async () => (await import('./store-sign.ts')).storeSign,
  },
  {
    name: 'store copy-sigs',
    summary: 'Copy signatures of paths from other stores',
    load: async () => (await import('./store-copy-sigs.ts')).storeCopySigs,
  },
  {
    name: 'store copy-log',
    summary: 'Copy logs of builds between stores',
    load: async () => (await import('./log.ts')).storeCopyLog,
  },
  {
    name: 'store delete',
    summary: 'Delete paths that nothing needs',
    load: async () => (await import('./store-delete.ts')).storeDelete,
  },
  {
    name: 'store gc',
    summary: 'Delete all that nothing needs',
    load: async () => (await import('./store-gc.ts')).storeGc,
  },
  {
    name: 'store diff-closures',
    summary: 'Say which packages differ between two closures',
    load: async () => (await import('./store-diff-closures.ts')).storeDiffClosures,
  },
  {
    name: 'store path-from-hash-part',
    summary: 'Print the store path that has a hash part',
    load: async () => (await import('./store-path-from-hash-part.ts')).storePathFromHashPart,
  },
  {
    name: 'store make-content-addressed',
    summary: 'Rewrite paths so that their contents prove their names',
    load: async () => (await import('./store-make-content-addressed.ts')).storeMakeContentAddressed,
  },
  {
    name: 'store prefetch-file',
    summary: 'Download a file into a store',
    load: async () => (await import('./store-prefetch-file.ts')).storePrefetchFile,
  },
  {
    name: 'key generate-secret',
    summary: 'Make a secret key to sign with',
    load: async () => (await import('./key.ts')).keyGenerateSecret,
  },
  {
    name: 'key convert-secret-to-public',
    summary: 'Print the public key of a secret key',
    load: async () => (await import('./key.ts')).keyConvertSecretToPublic,
  },
  {
    name: 'hash path',
    summary: 'Print the hash of the NAR of files or directories',
    load: async () => (await import('./hash.ts')).hashPath,
  },
  {
    name: 'hash file',
    summary: 'Print the hash of the bytes of files',
    load: async () => (await import('./hash.ts')).hashFile,
  },
  {
    name: 'hash convert',
    summary: 'Spell hashes in another base',
    load: async () => (await import('./hash.ts')).hashConvert,
  },
  {
    name: 'hash to-base16',
    summary: 'Spell hashes in another base',
    deprecated:
      'The old format conversion subcommands of `nix hash` were deprecated in favor of `nix hash convert`.',
    load: async () => (await import('./hash.ts')).hashTo('base16'),
  },
  {
    name: 'hash to-base32',
    summary: 'Spell hashes in another base',
    deprecated:
      'The old format conversion subcommands of `nix hash` were deprecated in favor of `nix hash convert`.',
    load: async () => (await import('./hash.ts')).hashTo('nix32'),
  },
  {
    name: 'hash to-base64',
    summary: 'Spell hashes in another base',
    deprecated:
      'The old format conversion subcommands of `nix hash` were deprecated in favor of `nix hash convert`.',
    load: async () => (await import('./hash.ts')).hashTo('base64'),
  },
  {
    name: 'hash to-sri',
    summary: 'Spell hashes in another base',
    deprecated:
      'The old format conversion subcommands of `nix hash` were deprecated in favor of `nix hash convert`.',
    load: async () => (await import('./hash.ts')).hashTo('sri'),
  },
  {
    name: 'nar pack',
    summary: 'Write a file or directory as a NAR to stdout',
    load: async () => (await import('./nar.ts')).narPack,
  },
  {
    name: 'nar dump-path',
    summary: 'Write a file or directory as a NAR to stdout',
    deprecated: "'nix nar dump-path' is a deprecated alias for 'nix nar pack'",
    load: async () => (await import('./nar.ts')).narPack,
  },
  {
    name: 'nar ls',
    summary: 'List the files of a NAR',
    load: async () => (await import('./nar.ts')).narLs,
  },
  {
    name: 'nar cat',
    summary: 'Print a file of a NAR',
    load: async () => (await import('./nar.ts')).narCat,
  },
  {
    name: 'config show',
    summary: 'Print the settings',
    load: async () => (await import('./config-show.ts')).configShow,
  },
  {
    name: 'show-config',
    summary: 'Print the settings',
    deprecated: "'show-config' is a deprecated alias for 'config show'",
    load: async () => (await import('./config-show.ts')).configShow,
  },
];

/** Words that need another one behind them. */
export const verbGroups: ReadonlySet<string> = new Set(
  verbTable.flatMap(({ name }) => (name.includes(' ') ? [name.slice(0, name.indexOf(' '))] : [])),
);
