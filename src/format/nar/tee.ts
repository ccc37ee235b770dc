/** One visitor made of several. */
import type { ByteString } from '../../bytes/byte-string.ts';
import type { NarFile, NarVisitor } from './visitor.ts';

/** Tells each of them, in this order. Where one throws those after it aren't told. */
export function teeVisitor(...visitors: readonly NarVisitor[]): NarVisitor {
  const [only] = visitors;
  if (only !== undefined && visitors.length === 1) return only;
  return {
    directory(name: ByteString): void {
      for (const visitor of visitors) visitor.directory(name);
    },
    leave(): void {
      for (const visitor of visitors) visitor.leave();
    },
    file(name: ByteString, file: NarFile): void {
      for (const visitor of visitors) visitor.file(name, file);
    },
    data(chunk: Uint8Array): void {
      for (const visitor of visitors) visitor.data(chunk);
    },
    endFile(): void {
      for (const visitor of visitors) visitor.endFile();
    },
    symlink(name: ByteString, target: ByteString): void {
      for (const visitor of visitors) visitor.symlink(name, target);
    },
  };
}
