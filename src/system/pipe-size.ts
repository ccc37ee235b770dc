/** Pipes that hold more than 64 KiB: who reads and who writes a gigabyte then wait for one another less often. */
import { fstatSync } from 'node:fs';

const F_SETPIPE_SZ = 1031;
/** What Linux gives to anybody. */
const PIPE_BYTES = 1 << 20;

/** Where it is no pipe of Linux, or no more is to be had, nothing changes: it is slower, and that is all. */
export async function widenPipe(fd: number): Promise<void> {
  if (process.platform !== 'linux' || !isPipe(fd)) return;
  const { default: koffi } = await import('koffi');
  const fcntl = koffi.load(null).func('int fcntl(int fd, int command, ...)');
  fcntl(fd, F_SETPIPE_SZ, 'int', PIPE_BYTES);
}

function isPipe(fd: number): boolean {
  try {
    return fstatSync(fd).isFIFO();
  } catch {
    return false;
  }
}
