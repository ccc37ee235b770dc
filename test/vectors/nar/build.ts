/** Archives put together by hand, word by word, so that tests can say what is wrong with them. */
import { paddingOf } from '../../../src/bytes/byte-writer.ts';

/** A `str`: length, bytes, zeros. */
export function str(value: string | Uint8Array): Uint8Array {
  const bytes = typeof value === 'string' ? Buffer.from(value, 'latin1') : value;
  return Buffer.concat([u64(bytes.length), bytes, new Uint8Array(paddingOf(bytes.length))]);
}

export function u64(value: number | bigint): Uint8Array {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(BigInt(value));
  return bytes;
}

/** Pieces one after the other; a text is a `str`, one character a byte. */
export function bytesOf(...pieces: readonly (string | Uint8Array)[]): Uint8Array {
  return new Uint8Array(
    Buffer.concat(pieces.map((piece) => (typeof piece === 'string' ? str(piece) : piece))),
  );
}

export function nar(...root: readonly (string | Uint8Array)[]): Uint8Array {
  return bytesOf('nix-archive-1', ...root);
}

export function file(
  contents: string,
  options: { readonly executable?: boolean } = {},
): Uint8Array {
  const mark = options.executable === true ? ['executable', ''] : [];
  return bytesOf('(', 'type', 'regular', ...mark, 'contents', contents, ')');
}

export function symlink(target: string): Uint8Array {
  return bytesOf('(', 'type', 'symlink', 'target', target, ')');
}

export function directory(...entries: readonly Uint8Array[]): Uint8Array {
  return bytesOf('(', 'type', 'directory', ...entries, ')');
}

/** Names are one character a byte. */
export function entry(name: string, node: Uint8Array): Uint8Array {
  return bytesOf('entry', '(', 'name', name, 'node', node, ')');
}

/** A node inside so many directories. */
export function nested(depth: number, node: Uint8Array): Uint8Array {
  let nested = node;
  for (let i = 0; i < depth; i++) nested = directory(entry('d', nested));
  return nested;
}

/** The same bytes with one of them changed. */
export function withByte(bytes: Uint8Array, at: number, value: number): Uint8Array {
  const changed = bytes.slice();
  changed[at] = value;
  return changed;
}

/** Every kind of node; names that sort, spell and encode in every way; sizes around the padding and the buffers. */
export const richNar: Uint8Array = nar(
  directory(
    entry(' leading blank', file('')),
    entry('-rf', file('x')),
    entry('...', file('three dots')),
    entry('A', directory()),
    entry('__proto__', file('12345678')),
    entry('a', file('#!/bin/sh\n', { executable: true })),
    entry('a.b', symlink('a')),
    entry('aa', directory(entry('a', directory(entry('a', symlink('../../../../etc/passwd')))))),
    entry('new\nline', file('seven b')),
    entry('n'.repeat(255), file('nine byte')),
    entry('z\xc3\xa4hler', symlink('/nix/store/\xff\xfe')),
    entry('\xe6\x97\xa5\xe6\x9c\xac', file('Nihon', { executable: true })),
    entry('\xff\x80 not UTF-8', directory(entry('\x01', file('\0'.repeat(16))))),
  ),
);

/** The archive of one file with the contents `hello`, as real Nix makes it. */
export const helloNar: Uint8Array = nar(file('hello'));
