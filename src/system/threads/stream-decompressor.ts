/** Decompresses on a thread what arrives there piece by piece: the methods that are done in JavaScript. */
import { Bzip2Decoder } from '../../format/bzip2/decoder.ts';
import { LzipDecoder } from '../../format/lzip/decoder.ts';
import { ChunkCutter } from '../compression/chunk-cutter.ts';
import type { ThreadDecompression } from './messages.ts';
import type { Send } from './outlet.ts';

export class StreamDecompressor implements Disposable {
  readonly #decoder: Bzip2Decoder | LzipDecoder;
  readonly #cutter: ChunkCutter;

  /** `send` may block. */
  constructor(compression: ThreadDecompression, send: Send) {
    this.#cutter = new ChunkCutter(send);
    const emit = (bytes: Uint8Array): void => this.#cutter.push(bytes);
    this.#decoder = compression === 'bzip2' ? new Bzip2Decoder(emit) : new LzipDecoder(emit);
  }

  push(chunk: Uint8Array): void {
    this.#decoder.push(chunk);
  }

  end(): undefined {
    this.#decoder.finish();
    this.#cutter.flush();
  }

  [Symbol.dispose](): void {}
}
