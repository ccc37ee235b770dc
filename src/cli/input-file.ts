/** Files and trees as the command line names them. */
import { createReadStream, lstatSync } from 'node:fs';
import { resolve } from 'node:path';
import { translateOsError } from '../system/os-error.ts';
import { say, type CommandContext } from './context.ts';

const CHUNK_BYTES = 256 << 10;

/** The bytes of a file, or of stdin where it is called "-". @throws FerryError `not-found`, `denied` */
export async function* readInput(
  { stdin, cwd, signal }: CommandContext,
  file: string,
): AsyncGenerator<Uint8Array> {
  if (file === '-') {
    yield* stdin;
    return;
  }
  try {
    yield* createReadStream(resolve(cwd, file), { highWaterMark: CHUNK_BYTES, signal });
  } catch (error) {
    throw translateOsError(error, 'read', file);
  }
}

/** A tree to be packed, which a link is too, though rarely meant. @throws FerryError `not-found`, `denied` */
export async function treeOf(context: CommandContext, path: string): Promise<string> {
  const tree = resolve(context.cwd, path);
  try {
    if (lstatSync(tree).isSymbolicLink()) {
      await say(context, `warning: "${path}" is a link, and taken as a link`);
    }
  } catch (error) {
    throw translateOsError(error, 'read', path);
  }
  return tree;
}
