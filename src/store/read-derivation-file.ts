/** Derivations whose trees lie on this machine, read as the small files that they are. */
import { closeSync, constants, fstatSync, openSync, readFileSync } from 'node:fs';
import { FerryError, isFerryError, messageOf } from '../error.ts';
import { derivationSizeMax, parseDerivation, type Derivation } from '../format/derivation.ts';
import { printStorePath, type StoreDir, type StorePath } from '../format/store-path.ts';
import { errnoOf, translateOsError } from '../system/os-error.ts';

/**
 * A derivation out of a file, valid or not.
 * @throws FerryError `corrupt`, `denied`, `not-found`
 */
export function readDerivationFile(storeDir: StoreDir, path: StorePath, file: string): Derivation {
  const text = readDerivationText(storeDir, path, file);
  try {
    return parseDerivation(storeDir, text);
  } catch (error) {
    throw ofDerivation(error, printStorePath(storeDir, path));
  }
}

/** Its bytes. @throws as `readDerivationFile` */
export function readDerivationText(storeDir: StoreDir, path: StorePath, file: string): Uint8Array {
  try {
    return readSmallFile(file);
  } catch (error) {
    const printed = printStorePath(storeDir, path);
    if (errnoOf(error) === 'ENOENT') {
      throw new FerryError('not-found', `derivation "${printed}" is not in the store`, {
        path: printed,
        cause: error,
      });
    }
    throw ofDerivation(error, printed);
  }
}

/** An error of a parser that doesn't know what it reads. */
export function ofDerivation(error: unknown, printed: string): unknown {
  if (!isFerryError(error)) return translateOsError(error, 'read derivation', printed);
  return new FerryError(error.code, `derivation "${printed}": ${messageOf(error)}`, {
    path: printed,
    cause: error,
  });
}

/** A regular file and no link to one: it came from elsewhere, and this may be root. */
function readSmallFile(file: string): Uint8Array {
  const fd = openSync(file, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  try {
    const stat = fstatSync(fd);
    if (!stat.isFile()) throw new FerryError('corrupt', 'it is not a regular file');
    if (stat.size > derivationSizeMax) {
      throw new FerryError('corrupt', `it has ${stat.size} bytes, more than any derivation`);
    }
    return readFileSync(fd);
  } finally {
    closeSync(fd);
  }
}
