/** What `ferry import` was given: Nix's export stream or a bundle, told apart by how it begins. */
import { closeSync, existsSync, openSync, readSync, statSync } from 'node:fs';
import { resolve } from 'node:path';
import { FerryError } from '../error.ts';
import { isBundle, magicBytes } from '../format/bundle/magic.ts';
import { partName } from '../format/bundle/part.ts';
import { peekAt } from '../store/bundle/peek-at.ts';
import { translateOsError } from '../system/os-error.ts';
import type { CommandContext } from './context.ts';
import { readInput } from './input-file.ts';
import type { BundleInput } from './run-bundle-import.ts';

export type ImportInput =
  | { readonly bundle: BundleInput }
  | { readonly export: AsyncIterable<Uint8Array> };

/** @throws FerryError `usage` for several files that aren't parts of a bundle; `not-found`, `denied` */
export async function findImportInput(
  context: CommandContext,
  files: readonly string[],
): Promise<ImportInput> {
  const [file = '-', ...others] = files;
  if (file !== '-' && isBundleInFiles(resolve(context.cwd, file), file))
    return { bundle: { files } };
  if (others.length > 0) {
    throw new FerryError(
      'usage',
      `several files make sense only for parts of a bundle, and "${file}" is none`,
    );
  }
  if (file === '-') await context.stdin.widen?.();
  const { first, all } = await peekAt(readInput(context, file), magicBytes);
  if (!isBundle(first)) return { export: all };
  return { bundle: { stream: all, name: file === '-' ? 'stdin' : `"${file}"` } };
}

/** What can be read at any place, too: of a pipe nothing is read here. */
function isBundleInFiles(path: string, file: string): boolean {
  // Parts may be called by what they have in common.
  const first = existsSync(path) || !existsSync(partName(path, 1)) ? path : partName(path, 1);
  try {
    if (!statSync(first).isFile()) return false;
    const fd = openSync(first, 'r');
    try {
      const head = new Uint8Array(magicBytes);
      return isBundle(head.subarray(0, readSync(fd, head, 0, head.length, 0)));
    } finally {
      closeSync(fd);
    }
  } catch (error) {
    throw translateOsError(error, 'read', file);
  }
}
