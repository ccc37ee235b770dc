/** `nix hash path`, `nix hash file`, `nix hash convert` and the older `nix hash to-…`. */
import { FerryError } from '../../../error.ts';
import {
  parseHashAlgorithm,
  StreamingHash,
  type Hash,
  type HashAlgorithm,
  type HashEncoding,
} from '../../../format/hash.ts';
import { openTreeWorkers } from '../../../system/threads/tree-workers.ts';
import { printHash } from '../../commands/hash-options.ts';
import { readInput } from '../../input-file.ts';
import { resolve } from 'node:path';
import { parseHashArgument } from '../hash-argument.ts';
import { nixUsage } from '../nix-words.ts';
import { PROGRAM } from './parse-verb-words.ts';
import { defineVerb, type NixCall, type NixVerb } from './verb.ts';

const formatOptions = {
  format: { help: 'how it is spelt: sri (default), base16, nix32, base64', value: 'FORMAT' },
  sri: { help: 'as SRI, sha256-… in base 64' },
  base16: { help: 'the digits alone, in base 16' },
  base32: { help: "the digits alone, in Nix's base 32" },
  base64: { help: 'the digits alone, in base 64' },
  algo: { help: 'hash algorithm, sha256 by default', value: 'ALGO' },
} as const;
const fileArgument = { name: 'FILE', help: 'a file', repeated: true, completes: 'file' } as const;

export const hashFile: NixVerb = defineVerb({
  description: ['Prints the hash of the bytes of each file.'],
  arguments: [fileArgument],
  options: formatOptions,
  aliases: { '--type': 'algo' },
  examples: [{ meaning: 'of an archive', command: 'nix hash file source.tar.gz' }],
  async run(call, files, options) {
    const encoding = encodingOf(options);
    const algorithm = parseHashAlgorithm(options.algo ?? 'sha256');
    for (const file of files) await print(call, await flatHash(call, file, algorithm), encoding);
    return 0;
  },
});

export const hashPath: NixVerb = defineVerb({
  description: ['Prints the hash of the NAR of each file or directory. Links are not followed.'],
  arguments: [{ ...fileArgument, name: 'PATH', help: 'a file or directory' }],
  options: {
    ...formatOptions,
    mode: { help: 'what is hashed: nar (default) or flat', value: 'MODE' },
  },
  aliases: { '--type': 'algo' },
  examples: [{ meaning: 'of a directory', command: 'nix hash path ./source' }],
  async run(call, paths, { mode = 'nar', ...options }) {
    const encoding = encodingOf(options);
    const algorithm = parseHashAlgorithm(options.algo ?? 'sha256');
    if (mode !== 'nar' && mode !== 'flat') {
      throw nixUsage(PROGRAM, `unknown file ingestion method '${mode}', expect 'flat' or 'nar'`);
    }
    await using workers = openTreeWorkers();
    for (const path of paths) {
      if (mode === 'flat') {
        await print(call, await flatHash(call, path, algorithm), encoding);
        continue;
      }
      const state = new StreamingHash(algorithm);
      const { cwd, signal } = call.context;
      for await (const chunk of workers.pack(resolve(cwd, path), { signal })) state.update(chunk);
      await print(call, state.finish(), encoding);
    }
    return 0;
  },
});

export const hashConvert: NixVerb = defineVerb({
  description: ['Which spelling a hash has shows in its length.'],
  arguments: [{ name: 'HASH', help: 'a hash in any spelling', repeated: true }],
  options: {
    hashAlgo: { help: 'its algorithm, where the hash does not say it', value: 'ALGO' },
    from: { help: 'the spelling that it must have', value: 'FORMAT' },
    to: { help: 'the spelling that is printed, sri by default', value: 'FORMAT' },
  },
  examples: [
    {
      meaning: 'from SRI to what narinfos print',
      command: 'nix hash convert --to nix32 sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=',
    },
  ],
  async run(call, texts, { hashAlgo, from, to }) {
    const algorithm = hashAlgo === undefined ? undefined : parseHashAlgorithm(hashAlgo);
    const wanted = from === undefined ? undefined : await formatOf(call, from);
    const encoding = to === undefined ? 'sri' : await formatOf(call, to);
    for (const text of texts) {
      const hash = parseHashArgument(text, algorithm);
      const actual = spellingOf(text, hash);
      if (wanted !== undefined && wanted !== actual) {
        throw new FerryError(
          'usage',
          `input hash '${text}' has format '${actual}', but '--from ${from}' was specified`,
        );
      }
      await print(call, hash, encoding);
    }
    return 0;
  },
});

/** `nix hash to-base16` and its relatives, deprecated since 2.20. */
export function hashTo(encoding: HashEncoding): NixVerb {
  return defineVerb({
    description: ['nix hash convert does the same.'],
    arguments: [{ name: 'HASH', help: 'a hash in any spelling', repeated: true }],
    options: { type: { help: 'its algorithm, where the hash does not say it', value: 'ALGO' } },
    examples: [{ meaning: 'the same', command: `nix hash convert --to ${encoding} HASH` }],
    async run(call, texts, { type }) {
      const algorithm = type === undefined ? undefined : parseHashAlgorithm(type);
      for (const text of texts) await print(call, parseHashArgument(text, algorithm), encoding);
      return 0;
    },
  });
}

async function flatHash(call: NixCall, file: string, algorithm: HashAlgorithm): Promise<Hash> {
  const state = new StreamingHash(algorithm);
  // A file that is called "-" is no stdin here.
  const path = resolve(call.context.cwd, file);
  for await (const chunk of readInput(call.context, path)) state.update(chunk);
  return state.finish();
}

async function print({ context }: NixCall, hash: Hash, encoding: HashEncoding): Promise<void> {
  await context.stdout.write(`${printHash(hash, encoding)}\n`);
}

interface FormatFlags {
  readonly format?: string | undefined;
  readonly sri: boolean;
  readonly base16: boolean;
  readonly base32: boolean;
  readonly base64: boolean;
}

function encodingOf(flags: FormatFlags): HashEncoding {
  if (flags.format !== undefined) return encodingNamed(flags.format);
  if (flags.base16) return 'base16';
  if (flags.base32) return 'nix32';
  return flags.base64 ? 'base64' : 'sri';
}

async function formatOf({ context }: NixCall, text: string): Promise<HashEncoding> {
  if (text === 'base32') {
    await context.stderr.write(
      'warning: "base32" is a deprecated alias for hash format "nix32".\n',
    );
  }
  return encodingNamed(text);
}

function encodingNamed(text: string): HashEncoding {
  if (text === 'base32') return 'nix32';
  if (text === 'sri' || text === 'base16' || text === 'nix32' || text === 'base64') return text;
  throw nixUsage(
    PROGRAM,
    `unknown hash format '${text}', expect 'base16', 'base32', 'base64', or 'sri'`,
  );
}

function spellingOf(text: string, hash: Hash): HashEncoding {
  const digits = text.slice(Math.max(text.indexOf(':'), text.indexOf('-')) + 1);
  if (/^[a-z0-9]+-/.test(text)) return 'sri';
  if (digits.length === hash.digest.length * 2) return 'base16';
  return digits.length === Math.ceil((hash.digest.length * 8) / 5) ? 'nix32' : 'base64';
}
