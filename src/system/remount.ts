/**
 * Writing below a read-only mount, as NixOS has on `/nix/store`: root makes it writable for itself alone, in a mount
 * namespace of its own, as Nix does. A namespace belongs to a thread and to the threads that it starts from then on:
 * to be called on the main thread, before there are workers that are to write.
 */
import { readFileSync } from 'node:fs';

const CLONE_NEWNS = 0x20000;
const MS_REMOUNT = 32;
const MS_BIND = 4096;
/** What a mount forbids besides writing stays forbidden; how it keeps access times stays by itself. */
const KEPT: readonly (readonly [option: string, flag: number])[] = [
  ['nosuid', 2],
  ['nodev', 4],
  ['noexec', 8],
];

let isAlone = false;

/**
 * Whether it could be done: not unless the directory is itself where something is mounted, as the kernel has it
 * (`/proc/self/mountinfo`), and this is root.
 */
export async function remountWritable(directory: string): Promise<boolean> {
  if (process.platform !== 'linux' || process.geteuid?.() !== 0) return false;
  const options = mountOptions(directory);
  if (options?.includes('ro') !== true) return false;
  const { default: koffi } = await import('koffi');
  const library = koffi.load(null);
  const unshare = library.func('int unshare(int flags)');
  const mount = library.func(
    'int mount(const char *source, const char *target, const char *type, unsigned long flags, void *data)',
  );
  isAlone ||= unshare(CLONE_NEWNS) === 0;
  if (!isAlone) return false;
  let flags = MS_REMOUNT | MS_BIND;
  for (const [option, flag] of KEPT) if (options.includes(option)) flags |= flag;
  return mount(null, directory, 'none', flags, null) === 0;
}

/** Of the mount that lies on top there, if any. */
function mountOptions(directory: string): string[] | undefined {
  let text: string;
  try {
    text = readFileSync('/proc/self/mountinfo', 'utf8');
  } catch {
    return undefined;
  }
  const fields = text.split('\n').map((line) => line.split(' '));
  return fields.findLast(([, , , , point = '']) => unescape(point) === directory)?.[5]?.split(',');
}

/** Blanks and the like are written as three octal digits. */
function unescape(point: string): string {
  return point.replaceAll(/\\([0-7]{3})/g, (_, digits: string) =>
    String.fromCharCode(Number.parseInt(digits, 8)),
  );
}
