/**
 * A file that a command writes: under a temporary name beside it, so that what was there stays whole until the new one
 * is. Pipes and devices are written as they are.
 */
import {
  closeSync,
  lstatSync,
  openSync,
  realpathSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { resolve } from 'node:path';
import { crypto } from '../format/crypto.ts';
import { translateOsError } from '../system/os-error.ts';
import type { CommandContext } from './context.ts';

export interface OutputFile extends Disposable {
  write(data: string | Uint8Array): Promise<void>;
  /** The file is there from now on. Disposed without it, nothing was written. */
  commit(): void;
}

/** @throws FerryError `denied`, `not-found` for its directory, `conflict` for a directory */
export function openOutputFile({ cwd }: Pick<CommandContext, 'cwd'>, name: string): OutputFile {
  const translated = <T>(body: () => T): T => {
    try {
      return body();
    } catch (error) {
      throw translateOsError(error, 'write', name);
    }
  };
  const file = translated(() => throughLinks(resolve(cwd, name)));
  const there = lstatSync(file, { throwIfNoEntry: false });
  const isDirect = there !== undefined && !there.isFile();
  const temporary = isDirect ? file : `${file}.tmp-${crypto().randomBytes(6).toString('hex')}`;
  const fd = translated(() => openSync(temporary, isDirect ? 'w' : 'wx', there?.mode ?? 0o666));
  let isOpen = true;
  const close = (): void => {
    if (isOpen) closeSync(fd);
    isOpen = false;
  };
  let isCommitted = isDirect;
  return {
    write: async (data) => translated(() => writeFileSync(fd, data)),
    commit() {
      close();
      if (!isDirect) translated(() => renameSync(temporary, file));
      isCommitted = true;
    },
    [Symbol.dispose]() {
      close();
      if (!isCommitted) rmSync(temporary, { force: true });
    },
  };
}

/** The file itself, where the name is a link to one. */
function throughLinks(file: string): string {
  const isLink = lstatSync(file, { throwIfNoEntry: false })?.isSymbolicLink() === true;
  return isLink ? realpathSync(file) : file;
}
