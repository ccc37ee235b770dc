/** `nix-prefetch-url`: a file of the internet into the store, and its hash. */
import { FerryError } from '../../error.ts';
import {
  formatDigest,
  parseHashAlgorithm,
  type Hash,
  type HashAlgorithm,
} from '../../format/hash.ts';
import { printStorePath } from '../../format/store-path.ts';
import { defineDropIn, type Command } from '../command.ts';
import { say, type CommandContext } from '../context.ts';
import { openSession } from '../session.ts';
import { answerInstead } from './drop-in-help.ts';
import { parseHashArgument } from './hash-argument.ts';
import { nixUsage, parseNixWords, withNixStatus } from './nix-words.ts';
import { prefetch } from './prefetch.ts';

const PROGRAM = 'nix-prefetch-url';

/** Flags for an evaluation, with the number of words that follow them. There is none: they mean nothing. */
const OF_EVALUATION: ReadonlyMap<string, number> = new Map([
  ['--arg', 2],
  ['--argstr', 2],
  ['--arg-from-file', 2],
  ['--arg-from-stdin', 1],
  ['--include', 1],
  ['--impure', 0],
  ['--eval-store', 1],
  ['--override-flake', 2],
]);

export const nixPrefetchUrl: Command = defineDropIn({
  description: [
    'Downloads a file into the store and prints its hash, as fetchurl wants to know it: digits in the base 32 of Nix, of MD5 in base 16. Where a hash is given it must have that one, and nothing is downloaded if the store has it.',
    'Under its own name, through a link to ferry, it is a drop-in for the program of Nix; the exit status is that of the original. Expressions (--attr) are not evaluated. PRINT_PATH=1 in the environment is --print-path.',
  ],
  arguments: [
    { name: 'URL', help: 'of http, https or file' },
    { name: 'HASH', help: 'the hash that it must have', optional: true },
  ],
  options: {
    type: {
      help: 'hash algorithm, sha256 by default',
      value: 'ALGO',
      choices: ['md5', 'sha1', 'sha256', 'sha512'],
    },
    printPath: { help: 'print the store path too' },
    unpack: { help: 'unpack the archive, and add what is in it' },
    executable: { help: 'make it a program' },
    name: { help: 'the name in the store; by default that in the URL', value: 'NAME' },
    store: { help: 'the store to add it to', value: 'STORE', completes: 'store' },
    option: { help: 'override a setting of nix.conf', value: 'NAME VALUE', repeated: true },
    quiet: { help: 'print nothing but the hash' },
    version: { help: 'print the version' },
    help: { help: 'print this help' },
  },
  examples: [
    { meaning: 'a file', command: 'nix-prefetch-url https://example.org/source.tar.gz' },
    {
      meaning: 'what is in an archive',
      command: 'nix-prefetch-url --unpack https://example.org/source.tar.gz',
    },
  ],
  run: (context, words) => withNixStatus(context, () => run(context, words)),
});

interface Wanted {
  algorithm: HashAlgorithm;
  printsPath: boolean;
  unpack: boolean;
  executable: boolean;
  name: string | undefined;
  attribute: string | undefined;
  readonly words: string[];
}

async function run(outer: CommandContext, input: readonly string[]): Promise<number> {
  const wanted: Wanted = {
    algorithm: 'sha256',
    printsPath: outer.env.variables['PRINT_PATH'] === '1',
    unpack: false,
    executable: false,
    name: undefined,
    attribute: undefined,
    words: [],
  };
  const common = parseNixWords(PROGRAM, input, (word, next) => takeWord(wanted, word, next));
  if (common.asks !== undefined) {
    const summary = 'Download a file into the store, and print its hash';
    const dropIn = { program: PROGRAM, summary, command: nixPrefetchUrl };
    return await answerInstead(outer, common.asks, dropIn);
  }
  const context = { ...outer, verbosity: common.verbosity, overrides: common.overrides };
  const { algorithm, words, printsPath, name, unpack, executable } = wanted;
  const url = urlAmong(wanted);
  const expected = words[1] === undefined ? undefined : parseHashArgument(words[1], algorithm);
  await using session = openSession(context);
  const store = await session.open(common.store);
  const request = { url, name, algorithm, expected, unpack, executable };
  const { path, hash } = await prefetch(context, session, store, request);
  const printed = printStorePath(store.storeDir, path);
  if (!printsPath) await say(context, `path is '${printed}'`);
  await context.stdout.write(`${digitsOf(hash)}\n${printsPath ? `${printed}\n` : ''}`);
  return 0;
}

function takeWord(wanted: Wanted, word: string, next: () => string): boolean {
  const following = OF_EVALUATION.get(word);
  if (word === '--type') wanted.algorithm = parseHashAlgorithm(next());
  else if (word === '--print-path') wanted.printsPath = true;
  else if (word === '--unpack') wanted.unpack = true;
  else if (word === '--executable') wanted.executable = true;
  else if (word === '--name') wanted.name = next();
  else if (word === '--attr' || word === '-A') wanted.attribute = next();
  else if (following !== undefined) for (let i = 0; i < following; i++) next();
  else if (word.startsWith('-')) return false;
  else wanted.words.push(word);
  return true;
}

/** @throws FerryError `usage`, `unsupported` for what would have to be evaluated */
function urlAmong({ words, attribute }: Wanted): string {
  const [url] = words;
  if (words.length > 2) throw nixUsage(PROGRAM, 'too many arguments');
  if (attribute !== undefined) {
    throw new FerryError(
      'unsupported',
      `cannot prefetch attribute "${attribute}": expressions are not evaluated here`,
      { hint: 'give the URL itself, which nix eval tells' },
    );
  }
  if (url === undefined) throw nixUsage(PROGRAM, 'you must specify a URL');
  if (!url.startsWith('mirror://')) return url;
  throw new FerryError(
    'unsupported',
    `cannot prefetch "${url}": which mirrors there are is known to Nixpkgs alone`,
    { hint: 'take the URL of one of them' },
  );
}

function digitsOf(hash: Hash): string {
  return formatDigest(hash, hash.algorithm === 'md5' ? 'base16' : 'nix32');
}
