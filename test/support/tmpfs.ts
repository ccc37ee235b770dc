/** A file system in memory with a limit: for what happens when a disk is full. Root only. */
import { spawnSync } from 'node:child_process';
import { makeTempDirectory } from './temp.ts';

export interface Tmpfs extends Disposable {
  readonly path: string;
  /** Gives it another size; what it holds stays. */
  resize(megabytes: number): void;
}

/** Use as `using disk = mountTmpfs(16)`. Undefined where nothing can be mounted. */
export function mountTmpfs(megabytes: number): Tmpfs | undefined {
  const temp = makeTempDirectory({ prefix: 'ferry-disk-' });
  const { path } = temp;
  const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', `size=${megabytes}m`, 'tmpfs', path]);
  if (mounted.status !== 0) {
    temp[Symbol.dispose]();
    return undefined;
  }
  return {
    path,
    resize(size) {
      const resized = spawnSync('mount', ['-o', `remount,size=${size}m`, path]);
      if (resized.status !== 0) throw new Error(`cannot resize: ${String(resized.stderr)}`);
    },
    [Symbol.dispose]() {
      // Lazily: a process that hasn't ended yet mustn't keep it from going.
      spawnSync('umount', ['-l', path]);
      temp[Symbol.dispose]();
    },
  };
}
