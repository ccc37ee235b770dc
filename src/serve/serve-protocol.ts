/**
 * The answering side of the serve protocol, over any store: what `nix-store --serve` is to clients of any version of
 * Nix, and to ferry. It has no error message of its own: an error is thrown, and whoever called prints it on stderr
 * as `error: …` and exits with status 1, as Nix does.
 */
import { ByteReader } from '../bytes/byte-reader.ts';
import { ByteWriter } from '../bytes/byte-writer.ts';
import type { MaybePromise } from '../bytes/maybe-promise.ts';
import { FerryError } from '../error.ts';
import type { Store } from '../store/store.ts';
import { formatProtocolVersion } from '../wire/codec.ts';
import {
  addToStoreNar,
  buildDerivation,
  buildPaths,
  clientMagic,
  dumpStorePath,
  exportPaths,
  importPaths,
  queryClosure,
  queryPathInfos,
  queryValidPaths,
  serveOperations,
  serverMagic,
  serveVersion,
  serveVersionMin,
} from '../wire/serve/protocol.ts';
import { answerAdditions, type Commands } from './serve-additions.ts';
import { answerBuildDerivation, answerBuildPaths } from './serve-builds.ts';
import { answerImport } from './serve-import.ts';
import {
  answerClosure,
  answerDump,
  answerExport,
  answerPathInfos,
  answerValidPaths,
} from './serve-queries.ts';
import type { ServeSession } from './serve-session.ts';

export interface ServeProtocolOptions {
  readonly store: Store;
  readonly input: AsyncIterable<Uint8Array>;
  /** Takes bytes, which then are its own; done when it may be given more. */
  readonly output: (bytes: Uint8Array) => MaybePromise<void>;
  /** Whether the client may change anything: `--write`. */
  readonly write: boolean;
  /** The version to announce. */
  readonly version?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Done when the client has closed its side between two requests.
 * @throws FerryError in the words of Nix where it has words; of the store.
 */
export async function answerServeProtocol(options: ServeProtocolOptions): Promise<void> {
  const { signal } = options;
  signal?.throwIfAborted();
  const aborted = Promise.withResolvers<never>();
  const onAbort = (): void => aborted.reject(signal?.reason);
  signal?.addEventListener('abort', onAbort);
  try {
    // A client that is silent would otherwise be waited for.
    await Promise.race([answerAll(options), aborted.promise]);
  } finally {
    signal?.removeEventListener('abort', onAbort);
  }
}

async function answerAll(options: ServeProtocolOptions): Promise<void> {
  const reader = new ByteReader(options.input);
  const session = await greet(reader, options);
  if (session === undefined) return;
  const commands = readCommands(reader);
  for (;;) {
    const number = await commands.next();
    if (number === undefined) return;
    await answer(session, number, commands);
  }
}

/** Undefined where the client went away without a word. */
async function greet(
  reader: ByteReader,
  { store, output, write, signal, version = serveVersion }: ServeProtocolOptions,
): Promise<ServeSession | undefined> {
  if (await reader.atEnd()) return undefined;
  // Compared as bytes: text in its place may not even be a number of ours.
  const magic = new ByteWriter(8);
  magic.u64(clientMagic);
  if (Buffer.compare(magic.take(), await reader.read(8)) !== 0) {
    throw new FerryError('protocol', 'protocol mismatch');
  }
  const hello = new ByteWriter(16);
  hello.u64(serverMagic);
  hello.u64(version);
  await output(hello.take());
  const theirs = await reader.u64();
  if (theirs >> 8 !== serveVersion >> 8 || theirs < serveVersionMin) {
    throw new FerryError(
      'protocol',
      `client speaks version ${formatProtocolVersion(theirs)} of the serve protocol, wanted ${formatProtocolVersion(serveVersionMin)} or a later 2.x`,
    );
  }
  return {
    store,
    reader,
    send: output,
    context: {
      version: Math.min(version, theirs),
      features: new Set<string>(),
      storeDir: store.storeDir,
    },
    canWrite: write,
    signal,
  };
}

function readCommands(reader: ByteReader): Commands {
  let pending: Promise<number | undefined> | undefined;
  const read = async (): Promise<number | undefined> =>
    (await reader.atEnd()) ? undefined : await reader.u64();
  return {
    next: () => {
      if (pending === undefined) {
        pending = read();
        // It may fail while nobody waits for it; whoever asks next is told.
        pending.catch(() => {});
      }
      return pending;
    },
    used: () => {
      pending = undefined;
    },
  };
}

async function answer(session: ServeSession, number: number, commands: Commands): Promise<void> {
  const operation = serveOperations.get(number);
  if (operation === undefined || session.context.version < operation.since) {
    throw new FerryError('protocol', `unknown serve command ${number}`);
  }
  if (operation.needsWrite && !session.canWrite) {
    const isBuild = operation === buildPaths || operation === buildDerivation;
    throw new FerryError('denied', `${isBuild ? 'building' : 'importing'} paths is not allowed`);
  }
  if (operation === addToStoreNar) {
    await answerAdditions(session, commands);
    return;
  }
  commands.used();
  switch (operation) {
    case queryValidPaths:
      return answerValidPaths(session);
    case queryPathInfos:
      return answerPathInfos(session);
    case dumpStorePath:
      return answerDump(session);
    case importPaths:
      return answerImport(session);
    case exportPaths:
      return answerExport(session);
    case buildPaths:
      return answerBuildPaths(session);
    case queryClosure:
      return answerClosure(session);
    case buildDerivation:
      return answerBuildDerivation(session);
    default:
      throw new FerryError('internal', `${operation.name} has no answer`);
  }
}
