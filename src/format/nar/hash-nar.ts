/** The hash and size of the NAR of what a visitor is told of. */
import { StreamingHash, type Hash } from '../hash.ts';
import type { ByteString } from '../../bytes/byte-string.ts';
import { NarEncoder } from './encoder.ts';
import type { NarFile, NarVisitor } from './visitor.ts';

export interface NarDigest {
  /** SHA-256 of the NAR. */
  readonly narHash: Hash;
  /** Bytes of the NAR. */
  readonly narSize: number;
}

export class NarHasher implements NarVisitor {
  readonly #hash = new StreamingHash('sha256');
  readonly #encoder: NarEncoder;

  /** `onChunk` sees every piece of the NAR after it was hashed; the view is valid during the call only. */
  constructor(onChunk?: (chunk: Uint8Array) => void) {
    this.#encoder = new NarEncoder((chunk) => {
      this.#hash.update(chunk);
      onChunk?.(chunk);
    });
  }

  directory(name: ByteString): void {
    this.#encoder.directory(name);
  }

  leave(): void {
    this.#encoder.leave();
  }

  file(name: ByteString, file: NarFile): void {
    this.#encoder.file(name, file);
  }

  data(chunk: Uint8Array): void {
    this.#encoder.data(chunk);
  }

  endFile(): void {
    this.#encoder.endFile();
  }

  symlink(name: ByteString, target: ByteString): void {
    this.#encoder.symlink(name, target);
  }

  /** To be called once, when the root is complete. */
  finish(): NarDigest {
    this.#encoder.end();
    return { narHash: this.#hash.finish(), narSize: this.#hash.size };
  }
}
