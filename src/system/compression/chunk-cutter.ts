/** Makes chunks of one size out of pieces of any. */

/** Chunks of what is compressed, or was. */
export const chunkBytesDefault: number = 256 * 1024;

/** One that was begun and not sent, for the next stream of this thread. */
let spare: Uint8Array<ArrayBuffer> | undefined;

/**
 * Copies what it is given. The chunks are the receiver's: each fills a buffer of its own, which may travel to another
 * thread or be given back.
 */
export class ChunkCutter {
  readonly #chunkBytes: number;
  readonly #emit: (chunk: Uint8Array<ArrayBuffer>) => void;
  #buffer: Uint8Array<ArrayBuffer> | undefined;
  #filled = 0;

  constructor(emit: (chunk: Uint8Array<ArrayBuffer>) => void, chunkBytes?: number) {
    this.#emit = emit;
    this.#chunkBytes = chunkBytes ?? chunkBytesDefault;
  }

  push(bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length; ) {
      const buffer = (this.#buffer ??= takeBuffer(this.#chunkBytes));
      const part = bytes.subarray(at, at + buffer.length - this.#filled);
      buffer.set(part, this.#filled);
      this.#filled += part.length;
      at += part.length;
      if (this.#filled === buffer.length) {
        this.#buffer = undefined;
        this.#filled = 0;
        this.#emit(buffer);
      }
    }
  }

  /** Emits what is left, if anything. No more follows. */
  flush(): void {
    const buffer = this.#buffer;
    if (buffer === undefined) return;
    const rest = buffer.slice(0, this.#filled);
    this.#buffer = undefined;
    this.#filled = 0;
    spare = buffer;
    this.#emit(rest);
  }
}

function takeBuffer(size: number): Uint8Array<ArrayBuffer> {
  const buffer = spare;
  spare = undefined;
  if (buffer?.length === size) return buffer;
  return new Uint8Array(Buffer.allocUnsafeSlow(size).buffer);
}
