/** `nix store prefetch-file` */
import { chmodSync, mkdirSync, readdirSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { FerryError } from '../../../error.ts';
import type { ContentAddress, ContentAddressMethod } from '../../../format/content-address.ts';
import { formatHash, hashesEqual, parseHash, parseHashAlgorithm } from '../../../format/hash.ts';
import { contentAddressedPath } from '../../../format/make-store-path.ts';
import { printStorePath, storePathNameProblem } from '../../../format/store-path.ts';
import { addContent, describeContent } from '../../../store/local/add-content.ts';
import { unpackArchive } from '../../../system/unpack-archive.ts';
import { asLocalStore } from '../../as-local-store.ts';
import { say } from '../../context.ts';
import { download } from '../../download.ts';
import { openSession, type Session } from '../../session.ts';
import { defineVerb, type NixCall, type NixVerb } from './verb.ts';

export const storePrefetchFile: NixVerb = defineVerb({
  description: [
    'Prints the store path of the file and its hash, as fetchurl wants to know it. With --expected-hash nothing is downloaded where the store has it.',
  ],
  arguments: [{ name: 'URL', help: 'of http, https or file' }],
  options: {
    json: { help: 'tell programs, in JSON' },
    name: { help: 'the name in the store; by default that in the URL', value: 'NAME' },
    hashType: { help: 'hash algorithm, sha256 by default', value: 'ALGO' },
    expectedHash: { help: 'the hash that it must have', value: 'HASH' },
    executable: { help: 'make it a program' },
    unpack: { help: 'unpack the archive, and add what is in it' },
  },
  aliases: { '--hash-algo': 'hashType' },
  examples: [
    {
      meaning: 'what fetchurl wants to know',
      command: 'nix store prefetch-file --json https://example.org/source.tar.gz',
    },
  ],
  async run(call, [url = ''], options) {
    const { context, store: uri } = call;
    const { signal } = context;
    const { executable, unpack } = options;
    const method: ContentAddressMethod = unpack || executable ? 'nar' : 'flat';
    const name = nameFor(url, options.name);
    const algorithm = parseHashAlgorithm(options.hashType ?? 'sha256');
    const expected =
      options.expectedHash === undefined ? undefined : parseHash(options.expectedHash, algorithm);
    await using session = openSession(context);
    const store = await session.open(uri);
    const print = async (ca: ContentAddress, path: string): Promise<number> => {
      const hash = formatHash(ca.hash, 'sri');
      if (options.json) {
        await context.stdout.write(`${JSON.stringify({ hash, storePath: path })}\n`);
      } else {
        await say(context, `Downloaded '${withoutPassword(url)}' to '${path}' (hash '${hash}').`);
      }
      return 0;
    };
    if (expected !== undefined) {
      const ca = { method, hash: expected };
      const path = contentAddressedPath(store.storeDir, name, ca);
      if ((await store.queryValidPaths([path], { signal })).has(path)) {
        return await print(ca, printStorePath(store.storeDir, path));
      }
    }
    await using scratch = await makeScratch(session);
    const file = join(scratch.directory, 'file');
    await download(context, url, file, { settings: session.settings, onLine: session.onLine });
    chmodSync(file, executable ? 0o755 : 0o644);
    const tree = unpack ? await unpacked(call, file, scratch.directory) : file;
    const content = { name, method, algorithm };
    const { ca } = await describeContent(store.storeDir, session.workers, tree, content, signal);
    if (ca === undefined) throw new FerryError('internal', `no hash of "${url}"`);
    if (expected !== undefined && !hashesEqual(ca.hash, expected)) {
      throw new FerryError(
        'corrupt',
        `hash mismatch for '${withoutPassword(url)}': specified ${formatHash(expected, 'sri')}, got ${formatHash(ca.hash, 'sri')}`,
      );
    }
    const info =
      (await asLocalStore(store)?.addContent(tree, content, { signal })) ??
      (await addContent(store, session.workers, tree, content, signal));
    return await print(ca, printStorePath(store.storeDir, info.path));
  },
});

interface Scratch extends AsyncDisposable {
  readonly directory: string;
}

async function makeScratch({ workers }: Session): Promise<Scratch> {
  const directory = await mkdtemp(join(tmpdir(), 'ferry-prefetch-'));
  return { directory, [Symbol.asyncDispose]: () => workers.remove(directory) };
}

/** Where the archive has one directory at its top, as most do, that is what is meant. */
async function unpacked({ context }: NixCall, file: string, directory: string): Promise<string> {
  const target = join(directory, 'unpacked');
  mkdirSync(target);
  await unpackArchive(file, target, context.signal);
  const [only, ...others] = readdirSync(target);
  return only === undefined || others.length > 0 ? target : join(target, only);
}

/** @throws FerryError `usage` where the URL gives no name that a path could have */
function nameFor(url: string, given: string | undefined): string {
  const name =
    given ??
    decoded(
      url
        .replace(/[?#].*/s, '')
        .replace(/\/+$/, '')
        .replace(/.*\//s, ''),
    );
  const problem = storePathNameProblem(name);
  if (problem === undefined) return name;
  throw new FerryError('usage', `"${name}" can't be the name of a store path: ${problem}`, {
    hint: 'give it one with --name',
  });
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function withoutPassword(url: string): string {
  return url.replace(/^([a-z]+:\/\/)[^/?#]*@/i, '$1');
}
