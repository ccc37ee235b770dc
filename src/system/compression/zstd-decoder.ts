/**
 * zstd, decompressed at once on the thread that calls: for worker threads, which then use the contents where they are,
 * in one buffer for all of them. The only file that reaches into the engines of node:zlib, for what its own synchronous
 * calls do and don't offer for a stream; `isAvailable` says whether they are still made the way that is needed.
 */
import { createZstdDecompress, constants } from 'node:zlib';
import { cannotDecompress, libraryError } from './corrupt.ts';
import { StructureWalker } from './structure.ts';
import { zstdStructure } from './zstd-structure.ts';

/** Bytes of contents that are given at a time. */
const BUFFER_BYTES = 256 * 1024;
/** For all decoders of the thread: nothing is in it but during a call. */
let sharedBuffer: Uint8Array | undefined;

/** What is used of an engine besides its public part (`processChunkSync` in Node's lib/zlib.js does the same). */
interface Engine {
  readonly _handle: Handle;
  /** What the last write left: room for output, and input. */
  readonly _writeState: Uint32Array;
  close(): void;
}

interface Handle {
  writeSync(
    flush: number,
    input: Uint8Array,
    inputOffset: number,
    inputLength: number,
    output: Uint8Array,
    outputOffset: number,
    outputLength: number,
  ): void;
}

export class ZstdDecoder implements Disposable {
  readonly #emit: (contents: Uint8Array) => void;
  readonly #engine: Engine;
  readonly #walker = new StructureWalker('zstd', zstdStructure);
  #problem: string | undefined;
  #isClosed = false;

  /** Whether this Node has what it takes. */
  static get isAvailable(): boolean {
    return (isAvailable ??= tryEngine());
  }

  /** @param emit gets a view that is valid during the call only */
  constructor(emit: (contents: Uint8Array) => void) {
    const engine: unknown = createZstdDecompress();
    if (!isEngine(engine)) throw cannotDecompress('zstd', 'this Node has no engine for it');
    this.#emit = emit;
    this.#engine = engine;
    Object.assign(engine._handle, {
      onerror: (message: string) => {
        this.#problem = message;
      },
    });
  }

  /** @throws FerryError `corrupt`; what `emit` throws */
  push(chunk: Uint8Array): void {
    // First of all: it knows what would take too much memory.
    this.#walker.push(chunk);
    const buffer = (sharedBuffer ??= new Uint8Array(BUFFER_BYTES));
    let at = 0;
    for (;;) {
      const left = chunk.length - at;
      this.#engine._handle.writeSync(
        constants.ZSTD_e_continue,
        chunk,
        at,
        left,
        buffer,
        0,
        BUFFER_BYTES,
      );
      if (this.#problem !== undefined) throw libraryError('zstd', new Error(this.#problem));
      const [room = 0, unread = 0] = this.#engine._writeState;
      const count = BUFFER_BYTES - room;
      if (count > 0) this.#emit(buffer.subarray(0, count));
      at = chunk.length - unread;
      // With room left it gave all that it had. It stops at the end of each frame.
      if (room > 0 && unread === 0) return;
      if (count === 0 && unread === left) throw cannotDecompress('zstd', 'it leads nowhere');
    }
  }

  /** @throws FerryError `corrupt` where something is missing */
  finish(): void {
    this.#walker.finish();
  }

  [Symbol.dispose](): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#engine.close();
  }
}

let isAvailable: boolean | undefined;

function tryEngine(): boolean {
  const engine: unknown = createZstdDecompress();
  const isSo = isEngine(engine);
  if (isSo) engine.close();
  return isSo;
}

function isEngine(engine: unknown): engine is Engine {
  if (!hasKeys(engine, '_handle', '_writeState', 'close')) return false;
  const { _handle: handle, _writeState: state } = engine;
  return (
    hasKeys(handle, 'writeSync', 'onerror') &&
    typeof handle.writeSync === 'function' &&
    state instanceof Uint32Array
  );
}

function hasKeys<Key extends string>(
  value: unknown,
  ...keys: readonly Key[]
): value is Record<Key, unknown> {
  return typeof value === 'object' && value !== null && keys.every((key) => key in value);
}
