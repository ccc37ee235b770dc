/**
 * `nix-copy-closure`: every flag, message and exit status of the original. It differs where the original breaks its
 * word: `--dry-run` copies nothing (up to 2.36 it is taken and ignored), `--include-outputs` works (from 2.35 in Nix).
 */
import { parseStoreUri } from '../../config/store-uri.ts';
import { FerryError } from '../../error.ts';
import { defineDropIn, type Command } from '../command.ts';
import type { CommandContext } from '../context.ts';
import { runCopy } from '../run-copy.ts';
import { answerInstead } from './drop-in-help.ts';
import { nixUsage, parseNixWords, withNixStatus } from './nix-words.ts';

const PROGRAM = 'nix-copy-closure';

export const nixCopyClosure: Command = defineDropIn({
  description: [
    'The first word that is not an option is the host, [user@]host, the others are paths. Signatures are not checked in either direction. Under its own name, through a link to ferry, it is a drop-in for the program of Nix; the exit status is 0 or 1, as there.',
    'Beside these options every setting of nix.conf is taken as Nix takes it. NIX_SSHOPTS has options for ssh.',
  ],
  arguments: [
    { name: 'HOST', help: 'the other machine, [user@]host' },
    { name: 'PATH', help: 'what to copy', optional: true, repeated: true, completes: 'file' },
  ],
  options: {
    to: { help: 'copy to the host (default)' },
    from: { help: 'copy from the host' },
    gzip: { help: 'compress what goes through ssh' },
    includeOutputs: { help: 'copy the valid outputs of derivations too' },
    useSubstitutes: { help: 'let the host fetch what it can from its substituters', short: 's' },
    dryRun: { help: 'say what would be copied; the original ignores this, and copies' },
    store: { help: "the store of this machine's side", value: 'STORE', completes: 'store' },
    option: { help: 'override a setting of nix.conf', value: 'NAME VALUE', repeated: true },
    keepGoing: { help: 'after a failure go on with what does not depend on it', short: 'k' },
    verbose: { help: 'say more', short: 'v', repeated: true },
    quiet: { help: 'say nothing but errors' },
    version: { help: 'print the version' },
    help: { help: 'print this help' },
  },
  examples: [
    { meaning: 'to a machine', command: 'nix-copy-closure --to alice@server ./result' },
    {
      meaning: 'from a machine',
      command:
        'nix-copy-closure --from alice@server /nix/store/xfp2hphvk98rkk9ywlqpp587rjdcgnc2-hello',
    },
  ],
  run: (context, words) => withNixStatus(context, () => run(context, words)),
});

interface Wanted {
  direction: 'to' | 'from';
  host: string | undefined;
  readonly paths: string[];
  gzip: boolean;
  includeOutputs: boolean;
  substitute: boolean;
  dryRun: boolean;
  readonly warnings: string[];
}

async function run(outer: CommandContext, words: readonly string[]): Promise<number> {
  const wanted: Wanted = {
    direction: 'to',
    host: undefined,
    paths: [],
    gzip: false,
    includeOutputs: false,
    substitute: false,
    dryRun: false,
    warnings: [],
  };
  const common = parseNixWords(PROGRAM, words, (word) => takeWord(wanted, word));
  if (common.asks !== undefined) {
    const summary = 'Copy a closure to or from another machine by ssh';
    return await answerInstead(outer, common.asks, {
      program: PROGRAM,
      summary,
      command: nixCopyClosure,
    });
  }
  for (const warning of wanted.warnings) await outer.stderr.write(`${warning}\n`);
  if (wanted.host === undefined) throw nixUsage(PROGRAM, 'no host name specified');
  const there = hostUri(wanted.host);

  const context = { ...outer, verbosity: common.verbosity, overrides: common.overrides };
  const here = common.store;
  return await runCopy(context, {
    from: wanted.direction === 'from' ? there : here,
    to: wanted.direction === 'from' ? here : there,
    words: wanted.paths,
    checkSigs: false,
    substitute: wanted.substitute,
    noRecursive: false,
    includeOutputs: wanted.includeOutputs,
    derivation: false,
    gzip: wanted.gzip,
    keepGoing: common.keepGoing,
    dryRun: wanted.dryRun,
    talk: 'nix',
  });
}

function takeWord(wanted: Wanted, word: string): boolean {
  switch (word) {
    case '--to':
    case '--from':
      wanted.direction = word === '--to' ? 'to' : 'from';
      return true;
    case '--gzip':
      wanted.gzip = true;
      return true;
    case '--bzip2':
    case '--xz':
      wanted.gzip = true;
      wanted.warnings.push(`warning: '${word}' is not implemented, falling back to gzip`);
      return true;
    case '--include-outputs':
      wanted.includeOutputs = true;
      return true;
    case '--use-substitutes':
    case '-s':
      wanted.substitute = true;
      return true;
    case '--show-progress':
      wanted.warnings.push("Warning: '--show-progress' is not implemented");
      return true;
    case '--dry-run':
      wanted.dryRun = true;
      return true;
    default:
      if (word.startsWith('-')) return false;
      if (wanted.host === undefined) wanted.host = word;
      else wanted.paths.push(word);
      return true;
  }
}

/** The host word as a store: its text is the authority, and parameters may follow, as up to 2.26. */
function hostUri(host: string): string {
  const uri = `ssh://${host}`;
  if (parseStoreUri(uri).kind !== 'ssh') throw new FerryError('usage', `"${host}" is not a host`);
  return uri;
}
