/** All commands by name. Only what is asked for is loaded; `ferry --help` needs no more than this file. */
import type { CommandEntry, CommandGroup } from './command-entry.ts';
import { dropInTable } from './drop-in-table.ts';

export const commandTable: readonly (CommandEntry | CommandGroup)[] = [
  {
    name: 'copy',
    summary: 'Copy paths and all they refer to from one store to another',
    load: async () => (await import('./commands/copy.ts')).copy,
  },
  {
    name: 'deploy',
    summary: 'Copy a closure to hosts and make it live there',
    load: async () => (await import('./commands/deploy.ts')).deploy,
  },
  {
    name: 'rollback',
    summary: 'Go back to an older generation on hosts',
    load: async () => (await import('./commands/rollback.ts')).rollback,
  },
  {
    name: 'generations',
    summary: 'List the generations of profiles, remove old ones',
    load: async () => (await import('./commands/generations.ts')).generations,
  },
  {
    name: 'fleet',
    summary: 'Look at the hosts that closures are deployed to',
    commands: [
      {
        name: 'list',
        summary: 'List the hosts, and what is known of each',
        load: async () => (await import('./commands/fleet-list.ts')).fleetList,
      },
      {
        name: 'status',
        summary: 'Say what each host runs, and whether that is what it should',
        load: async () => (await import('./commands/fleet-status.ts')).fleetStatus,
      },
      {
        name: 'diff',
        summary: 'Say what a deployment would change on each host',
        load: async () => (await import('./commands/fleet-diff.ts')).fleetDiff,
      },
    ],
  },
  {
    name: 'export',
    summary: 'Write a closure to a file, for another machine to import',
    load: async () => (await import('./commands/export.ts')).exportCommand,
  },
  {
    name: 'import',
    summary: 'Add what was exported to a store',
    load: async () => (await import('./commands/import.ts')).importCommand,
  },
  {
    name: 'bundle',
    summary: 'Look into bundles, which ferry export --bundle makes, and check them',
    commands: [
      {
        name: 'ls',
        summary: 'List the paths of a bundle',
        load: async () => (await import('./commands/bundle-ls.ts')).bundleLs,
      },
      {
        name: 'verify',
        summary: 'Check that a bundle is whole and signed',
        load: async () => (await import('./commands/bundle-verify.ts')).bundleVerify,
      },
    ],
  },
  {
    name: 'realise',
    summary: 'Fetch paths and all they refer to from substituters',
    load: async () => (await import('./commands/realise.ts')).realise,
  },
  {
    name: 'tree',
    summary: 'Show what a path refers to as a tree with sizes',
    load: async () => (await import('./commands/tree.ts')).tree,
  },
  {
    name: 'info',
    summary: 'Say what a store knows of paths, and how large they are',
    load: async () => (await import('./commands/info.ts')).info,
  },
  {
    name: 'graph',
    summary: 'Draw a closure for Graphviz, as GraphML, JSON or a page',
    load: async () => (await import('./commands/graph.ts')).graph,
  },
  {
    name: 'diff',
    summary: 'Compare closures, or whole stores, package by package',
    load: async () => (await import('./commands/diff.ts')).diff,
  },
  {
    name: 'why',
    summary: 'Say why a path has another one in its closure',
    load: async () => (await import('./commands/why.ts')).why,
  },
  {
    name: 'derivation',
    summary: 'Look at derivations, check them, add them',
    commands: [
      {
        name: 'show',
        summary: 'Print how something was or would be built, in JSON',
        load: async () => (await import('./commands/derivation-show.ts')).derivationShow,
      },
      {
        name: 'check',
        summary: 'Compute paths of derivations and their outputs anew',
        load: async () => (await import('./commands/derivation-check.ts')).derivationCheck,
      },
      {
        name: 'add',
        summary: 'Add a derivation to a store, out of JSON',
        load: async () => (await import('./commands/derivation-add.ts')).derivationAdd,
      },
    ],
  },
  {
    name: 'gc',
    summary: 'Delete what nothing needs, or say what that is and what needs the rest',
    load: async () => (await import('./commands/gc.ts')).gc,
  },
  {
    name: 'delete',
    summary: 'Delete paths, unless something needs them',
    load: async () => (await import('./commands/delete.ts')).deleteCommand,
  },
  {
    name: 'verify',
    summary: 'Check the contents and signatures of paths',
    load: async () => (await import('./commands/verify.ts')).verify,
  },
  {
    name: 'sign',
    summary: 'Add signatures to paths of a store',
    load: async () => (await import('./commands/sign.ts')).sign,
  },
  {
    name: 'key',
    summary: 'Make keys to sign with',
    commands: [
      {
        name: 'generate',
        summary: 'Make a new secret key',
        load: async () => (await import('./commands/key-generate.ts')).keyGenerate,
      },
      {
        name: 'public',
        summary: 'Print the public key that goes with a secret key',
        load: async () => (await import('./commands/key-public.ts')).keyPublic,
      },
    ],
  },
  {
    name: 'config',
    summary: 'Look at the settings',
    commands: [
      {
        name: 'show',
        summary: 'Print settings, and where each comes from',
        load: async () => (await import('./commands/config-show.ts')).configShow,
      },
    ],
  },
  {
    name: 'store',
    summary: 'Look into a store, check it, add to it',
    commands: [
      {
        name: 'info',
        summary: 'Say what a store is and what it can do',
        load: async () => (await import('./commands/store-info.ts')).storeInfo,
      },
      {
        name: 'list',
        summary: 'List all valid paths, or closures',
        load: async () => (await import('./commands/store-list.ts')).storeList,
      },
      {
        name: 'ls',
        summary: 'List the files of a store path',
        load: async () => (await import('./commands/store-ls.ts')).storeLs,
      },
      {
        name: 'cat',
        summary: 'Print a file of a store path',
        load: async () => (await import('./commands/store-cat.ts')).storeCat,
      },
      {
        name: 'verify',
        summary: 'The same as ferry verify',
        load: async () => (await import('./commands/verify.ts')).verify,
      },
      {
        name: 'repair',
        summary: 'Take paths anew from other stores',
        load: async () => (await import('./commands/store-repair.ts')).storeRepair,
      },
      {
        name: 'optimise',
        summary: 'Let equal files share their contents',
        load: async () => (await import('./commands/store-optimise.ts')).storeOptimise,
      },
      {
        name: 'add',
        summary: 'Add files and directories to a store, named after their contents',
        load: async () => (await import('./commands/store-add.ts')).storeAdd,
      },
      {
        name: 'add-root',
        summary: 'Keep a path from being collected as garbage, by a link to it',
        load: async () => (await import('./commands/store-add-root.ts')).storeAddRoot,
      },
    ],
  },
  {
    name: 'nar',
    summary: 'Make, unpack and read NAR archives',
    commands: [
      {
        name: 'pack',
        summary: 'Write a file or directory as a NAR to stdout',
        load: async () => (await import('./commands/nar-pack.ts')).narPack,
      },
      {
        name: 'unpack',
        summary: 'Unpack a NAR from stdin',
        load: async () => (await import('./commands/nar-unpack.ts')).narUnpack,
      },
      {
        name: 'ls',
        summary: 'List the files of a NAR',
        load: async () => (await import('./commands/nar-ls.ts')).narLs,
      },
      {
        name: 'cat',
        summary: 'Print a file of a NAR',
        load: async () => (await import('./commands/nar-cat.ts')).narCat,
      },
    ],
  },
  {
    name: 'hash',
    summary: 'Compute hashes as Nix does, convert their spellings',
    commands: [
      {
        name: 'path',
        summary: 'Print the hash of the NAR of files or directories',
        load: async () => (await import('./commands/hash-path.ts')).hashPath,
      },
      {
        name: 'file',
        summary: 'Print the hash of the bytes of files',
        load: async () => (await import('./commands/hash-file.ts')).hashFile,
      },
      {
        name: 'convert',
        summary: 'Spell hashes in another base',
        load: async () => (await import('./commands/hash-convert.ts')).hashConvert,
      },
    ],
  },
  {
    name: 'shell',
    summary: 'Enter the development shell of a derivation, also with no Nix and no network',
    fallback: async () => (await import('./commands/shell.ts')).shell,
    commands: [
      {
        name: 'copy',
        summary: 'Copy a development shell, to be entered there without a network',
        load: async () => (await import('./commands/shell-copy.ts')).shellCopy,
      },
      {
        name: 'list',
        summary: 'List the shells that were copied to this machine',
        load: async () => (await import('./commands/shell-list.ts')).shellList,
      },
    ],
  },
  {
    name: 'print-env',
    summary: 'Print the environment of a development shell for a running bash, or as JSON',
    load: async () => (await import('./commands/print-env.ts')).printEnv,
  },
  {
    name: 'doctor',
    summary: 'Say what ferry finds on this machine, and what would help',
    load: async () => (await import('./commands/doctor.ts')).doctor,
  },
  ...dropInTable,
  {
    name: 'completions',
    summary: 'Print the completions for a shell',
    load: async () => (await import('./commands/completions.ts')).completions,
  },
  {
    name: 'man',
    summary: 'Print a manual page',
    load: async () => (await import('./commands/man.ts')).man,
  },
];

