/**
 * Files with keys. A secret key is read from a file that nobody but its owner may read, and written to a new one of
 * that kind; no message ever has a part of it. (Nix manual, "nix key".)
 */
import {
  closeSync,
  constants,
  fchmodSync,
  fstatSync,
  fsyncSync,
  openSync,
  readSync,
} from 'node:fs';
import { unlinkSync, writeSync } from 'node:fs';
import { FerryError, messageOf } from '../error.ts';
import {
  formatSecretKey,
  isWholeKey,
  parseSecretKey,
  type SecretKey,
} from '../format/signature.ts';
import { translateOsError } from '../system/os-error.ts';

/** Bytes of a file with one key, generously: name, 88 characters of base 64, white space. */
const SIZE_MAX = 4096;
/** What a mode gives to the group and to others. */
const NOT_THE_OWNER = 0o077;

/**
 * The key in a file. White space around it is no part of it.
 * @throws FerryError `not-found`, `denied` where others may read it, `corrupt` for what is no key.
 */
export function readSecretKeyFile(file: string): SecretKey {
  const descriptor = openKeyFile(file);
  try {
    const { mode } = fstatSync(descriptor);
    if ((mode & NOT_THE_OWNER) !== 0) {
      const shown = (mode & 0o777).toString(8).padStart(4, '0');
      throw new FerryError(
        'denied',
        `cannot take a secret key from "${file}": its mode ${shown} lets others read it`,
        { path: file, hint: `chmod 600 ${file}` },
      );
    }
    return parseKeyText(file, readBounded(file, descriptor));
  } finally {
    closeSync(descriptor);
  }
}

/** The text of a secret key from anywhere: `file` names it in messages. @throws FerryError `corrupt` */
export function parseKeyText(file: string, text: string): SecretKey {
  if (text.trim() === '') {
    throw new FerryError('corrupt', `cannot read a secret key from "${file}": it is empty`, {
      path: file,
    });
  }
  try {
    const key = parseSecretKey(text);
    if (isWholeKey(key)) return key;
  } catch (error) {
    throw new FerryError(
      'corrupt',
      `cannot read a secret key from "${file}": ${messageOf(error)}`,
      { path: file, hint: 'ferry key generate makes one' },
    );
  }
  throw new FerryError(
    'corrupt',
    `cannot read a secret key from "${file}": its public half does not belong to its secret half`,
    { path: file },
  );
}

/**
 * Writes a key to a new file that only its owner may read, as Nix does: without a line end.
 * @throws FerryError `conflict` where there is something of that name already: it stays as it is.
 */
export function writeSecretKeyFile(file: string, key: SecretKey): void {
  const { O_WRONLY, O_CREAT, O_EXCL, O_NOFOLLOW } = constants;
  let descriptor: number;
  try {
    descriptor = openSync(file, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0o600);
  } catch (error) {
    throw translateOsError(error, 'write a secret key to', file);
  }
  try {
    fchmodSync(descriptor, 0o600);
    writeSync(descriptor, formatSecretKey(key));
    fsyncSync(descriptor);
  } catch (error) {
    unlinkSync(file);
    throw translateOsError(error, 'write a secret key to', file);
  } finally {
    closeSync(descriptor);
  }
}

function openKeyFile(file: string): number {
  let descriptor: number;
  try {
    // Without it a pipe that nobody writes to would be waited for.
    descriptor = openSync(file, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch (error) {
    throw translateOsError(error, 'read a secret key from', file);
  }
  if (fstatSync(descriptor).isFile()) return descriptor;
  closeSync(descriptor);
  throw new FerryError(
    'usage',
    `cannot read a secret key from "${file}": it is not a regular file`,
    { path: file },
  );
}

function readBounded(file: string, descriptor: number): string {
  const bytes = Buffer.alloc(SIZE_MAX + 1);
  let size = 0;
  for (let count = -1; count !== 0 && size < bytes.length; size += count) {
    try {
      count = readSync(descriptor, bytes, size, bytes.length - size, null);
    } catch (error) {
      throw translateOsError(error, 'read a secret key from', file);
    }
  }
  if (size <= SIZE_MAX) return bytes.toString('utf8', 0, size);
  throw new FerryError(
    'corrupt',
    `cannot read a secret key from "${file}": it has more than ${SIZE_MAX} bytes`,
    { path: file },
  );
}
