/** A file of the internet into the store, as `nix-prefetch-url` and `nix store prefetch-file` fetch it. */
import { chmodSync, mkdirSync, readdirSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { uriWithoutSecrets } from '../../config/uri-without-secrets.ts';
import { FerryError } from '../../error.ts';
import type { ContentAddressMethod } from '../../format/content-address.ts';
import { formatHash, hashesEqual, type Hash, type HashAlgorithm } from '../../format/hash.ts';
import { contentAddressedPath } from '../../format/make-store-path.ts';
import { storePathNameProblem, type StorePath } from '../../format/store-path.ts';
import { describeContent } from '../../store/local/add-content.ts';
import type { Store } from '../../store/store.ts';
import { unpackArchive } from '../../system/unpack-archive.ts';
import { addContentTo } from '../add-content-to.ts';
import type { CommandContext } from '../context.ts';
import { download } from '../download.ts';
import type { Session } from '../session.ts';

export interface PrefetchRequest {
  /** Of http, https or file. */
  readonly url: string;
  /** The name in the store; by default that in the URL. */
  readonly name: string | undefined;
  readonly algorithm: HashAlgorithm;
  /** Where the store has what this is the hash of, nothing is downloaded. */
  readonly expected: Hash | undefined;
  /** Adds what is in the archive; its hash is that of the NAR then. */
  readonly unpack: boolean;
  /** Makes it a program; its hash is that of the NAR then. */
  readonly executable: boolean;
}

export interface Prefetched {
  readonly path: StorePath;
  readonly hash: Hash;
}

/** @throws FerryError `corrupt` for another hash than the expected one: nothing is added then */
export async function prefetch(
  context: CommandContext,
  session: Session,
  store: Store,
  request: PrefetchRequest,
): Promise<Prefetched> {
  const { signal } = context;
  const { url, algorithm, expected, unpack, executable } = request;
  const method: ContentAddressMethod = unpack || executable ? 'nar' : 'flat';
  const name = nameFor(url, request.name);
  if (expected !== undefined) {
    const path = contentAddressedPath(store.storeDir, name, { method, hash: expected });
    const valid = await store.queryValidPaths([path], { signal });
    if (valid.has(path)) return { path, hash: expected };
  }
  await using scratch = await makeScratch(session);
  const file = join(scratch.directory, 'file');
  const { settings, onLine } = session;
  await download(context, url, file, { settings, onLine });
  chmodSync(file, executable ? 0o755 : 0o644);
  const tree = unpack ? await unpacked(url, file, scratch.directory, signal) : file;
  const content = { name, method, algorithm };
  const { ca } = await describeContent(store.storeDir, session.workers, tree, content, signal);
  if (ca === undefined) throw new FerryError('internal', `no hash of "${uriWithoutSecrets(url)}"`);
  if (expected !== undefined && !hashesEqual(ca.hash, expected)) {
    throw new FerryError(
      'corrupt',
      `hash mismatch for '${uriWithoutSecrets(url)}': specified ${formatHash(expected, 'sri')}, got ${formatHash(ca.hash, 'sri')}`,
    );
  }
  const { path } = await addContentTo(session, store, tree, content);
  return { path, hash: ca.hash };
}

interface Scratch extends AsyncDisposable {
  readonly directory: string;
}

async function makeScratch({ workers }: Session): Promise<Scratch> {
  const directory = await mkdtemp(join(tmpdir(), 'ferry-prefetch-'));
  return { directory, [Symbol.asyncDispose]: () => workers.remove(directory) };
}

/** Where the archive has one thing at its top, as most do, that is what is meant. */
async function unpacked(
  url: string,
  file: string,
  directory: string,
  signal: AbortSignal,
): Promise<string> {
  const target = join(directory, 'unpacked');
  mkdirSync(target);
  await unpackArchive(file, target, signal);
  const [only, ...others] = readdirSync(target);
  if (only === undefined) {
    throw new FerryError('corrupt', `archive '${uriWithoutSecrets(url)}' is empty`);
  }
  return others.length > 0 ? target : join(target, only);
}

/** @throws FerryError `usage` where the URL gives no name that a path could have */
function nameFor(url: string, given: string | undefined): string {
  const name = given ?? lastPartOf(url);
  const hint = 'give it one with --name';
  if (name === '') {
    const shown = uriWithoutSecrets(url);
    throw new FerryError('usage', `cannot figure out a file name for '${shown}'`, { hint });
  }
  const problem = storePathNameProblem(name);
  if (problem === undefined) return name;
  throw new FerryError('usage', `"${name}" can't be the name of a store path: ${problem}`, {
    hint,
  });
}

/** Of its path: what stands before that is the server's name, not the file's. */
function lastPartOf(url: string): string {
  const path = url.replace(/[?#].*/s, '').replace(/^[^:/]*:\/\/[^/]*/, '');
  const part = path.replace(/\/+$/, '').replace(/.*\//s, '');
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}
