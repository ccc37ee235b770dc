/**
 * The hash of bytes modulo a hash part that they may mention: how a path that refers to itself can have a content
 * address. Every mention counts as 32 zero bytes. Nix up to 2.16 and from 2.35 on appends the position of each
 * mention, `|<offset>`; from 2.17 to 2.34 it does not. (Nix manual, "Content-Addressing Store Objects".)
 */
import type { Hash as NodeHash } from 'node:crypto';
import { crypto } from '../crypto.ts';
import type { Hash, HashAlgorithm } from '../hash.ts';

export class ModuloHasher {
  readonly #algorithm: HashAlgorithm;
  readonly #state: NodeHash;
  readonly #pattern: Buffer;
  readonly #mentions: number[] = [];
  /** Bytes that are not hashed yet: a mention may have begun in them. */
  #held: Buffer = Buffer.alloc(0);
  /** Where in the stream `#held` begins. */
  #offset = 0;

  constructor(algorithm: HashAlgorithm, hashPart: string) {
    this.#algorithm = algorithm;
    this.#state = crypto().createHash(algorithm);
    this.#pattern = Buffer.from(hashPart, 'latin1');
  }

  update(chunk: Uint8Array): void {
    // A copy: the mentions are blanked in it.
    const bytes = Buffer.concat([this.#held, chunk]);
    for (let at = bytes.indexOf(this.#pattern); at >= 0; at = bytes.indexOf(this.#pattern, at)) {
      this.#mentions.push(this.#offset + at);
      bytes.fill(0, at, at + this.#pattern.length);
    }
    const ready = Math.max(0, bytes.length - this.#pattern.length + 1);
    this.#state.update(bytes.subarray(0, ready));
    this.#offset += ready;
    this.#held = bytes.subarray(ready);
  }

  /** With the positions, as is documented, and without them. One alone where it isn't mentioned: they are the same. */
  finish(): readonly Hash[] {
    this.#state.update(this.#held);
    const withoutPositions = this.#state.copy();
    for (const offset of this.#mentions) this.#state.update(`|${offset}`);
    const states = this.#mentions.length === 0 ? [this.#state] : [this.#state, withoutPositions];
    return states.map((state) => ({
      algorithm: this.#algorithm,
      digest: new Uint8Array(state.digest()),
    }));
  }
}
