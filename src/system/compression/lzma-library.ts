/** The library behind xz, which is loaded when it is first needed: it is native, and most commands do without. */
import type * as napiLzma from '@napi-rs/lzma';
import { FerryError } from '../../error.ts';

/**
 * What is used of `@napi-rs/lzma`: its streams alone. They allocate and free on the thread that does the work; the
 * classes free on another, and were seen to hold 900 MB after thirty small files.
 */
export type LzmaLibrary = Pick<typeof napiLzma, 'xz'>;

let library: Promise<LzmaLibrary> | undefined;

/** @throws FerryError `unsupported` where it has nothing for this machine, or wasn't installed */
export async function loadLzma(): Promise<LzmaLibrary> {
  library ??= import('@napi-rs/lzma');
  try {
    return await library;
  } catch (error) {
    const message = 'cannot compress or decompress xz: the library for it is missing';
    throw new FerryError('unsupported', message, {
      hint: 'install the package again, with its optional dependencies, or use zstd',
      cause: error,
    });
  }
}
