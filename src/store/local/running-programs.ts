/**
 * What running programs use: their executables, libraries, open files and working directories, and store paths that their
 * environments mention. On Linux `/proc` tells; elsewhere `lsof` does.
 */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { setImmediate as breathe } from 'node:timers/promises';
import type { ByteString } from '../../bytes/byte-string.ts';
import { isFerryError } from '../../error.ts';
import { startProcess } from '../../system/process.ts';

/** A text that may be a path in a store, with what follows it. */
export interface Use {
  readonly text: ByteString;
  /** Where it stands, as Nix calls it: `/proc/123/environ`, `/proc/123/fd/4`. */
  readonly holder: string;
}

/** Files of the kernel that may name programs. */
const KERNEL_FILES = ['modprobe', 'fbsplash', 'poweroff_cmd'];
/** A line of `/proc/PID/maps` with the file that is mapped; one that was removed since has a remark behind it. */
const MAPPED_FILE = /^\s*(?:\S+\s+){5}(\/.*)(?<! \(deleted\))$/;

/**
 * Texts below one of the directories; some come several times. Programs of other users can only be looked into by root.
 */
export async function* runningPrograms(directories: readonly ByteString[]): AsyncGenerator<Use> {
  const isInStore = ({ text }: Use): boolean =>
    directories.some((directory) => text.startsWith(`${directory}/`));
  if (process.platform !== 'linux') {
    for await (const use of openFilesByLsof()) if (isInStore(use)) yield use;
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
    yield* filesOf(`/proc/${id}`).filter(isInStore);
    const environment = `/proc/${id}/environ`;
    for (const text of textOf(environment).match(mentions) ?? []) {
      yield { text: text as ByteString, holder: environment };
    }
  }
  for (const name of KERNEL_FILES) {
    const holder = `/proc/sys/kernel/${name}`;
    const use = { text: textOf(holder).trim() as ByteString, holder };
    if (isInStore(use)) yield use;
  }
}

function filesOf(own: string): Use[] {
  const links = [
    `${own}/exe`,
    `${own}/cwd`,
    ...numbersIn(`${own}/fd`).map((fd) => `${own}/fd/${fd}`),
  ];
  const uses: Use[] = [];
  for (const holder of links) {
    const text = linkTarget(holder);
    if (text !== undefined) uses.push({ text, holder });
  }
  for (const line of textOf(`${own}/maps`).split('\n')) {
    const text = MAPPED_FILE.exec(line)?.[1];
    if (text !== undefined) uses.push({ text: text as ByteString, holder: `${own}/maps` });
  }
  return uses;
}

function numbersIn(directory: string): string[] {
  try {
    return readdirSync(directory).filter((name) => /^\d+$/.test(name));
  } catch {
    return [];
  }
}

function linkTarget(file: string): ByteString | undefined {
  try {
    return readlinkSync(file, 'latin1') as ByteString;
  } catch {
    return undefined;
  }
}

/** All of it, which the kernel limits: what a program with many mappings uses may stand at the very end. */
function textOf(file: string): string {
  try {
    return readFileSync(file, 'latin1');
  } catch {
    return '';
  }
}

function literally(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
}

/** One line for each open file, which begins with "n". */
async function* openFilesByLsof(): AsyncGenerator<Use> {
  const holder = '{lsof}';
  let rest = '';
  try {
    const lsof = await startProcess('lsof', ['-n', '-w', '-F', 'n']);
    const decoder = new TextDecoder('latin1');
    for await (const chunk of lsof.readable) {
      const lines = (rest + decoder.decode(chunk, { stream: true })).split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines)
        if (line.startsWith('n/')) yield { text: line.slice(1) as ByteString, holder };
    }
    await lsof.close();
  } catch (error) {
    // Nix goes without where there is no such program, too.
    if (!isFerryError(error, 'not-found')) throw error;
  }
}

/** The name of a running program, as the system has it; undefined where that can't be known (any more). */
export function programNameOf(processId: number): string | undefined {
  return textOf(`/proc/${processId}/comm`).trimEnd() || undefined;
}
