/**
 * Export streams out of any store (`wire/export-stream.ts` has the format). Trees on this machine are packed and hashed
 * by threads, the next ones while the one before is written; from stores elsewhere the NARs come one after the other.
 */
import { releaseChunk } from '../bytes/release.ts';
import { FerryError } from '../error.ts';
import type { Hash } from '../format/hash.ts';
import type { PathInfo } from '../format/path-info.ts';
import type { StorePath } from '../format/store-path.ts';
import type { CallOptions, NarStream, Store } from '../store/store.ts';
import type { TreeWorkers } from '../system/tree-jobs.ts';
import { writeExport, type ExportStreamOptions, type PathToExport } from '../wire/export-stream.ts';
import type { OnCopyEvent } from './events.ts';

export interface ExportOptions extends CallOptions, ExportStreamOptions {
  readonly workers: TreeWorkers;
  readonly onEvent?: OnCopyEvent | undefined;
}

/** Bytes of the chunks that threads hand over: smaller ones would cost more messages. */
const CHUNK_BYTES = 512 << 10;
/** Trees that are begun, or wait for a thread, before the one in front of them is written. */
const AHEAD = 8;
/** Chunks of fewer bytes are gathered. */
const SMALL_BYTES = 16 << 10;
const GATHERED_BYTES = 128 << 10;

/**
 * The stream of just these paths in this order, which must have references first. A chunk is the reader's until the
 * next is asked for.
 * @param infos of valid paths of the store
 * @throws FerryError `corrupt` where a path hasn't the contents any more that it was added with. The stream then breaks
 * off before what names the path, so that nobody takes it for whole.
 */
export async function* exportPaths(
  store: Store,
  infos: readonly PathInfo[],
  options: ExportOptions,
): AsyncGenerator<Uint8Array, void, undefined> {
  const { onEvent, breaksOff } = options;
  const narSize = infos.reduce((sum, info) => sum + info.narSize, 0);
  onEvent?.({ type: 'start', paths: infos.length, narSize });
  yield* gathered(writeExport(store.storeDir, pathsAhead(store, infos, options), { breaksOff }));
  const summary = { copied: infos.length, alreadyValid: 0, failed: 0, narSize, signaturesAdded: 0 };
  onEvent?.({ type: 'done', summary });
}

/** A path whose first chunk has been asked for already: that is what sets a thread to work. */
interface Begun extends PathToExport {
  readonly chunks: AsyncIterator<Uint8Array>;
  /** Nothing else may be read from the store before it is used up. */
  readonly blocks: boolean;
}

async function* pathsAhead(
  store: Store,
  infos: readonly PathInfo[],
  options: ExportOptions,
): AsyncGenerator<PathToExport, void, undefined> {
  const { signal, onEvent } = options;
  const byPath = new Map<StorePath, PathInfo>(infos.map((info) => [info.path, info]));
  const nars = store.readNars(byPath.keys(), { signal })[Symbol.asyncIterator]();
  const queue: Begun[] = [];
  let isAtEnd = false;
  try {
    for (;;) {
      while (!isAtEnd && queue.length <= AHEAD && queue.at(-1)?.blocks !== true) {
        const next = await nars.next();
        if (next.done === true) isAtEnd = true;
        else queue.push(begin(next.value, byPath.get(next.value.path), options));
      }
      const [path] = queue;
      if (path === undefined) return;
      onEvent?.({ type: 'path-start', path: path.info.path, narSize: path.info.narSize });
      yield path;
      onEvent?.({ type: 'path-done', path: path.info.path });
      queue.shift();
    }
  } finally {
    await Promise.all([...queue.map(({ chunks }) => chunks.return?.()), nars.return?.()]);
  }
}

function begin(
  nar: NarStream,
  info: PathInfo | undefined,
  { workers, signal, onEvent }: ExportOptions,
): Begun {
  if (info === undefined) {
    throw new FerryError('internal', `NAR of "${nar.path}" was not asked for`);
  }
  const { path } = info;
  let digest: Hash | undefined;
  const onDigest = ({ narHash }: { readonly narHash: Hash }): void => {
    digest = narHash;
  };
  const narHash = (): Hash => {
    if (digest !== undefined) return digest;
    throw new FerryError('internal', `the NAR of "${path}" was not hashed`);
  };
  const { tree } = nar;
  const stream =
    tree === undefined ? nar : workers.pack(tree, { signal, chunkBytes: CHUNK_BYTES, onDigest });
  const chunks = stream[Symbol.asyncIterator]();
  const first = chunks.next();
  // It is awaited when its turn comes.
  first.catch(() => {});
  return {
    info,
    nar: counted(first, chunks, (bytes) => {
      signal?.throwIfAborted();
      onEvent?.({ type: 'path-bytes', path, bytes });
    }),
    ...(tree === undefined ? {} : { narHash }),
    chunks,
    blocks: tree === undefined,
  };
}

async function* counted(
  first: Promise<IteratorResult<Uint8Array>>,
  chunks: AsyncIterator<Uint8Array>,
  onBytes: (bytes: number) => void,
): AsyncGenerator<Uint8Array, void, undefined> {
  for (let next = await first; next.done !== true; next = await chunks.next()) {
    // Once it is handed over it may be released.
    const { length } = next.value;
    yield next.value;
    onBytes(length);
  }
}

/** What stands between the NARs, and small NARs, in chunks worth a write. */
async function* gathered(
  chunks: AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array, void, undefined> {
  const small = new Uint8Array(GATHERED_BYTES);
  let size = 0;
  try {
    for await (const chunk of chunks) {
      if (size > 0 && (chunk.length >= SMALL_BYTES || size + chunk.length > small.length)) {
        yield small.slice(0, size);
        size = 0;
      }
      if (chunk.length < SMALL_BYTES) {
        small.set(chunk, size);
        size += chunk.length;
      } else {
        yield chunk;
        releaseChunk(chunk);
      }
    }
  } catch (error) {
    // What was good is handed over before it is said what wasn't, as Nix does.
    if (size > 0) yield small.slice(0, size);
    throw error;
  }
  if (size > 0) yield small.slice(0, size);
}