export interface FoundCommand {
  /** As typed: `ferry store ls`. */
  readonly title: string;
  readonly entry: CommandEntry | CommandGroup | undefined;
  /** The words after its name. */
  readonly rest: readonly string[];
}

/** Finds the command that the words begin with; `entry` is undefined where the word after `title` is no command. */
export function findCommand(words: readonly string[]): FoundCommand {
  const [first, ...rest] = words;
  const entry = commandTable.find(({ name }) => name === first);
  if (entry === undefined) return { title: 'ferry', entry: undefined, rest: words };
  const title = `ferry ${entry.name}`;
  if (!('commands' in entry)) return { title, entry, rest };
  const [second, ...others] = rest;
  const inner = entry.commands.find(({ name }) => name === second);
  if (inner !== undefined) return { title: `${title} ${inner.name}`, entry: inner, rest: others };
  const alone = aloneOf(entry);
  if (alone !== undefined) return { title, entry: alone, rest };
  const isUnknown = second !== undefined && !second.startsWith('-');
  return { title, entry: isUnknown ? undefined : entry, rest };
}

/** What the name of a group is as a command, where it is one. */
export function aloneOf({ name, summary, fallback }: CommandGroup): CommandEntry | undefined {
  return fallback === undefined ? undefined : { name, summary, load: fallback };
}

/** The commands of the group of this title; none where it is no group. */
export function commandsIn(title: string): readonly CommandEntry[] {
  const group = commandTable.find(({ name }) => title === `ferry ${name}`);
  return group !== undefined && 'commands' in group ? group.commands : [];
}

/** The commands that may follow a title. */
export function siblingsAfter(title: string): readonly (CommandEntry | CommandGroup)[] {
  const inner = commandsIn(title);
  return inner.length > 0 ? inner : commandTable;
}
