/** `nix store add`, and its older spellings `add-file` and `add-path`. */
import { basename, resolve } from 'node:path';
import { FerryError } from '../../../error.ts';
import type { ContentAddressMethod } from '../../../format/content-address.ts';
import { parseHashAlgorithm } from '../../../format/hash.ts';
import { printStorePath, storePathNameProblem } from '../../../format/store-path.ts';
import { describeContent } from '../../../store/local/add-content.ts';
import { addContentTo } from '../../add-content-to.ts';
import { treeOf } from '../../input-file.ts';
import { openSession } from '../../session.ts';
import { nixUsage } from '../nix-words.ts';
import { PROGRAM } from './parse-verb-words.ts';
import { defineVerb, type NixCall, type NixVerb } from './verb.ts';

const pathArgument = { name: 'PATH', help: 'a file or directory', completes: 'file' } as const;
const nameOptions = {
  name: { help: 'the name in the store; by default that of the file', short: 'n', value: 'NAME' },
  dryRun: { help: 'only print the path that it would have' },
} as const;

export const storeAdd: NixVerb = defineVerb({
  description: [
    'The same contents under the same name always give the same path. Stores elsewhere take them too.',
  ],
  arguments: [pathArgument],
  options: {
    ...nameOptions,
    mode: { help: 'what is hashed: nar (default), flat or text', value: 'MODE' },
    hashAlgo: { help: 'hash algorithm, sha256 by default', value: 'ALGO' },
  },
  examples: [{ meaning: 'a directory', command: 'nix store add ./site' }],
  run: (call, [word = ''], { mode = 'nar', hashAlgo = 'sha256', name, dryRun }) =>
    add(call, word, { method: methodOf(mode), algorithm: hashAlgo, name, dryRun }),
});

export const storeAddFile: NixVerb = addAs('flat');
export const storeAddPath: NixVerb = addAs('nar');

function addAs(method: ContentAddressMethod): NixVerb {
  return defineVerb({
    description: [],
    arguments: [pathArgument],
    options: nameOptions,
    examples: [{ meaning: 'the same', command: `nix store add --mode ${method} PATH` }],
    run: (call, [word = ''], { name, dryRun }) =>
      add(call, word, { method, algorithm: 'sha256', name, dryRun }),
  });
}

interface Addition {
  readonly method: ContentAddressMethod;
  readonly algorithm: string;
  readonly name: string | undefined;
  readonly dryRun: boolean;
}

async function add(call: NixCall, word: string, addition: Addition): Promise<number> {
  const { context, store: uri } = call;
  const { signal } = context;
  const { method } = addition;
  const algorithm = parseHashAlgorithm(addition.algorithm);
  if (method === 'text' && algorithm !== 'sha256') {
    throw nixUsage(PROGRAM, `mode 'text' takes sha256, not ${algorithm}`);
  }
  const name = addition.name ?? basename(resolve(context.cwd, word));
  const problem = storePathNameProblem(name);
  if (problem !== undefined) {
    throw new FerryError('usage', `"${name}" can't be the name of a store path: ${problem}`, {
      hint: 'give it another with --name',
    });
  }
  const tree = await treeOf(context, word);
  await using session = openSession(context);
  const store = await session.open(uri);
  const content = { name, method, algorithm };
  const info = addition.dryRun
    ? await describeContent(store.storeDir, session.workers, tree, content, signal)
    : await addContentTo(session, store, tree, content);
  await context.stdout.write(`${printStorePath(store.storeDir, info.path)}\n`);
  return 0;
}

function methodOf(mode: string): ContentAddressMethod {
  if (mode === 'nar' || mode === 'flat' || mode === 'text') return mode;
  throw nixUsage(
    PROGRAM,
    `unknown file ingestion method '${mode}', expect 'flat', 'nar' or 'text'`,
  );
}
