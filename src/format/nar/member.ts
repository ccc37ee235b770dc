/** Takes one file out of a tree: what a visitor is told of, but for one path, goes by. */
import { displayByteString, utf8ByteString, type ByteString } from '../../bytes/byte-string.ts';
import { FerryError } from '../../error.ts';
import type { NarFile, NarVisitor } from './visitor.ts';

export class MemberExtractor implements NarVisitor {
  readonly #wanted: ByteString;
  readonly #emit: (chunk: Uint8Array) => void;
  readonly #open: ByteString[] = [];
  #isOpenFile = false;
  #found: NarFile | 'directory' | 'symlink' | undefined;

  /**
   * `path` is below the root, `bin/hello` or `/bin/hello`; empty or `/` is the root itself. `emit` gets its contents,
   * in views that are valid during the call only.
   */
  constructor(path: string, emit: (chunk: Uint8Array) => void) {
    this.#wanted = utf8ByteString(path.replace(/^\/+|\/+$/g, '').replace(/\/+/g, '/'));
    this.#emit = emit;
  }

  directory(name: ByteString): void {
    if (this.#isWanted(name)) this.#found = 'directory';
    this.#open.push(name);
  }

  leave(): void {
    this.#open.pop();
  }

  file(name: ByteString, file: NarFile): void {
    if (!this.#isWanted(name)) return;
    this.#found = file;
    this.#isOpenFile = true;
  }

  data(chunk: Uint8Array): void {
    if (this.#isOpenFile) this.#emit(chunk);
  }

  endFile(): void {
    this.#isOpenFile = false;
  }

  symlink(name: ByteString): void {
    if (this.#isWanted(name)) this.#found = 'symlink';
  }

  /**
   * What the file is, once the root is complete. Links are not followed: they may point anywhere.
   * @throws FerryError `not-found`; `usage` for a directory or a symlink.
   */
  finish(): NarFile {
    const path = displayByteString(this.#wanted);
    if (this.#found === undefined)
      throw new FerryError('not-found', `no file "${path}" in the NAR`);
    if (typeof this.#found === 'string') {
      throw new FerryError('usage', `cannot read "${path}" in the NAR: it is a ${this.#found}`);
    }
    return this.#found;
  }

  #isWanted(name: ByteString): boolean {
    // The root's own name is '' and not part of any path.
    return this.#wanted === [...this.#open.slice(1), name].join('/');
  }
}
