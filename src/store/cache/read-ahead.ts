/**
 * Small NARs of the paths that come next, fetched while the one before is still in use, so that a round trip isn't paid
 * for each of them. What is held is bounded, in number and in bytes.
 */
import type { NarInfo } from '../../format/narinfo.ts';
import type { StorePath } from '../../format/store-path.ts';
import type { Objects } from './objects.ts';

/** Bytes of a file that counts as small. */
const SMALL_BYTES = 1024 * 1024;
/** By so much a file may be larger than its NAR, where its own size isn't told. */
const SLACK_BYTES = 16 * 1024;
/** Bytes that are held or under way. */
const WINDOW_BYTES = 16 * 1024 * 1024;
/** How many streams may be handed out after one that nobody reads, until what was fetched for it is dropped. */
const PATIENCE = 64;

interface Entry {
  /** All of the file; undefined where it is not there, larger than it said, or not to be had. */
  readonly bytes: Promise<Uint8Array | undefined>;
  readonly size: number;
  readonly abort: AbortController;
  /** The number of its stream, once it was handed out. */
  handedOut?: number;
}

export class ReadAhead {
  readonly #objects: Objects;
  readonly #signal: AbortSignal;
  readonly #entries = new Map<StorePath, Entry>();
  #bytes = 0;
  #handedOut = 0;

  constructor(objects: Objects, signal: AbortSignal) {
    this.#objects = objects;
    this.#signal = signal;
  }

  /** Begins to fetch what is small of the next paths, as far as there is room. */
  fetch(next: Iterable<NarInfo>): void {
    // As many again as are under way may lie here, to be used.
    const countMax = 2 * this.#objects.concurrency;
    for (const { info, url, fileSize } of next) {
      // What it takes when it isn't compressed is more than it takes, mostly.
      const size = fileSize ?? info.narSize;
      if (this.#entries.has(info.path)) continue;
      const isFull = this.#entries.size >= countMax || this.#bytes + size > WINDOW_BYTES;
      if (size > SMALL_BYTES) continue;
      if (isFull) return;
      const abort = new AbortController();
      const signal = AbortSignal.any([this.#signal, abort.signal]);
      const bytes = fetchWhole(this.#objects, url, { size, signal });
      this.#entries.set(info.path, { bytes, size, abort });
      this.#bytes += size;
    }
  }

  /** The stream of this path goes to the caller, who may read it or not. */
  handOut(path: StorePath): void {
    const entry = this.#entries.get(path);
    if (entry !== undefined) entry.handedOut = this.#handedOut;
    this.#handedOut++;
    for (const [other, { handedOut }] of this.#entries) {
      if (handedOut === undefined || handedOut + PATIENCE > this.#handedOut) break;
      this.#drop(other);
    }
  }

  /** The bytes that were fetched for a path, to be used once. */
  async take(path: StorePath): Promise<Uint8Array | undefined> {
    const entry = this.#entries.get(path);
    if (entry === undefined) return undefined;
    this.#forget(path, entry);
    return await entry.bytes;
  }

  /** No more streams are wanted; those handed out may still be read. */
  end(): void {
    for (const [path, { handedOut }] of this.#entries) {
      if (handedOut === undefined) this.#drop(path);
    }
  }

  #drop(path: StorePath): void {
    const entry = this.#entries.get(path);
    if (entry === undefined) return;
    this.#forget(path, entry);
    entry.abort.abort();
  }

  #forget(path: StorePath, { size }: Entry): void {
    this.#entries.delete(path);
    this.#bytes -= size;
  }
}

/** Never rejects: who needs the bytes asks for them again, and then hears what is wrong. */
async function fetchWhole(
  objects: Objects,
  url: string,
  { size, signal }: { readonly size: number; readonly signal: AbortSignal },
): Promise<Uint8Array | undefined> {
  try {
    const body = await objects.get(url, { sizeHint: size, signal });
    if (body === undefined) return undefined;
    const chunks: Uint8Array[] = [];
    let fetched = 0;
    for await (const chunk of body.bytes) {
      fetched += chunk.length;
      // What is promised to be tiny must not fill the memory.
      if (fetched > size + SLACK_BYTES) return undefined;
      chunks.push(chunk);
    }
    return chunks.length === 1 ? chunks[0] : new Uint8Array(Buffer.concat(chunks));
  } catch {
    return undefined;
  }
}
