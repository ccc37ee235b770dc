/**
 * What running programs use: their executables, libraries, open files and working directories, and store paths that their
 * environments mention. On Linux `/proc` tells; elsewhere `lsof` does.
 */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { setImmediate as breathe } from 'node:timers/promises';
import { isFerryError } from '../../error.ts';
import { startProcess } from '../../system/process.ts';

/** Bytes of an environment that are looked at. */
const ENVIRONMENT_MAX = 4 << 20;
/** Files of the kernel that may name programs. */
const KERNEL_FILES = ['modprobe', 'fbsplash', 'poweroff_cmd'];

/**
 * Texts that may be paths below one of the directories, with what follows the store path; some come several times.
 * Programs of other users can only be looked into by root.
 */
export async function* runningPrograms(directories: readonly string[]): AsyncGenerator<string> {
  const isInStore = (text: string): boolean =>
    directories.some((directory) => text.startsWith(`${directory}/`));
  if (process.platform !== 'linux') {
    for await (const text of openFilesByLsof()) if (isInStore(text)) yield text;
    return;
  }
  const mentions = new RegExp(
    directories
      .map((directory) => `${literally(directory)}/[0-9a-z]+[0-9a-zA-Z+\\-._?=]*`)
      .join('|'),
    'g',
  );
  for (const id of numbersIn('/proc')) {
    await breathe();
    const own = `/proc/${id}`;
    const files = [
      `${own}/exe`,
      `${own}/cwd`,
      ...numbersIn(`${own}/fd`).map((fd) => `${own}/fd/${fd}`),
    ];
    for (const file of files) {
      const target = linkTarget(file);
      // A file that was removed while it is open keeps its path with a remark behind it.
      if (target !== undefined && isInStore(target)) yield target;
    }
    for (const line of textOf(`${own}/maps`).split('\n')) {
      const file = line.slice(line.indexOf('/'));
      if (isInStore(file)) yield file;
    }
    yield* textOf(`${own}/environ`).match(mentions) ?? [];
  }
  for (const name of KERNEL_FILES) {
    const text = textOf(`/proc/sys/kernel/${name}`).trim();
    if (isInStore(text)) yield text;
  }
}

function numbersIn(directory: string): string[] {
  try {
    return readdirSync(directory).filter((name) => /^\d+$/.test(name));
  } catch {
    return [];
  }
}

function linkTarget(file: string): string | undefined {
  try {
    return readlinkSync(file);
  } catch {
    return undefined;
  }
}

function textOf(file: string): string {
  try {
    return readFileSync(file, 'latin1').slice(0, ENVIRONMENT_MAX);
  } catch {
    return '';
  }
}

function literally(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
}

/** One line for each open file, which begins with "n". */
async function* openFilesByLsof(): AsyncGenerator<string> {
  let rest = '';
  try {
    const lsof = await startProcess('lsof', ['-n', '-w', '-F', 'n']);
    const decoder = new TextDecoder('latin1');
    for await (const chunk of lsof.readable) {
      const lines = (rest + decoder.decode(chunk, { stream: true })).split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) if (line.startsWith('n/')) yield line.slice(1);
    }
    await lsof.close();
  } catch (error) {
    // Nix goes without where there is no such program, too.
    if (!isFerryError(error, 'not-found')) throw error;
  }
}
