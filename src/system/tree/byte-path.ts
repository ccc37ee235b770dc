/** Paths whose last parts are bytes: Node takes text for UTF-8, and names on disk need not be that. */
import type { PathLike } from 'node:fs';
import {
  displayByteString,
  fromByteString,
  isAscii,
  type ByteString,
} from '../../bytes/byte-string.ts';

/** What the calls of `node:fs` take for these bytes. */
export function toPathLike(path: ByteString): PathLike {
  return isAscii(path) ? path : (fromByteString(path) as Buffer);
}

/** For messages. */
export function displayPath(path: ByteString): string {
  return displayByteString(path);
}
