/** `nix-hash`: hashes of files and directories, and their spellings. */
import { resolve } from 'node:path';
import {
  parseHashAlgorithm,
  StreamingHash,
  type Hash,
  type HashAlgorithm,
  type HashEncoding,
} from '../../format/hash.ts';
import { foldTo20 } from '../../format/make-store-path.ts';
import { openTreeWorkers } from '../../system/threads/tree-workers.ts';
import type { TreeWorkers } from '../../system/tree-jobs.ts';
import { defineDropIn, type Command } from '../command.ts';
import { printHash } from '../commands/hash-options.ts';
import type { CommandContext } from '../context.ts';
import { readInput } from '../input-file.ts';
import { answerInstead } from './drop-in-help.ts';
import { parseHashArgument } from './hash-argument.ts';
import { parseNixWords, withNixStatus } from './nix-words.ts';

const PROGRAM = 'nix-hash';

/** By the end of a flag: `--base32`, `--to-base32`. The last one counts. */
const ENCODINGS: ReadonlyMap<string, HashEncoding> = new Map([
  ['base16', 'base16'],
  ['base32', 'nix32'],
  ['base64', 'base64'],
  ['sri', 'sri'],
]);
/** Bytes of a truncated hash: those of a store path's hash part. */
const TRUNCATED_BYTES = 20;

export const nixHash: Command = defineDropIn({
  description: [
    'Prints the hash of the NAR of each file or directory, or with --flat that of the bytes of each file. A NAR says nothing of times and owners, and of modes only what is executable.',
    'With --to-base16 and its relatives the words are hashes, in any spelling, and printed in that one.',
    'Under its own name, through a link to ferry, it is a drop-in for the program of Nix; the exit status is that of the original. BLAKE3, an experiment of Nix, is not among the algorithms.',
  ],
  arguments: [
    {
      name: 'PATH',
      help: 'a file or directory',
      optional: true,
      repeated: true,
      completes: 'file',
    },
  ],
  options: {
    flat: { help: 'hash the bytes of files instead of archives' },
    type: {
      help: 'hash algorithm, md5 by default',
      value: 'ALGO',
      choices: ['md5', 'sha1', 'sha256', 'sha512'],
    },
    base16: { help: 'print the digits alone, in base 16 (default)' },
    base32: { help: "print the digits alone, in Nix's base 32" },
    base64: { help: 'print the digits alone, in base 64' },
    sri: { help: 'print as SRI, sha256-… in base 64' },
    truncate: { help: 'fold longer hashes to 160 bits' },
    toBase16: { help: 'convert hashes to base 16' },
    toBase32: { help: "convert hashes to Nix's base 32" },
    toBase64: { help: 'convert hashes to base 64' },
    toSri: { help: 'convert hashes to SRI' },
    version: { help: 'print the version' },
    help: { help: 'print this help' },
  },
  examples: [
    { meaning: 'of a directory', command: 'nix-hash --type sha256 --base32 ./source' },
    {
      meaning: 'of a file as sha256sum has it',
      command: 'nix-hash --type sha256 --flat source.tar.gz',
    },
    { meaning: 'another spelling', command: 'nix-hash --type sha256 --to-sri HASH' },
  ],
  run: (context, words) => withNixStatus(context, () => run(context, words)),
});

interface Wanted {
  isFlat: boolean;
  isTruncated: boolean;
  converts: boolean;
  encoding: HashEncoding;
  algorithm: HashAlgorithm | undefined;
  readonly words: string[];
}

async function run(outer: CommandContext, input: readonly string[]): Promise<number> {
  const wanted: Wanted = {
    isFlat: false,
    isTruncated: false,
    converts: false,
    encoding: 'base16',
    algorithm: undefined,
    words: [],
  };
  const common = parseNixWords(PROGRAM, input, (word, next) => takeWord(wanted, word, next));
  if (common.asks !== undefined) {
    const summary = 'Compute hashes as Nix does, convert their spellings';
    return await answerInstead(outer, common.asks, { program: PROGRAM, summary, command: nixHash });
  }
  const { words, encoding, algorithm } = wanted;
  const print = (hash: Hash): Promise<void> => outer.stdout.write(`${printHash(hash, encoding)}\n`);
  if (wanted.converts) {
    for (const word of words) await print(parseHashArgument(word, algorithm));
    return 0;
  }
  await using workers = openTreeWorkers({ width: 1 });
  for (const word of words) {
    const hash = wanted.isFlat
      ? await hashFile(outer, word, algorithm ?? 'md5')
      : await hashTree(outer, workers, word, algorithm ?? 'md5');
    await print(wanted.isTruncated ? truncated(hash) : hash);
  }
  return 0;
}

function takeWord(wanted: Wanted, word: string, next: () => string): boolean {
  const encoding = ENCODINGS.get(word.replace(/^--(to-)?/, ''));
  if (word === '--flat') wanted.isFlat = true;
  else if (word === '--truncate') wanted.isTruncated = true;
  else if (word === '--type') wanted.algorithm = parseHashAlgorithm(next());
  else if (word.startsWith('--') && encoding !== undefined) {
    wanted.encoding = encoding;
    wanted.converts ||= word.startsWith('--to-');
  } else if (word.startsWith('-')) return false;
  else wanted.words.push(word);
  return true;
}

/** Pipes too, such as those of `<(…)`. */
async function hashFile(
  context: CommandContext,
  word: string,
  algorithm: HashAlgorithm,
): Promise<Hash> {
  const state = new StreamingHash(algorithm);
  for await (const chunk of readInput(context, resolve(context.cwd, word))) state.update(chunk);
  return state.finish();
}

async function hashTree(
  { cwd, signal }: CommandContext,
  workers: TreeWorkers,
  word: string,
  algorithm: HashAlgorithm,
): Promise<Hash> {
  const tree = resolve(cwd, word);
  if (algorithm === 'sha256') return (await workers.hash({ tree, signal })).narHash;
  // Another hash is computed here while the thread packs.
  const state = new StreamingHash(algorithm);
  for await (const chunk of workers.pack(tree, { signal })) state.update(chunk);
  return state.finish();
}

function truncated(hash: Hash): Hash {
  if (hash.digest.length <= TRUNCATED_BYTES) return hash;
  return { ...hash, digest: foldTo20(hash.digest) };
}
