/**
 * Temporary roots: paths that no garbage collection may take while this process lives. They stand in a file that is
 * named by the process id and locked by its owner; a collector that can lock it knows that the owner is gone. While
 * one runs, it is asked over its socket instead (Nix ≥ 2.5), and answers once it isn't just deleting that very path.
 */
import { closeSync, mkdirSync, openSync, rmSync, writeSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { FerryError } from '../../error.ts';
import { printStorePath, type StoreDir, type StorePath } from '../../format/store-path.ts';
import { keepForNextProgram } from '../../system/become-program.ts';
import { isStaleLockFile, openLockFile, waitForLock, type Flock } from '../../system/flock.ts';
import { errnoOf, translateOsError } from '../../system/os-error.ts';
import { pause } from '../../system/pause.ts';

export interface TempRoots extends Disposable {
  /** When this has returned, the paths stay: those that are valid, and those that are made from now on. */
  add(paths: Iterable<StorePath>, signal?: AbortSignal): Promise<void>;
  /**
   * Holds a path and makes a root for it, which goes on holding it when this process has ended. A collection that runs is
   * told of the path once more: it may have looked for roots already, and not yet for temporary ones.
   * @param make runs while no collection can begin, or one runs that knows of the path
   */
  addRoot(path: StorePath, make: () => void, signal?: AbortSignal): Promise<void>;
  /**
   * What is held stays so when these are disposed: by the program that this process becomes, and by all that it starts,
   * until the last of them has ended. The lock belongs to the open file, which they inherit.
   */
  keepForNextProgram(): Promise<void>;
}

/** Milliseconds until a collector that isn't listening yet (or never will, before Nix 2.5) is tried again. */
const RETRY_MS = 100;

interface Shared {
  readonly roots: TempRoots;
  users: number;
}

/**
 * By state directory. The file is named by the process, and its lock doesn't tell apart two owners in one process, so
 * all stores of this process on one state directory share one.
 */
const inThisProcess = new Map<string, Shared>();

export function openTempRoots(flock: Flock, stateDir: string, storeDir: StoreDir): TempRoots {
  const shared = inThisProcess.get(stateDir) ?? {
    roots: makeTempRoots(flock, stateDir, storeDir),
    users: 0,
  };
  inThisProcess.set(stateDir, shared);
  shared.users++;
  let isOpen = true;
  return {
    add: (paths, signal) => shared.roots.add(paths, signal),
    addRoot: (path, make, signal) => shared.roots.addRoot(path, make, signal),
    keepForNextProgram: () => shared.roots.keepForNextProgram(),
    [Symbol.dispose]() {
      if (!isOpen) return;
      isOpen = false;
      shared.users--;
      if (shared.users > 0) return;
      inThisProcess.delete(stateDir);
      shared.roots[Symbol.dispose]();
    },
  };
}

function makeTempRoots(flock: Flock, stateDir: string, storeDir: StoreDir): TempRoots {
  const directory = join(stateDir, 'temproots');
  const file = join(directory, String(process.pid));
  /** In the file. */
  const written = new Set<StorePath>();
  /** In the file, and known to the collection that ran, if one did. */
  const held = new Set<StorePath>();
  let collectorLock: number | undefined;
  let opened: Promise<number> | undefined;
  let openFile: number | undefined;
  /** Bytes of the file that are whole. */
  let size = 0;
  let isClosed = false;
  let isInherited = false;

  const open = async (): Promise<number> => {
    try {
      mkdirSync(directory, { recursive: true });
      for (;;) {
        // One that is there belongs to a process of the same id that is gone.
        rmSync(file, { force: true });
        const fd = openLockFile(file);
        await waitForLock(flock, fd, 'exclusive');
        // A collector was quicker, took it for stale and removed it.
        if (!isStaleLockFile(fd)) {
          if (isClosed) remove(fd);
          else openFile = fd;
          return fd;
        }
        closeSync(fd);
      }
    } catch (error) {
      throw translateOsError(error, 'create', file);
    }
  };

  /** On a full disk some of it may be written: that is no root, and is written over by the next. */
  const append = (fd: number, paths: readonly StorePath[]): void => {
    const bytes = Buffer.from(paths.map((path) => `${printStorePath(storeDir, path)}\0`).join(''));
    try {
      for (let at = 0; at < bytes.length; ) {
        at += writeSync(fd, bytes, at, bytes.length - at, size + at);
      }
    } catch (error) {
      throw translateOsError(error, 'write', file);
    }
    size += bytes.length;
    for (const path of paths) written.add(path);
  };

  const remove = (fd: number): void => {
    try {
      rmSync(file, { force: true });
    } catch {
      // Left behind it is stale: nobody holds its lock.
    }
    closeSync(fd);
  };

  /** @param act runs at the moment in which all of them are held. */
  const hold = async (
    paths: readonly StorePath[],
    act: (() => void) | undefined,
    signal: AbortSignal | undefined,
  ): Promise<void> => {
    opened ??= open();
    let fd: number;
    try {
      fd = await opened;
      if (isClosed) throw new FerryError('internal', 'temporary roots are closed');
    } catch (error) {
      opened = undefined;
      throw error;
    }
    const settle = (): void => {
      for (const path of paths) held.add(path);
      act?.();
    };
    // Before anybody is asked: a collection that begins as soon as the one that answers has ended finds them here.
    const added = paths.filter((path) => !written.has(path));
    if (added.length > 0) append(fd, added);
    collectorLock ??= openLockFile(join(stateDir, 'gc.lock'));
    while (!flock.tryLock(collectorLock, 'shared')) {
      const isKnown = await announce(stateDir, storeDir, paths, signal);
      if (isClosed) throw new FerryError('internal', 'temporary roots are closed');
      if (!isKnown) continue;
      settle();
      return;
    }
    // No collection runs, and none can begin until this is over.
    try {
      settle();
    } finally {
      flock.unlock(collectorLock);
    }
  };

  return {
    async add(paths, signal) {
      const added = [...paths].filter((path) => !held.has(path));
      if (added.length > 0) await hold(added, undefined, signal);
    },
    addRoot: (path, make, signal) => hold([path], make, signal),
    async keepForNextProgram() {
      if (openFile === undefined) return;
      await keepForNextProgram(openFile);
      isInherited = true;
    },
    [Symbol.dispose]() {
      isClosed = true;
      if (collectorLock !== undefined) closeSync(collectorLock);
      // At once: the next to be opened in this process takes a file of the same name.
      if (openFile !== undefined && !isInherited) remove(openFile);
    },
  };
}

/**
 * Tells the collector that runs. False where it can't be told: it is about to listen, has finished, or is too old.
 * @throws FerryError `denied`, `protocol`
 */
async function announce(
  stateDir: string,
  storeDir: StoreDir,
  paths: readonly StorePath[],
  signal: AbortSignal | undefined,
): Promise<boolean> {
  signal?.throwIfAborted();
  const directory = join(stateDir, 'gc-socket');
  try {
    const lines = paths.map((path) => `${printStorePath(storeDir, path)}\n`).join('');
    return await askCollector(directory, lines, paths.length, signal);
  } catch (error) {
    signal?.throwIfAborted();
    const errno = errnoOf(error) ?? '';
    if (['EPIPE', 'ECONNRESET'].includes(errno)) return false;
    if (!['ENOENT', 'ENOTDIR', 'ECONNREFUSED'].includes(errno)) {
      throw translateOsError(error, 'ask the garbage collector at', directory);
    }
    await pause(RETRY_MS, signal);
    return false;
  }
}

/** Sends all lines at once; each is answered by a "1", in order. False where it hangs up before. */
async function askCollector(
  directory: string,
  lines: string,
  count: number,
  signal: AbortSignal | undefined,
): Promise<boolean> {
  // The name of a socket has at most 107 bytes, however deep the state directory lies.
  const fd = openSync(directory, 'r');
  try {
    const path =
      process.platform === 'linux' ? `/proc/self/fd/${fd}/socket` : join(directory, 'socket');
    return await new Promise<boolean>((resolve, reject) => {
      let answers = 0;
      const socket = connect({ path });
      const onAbort = (): void => {
        socket.destroy();
        reject(signal?.reason);
      };
      signal?.addEventListener('abort', onAbort, { once: true });
      socket.on('data', (chunk: Buffer) => {
        if (chunk.some((byte) => byte !== 0x31)) {
          socket.destroy();
          reject(new FerryError('protocol', 'the garbage collector gave an unknown answer'));
        }
        answers += chunk.length;
        if (answers >= count) {
          socket.destroy();
          resolve(true);
        }
      });
      socket.once('error', reject);
      socket.once('close', () => {
        signal?.removeEventListener('abort', onAbort);
        resolve(false);
      });
      socket.write(lines);
    });
  } finally {
    closeSync(fd);
  }
}
