/** Decompresses and unpacks on one thread: the contents never leave it, and lie in its processor's cache. */
import { Bzip2Decoder } from '../../format/bzip2/decoder.ts';
import { LzipDecoder } from '../../format/lzip/decoder.ts';
import { ZstdDecoder } from '../compression/zstd-decoder.ts';
import type { StreamUnpacker } from './jobs.ts';
import type { JobResult, UnpackDecompression } from './messages.ts';

export class CompressedUnpacker implements Disposable {
  readonly #unpacker: StreamUnpacker;
  readonly #decoder: Bzip2Decoder | LzipDecoder | ZstdDecoder;

  constructor(compression: UnpackDecompression, unpacker: StreamUnpacker) {
    this.#unpacker = unpacker;
    this.#decoder = createDecoder(compression, (contents) => unpacker.push(contents));
  }

  push(chunk: Uint8Array): void {
    this.#decoder.push(chunk);
  }

  end(): JobResult {
    this.#decoder.finish();
    const result = this.#unpacker.end();
    this.#close();
    return result;
  }

  /** Without a successful `end` the target is removed. */
  [Symbol.dispose](): void {
    this.#close();
    this.#unpacker[Symbol.dispose]();
  }

  #close(): void {
    if (this.#decoder instanceof ZstdDecoder) this.#decoder[Symbol.dispose]();
  }
}

function createDecoder(
  compression: UnpackDecompression,
  emit: (contents: Uint8Array) => void,
): Bzip2Decoder | LzipDecoder | ZstdDecoder {
  switch (compression) {
    case 'bzip2':
      return new Bzip2Decoder(emit);
    case 'lzip':
      return new LzipDecoder(emit);
    case 'zstd':
      return new ZstdDecoder(emit);
  }
}
