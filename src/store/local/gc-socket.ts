/**
 * The socket of the garbage collector: while one runs, whoever wants a temporary root tells it here (a line with the path)
 * and goes on when it is answered "1" (`temp-roots.ts` is such a client, as are all releases of Nix since 2.5). The
 * answer is immediate, unless that very path is just being deleted: then it comes when nothing is left of it, so that
 * nobody begins to make again what is still going away.
 */
import { chmodSync, closeSync, openSync, renameSync, rmSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import {
  hashPartOf,
  isStorePathBaseName,
  type StoreDir,
  type StorePath,
} from '../../format/store-path.ts';
import { errnoOf, translateOsError } from '../../system/os-error.ts';
import { makeDirectory } from './directories.ts';

/** Bytes of the longest line: a store directory and a base name. */
const LINE_MAX = 8192;
/** Hash parts that are remembered before it is known which of them matter. */
const EARLY_MAX = 1_000_000;

/** Hash parts that others announced since the collection began, and those that are just being deleted. */
export class AnnouncedRoots {
  readonly #announced = new Set<string>();
  /** How many things with that hash part are going away. */
  readonly #going = new Map<string, number>();
  readonly #waiting = new Map<string, (() => void)[]>();
  #matters: ((hashPart: string) => boolean) | undefined;

  /** From now on only those are remembered that the collection could delete: memory is bounded by what it looks at. */
  limitTo(matters: (hashPart: string) => boolean): void {
    this.#matters = matters;
    for (const hashPart of this.#announced) {
      if (!matters(hashPart)) this.#announced.delete(hashPart);
    }
  }

  has(path: StorePath): boolean {
    return this.#announced.has(hashPartOf(path));
  }

  /** Whether somebody waits for something to be gone. */
  get hasWaiting(): boolean {
    return this.#waiting.size > 0;
  }

  /** Whether somebody waits for that path to be gone. */
  isAwaited(path: StorePath): boolean {
    return this.#waiting.has(hashPartOf(path));
  }

  /**
   * A new root. Calls back when its owner may go on: at once, as a rule.
   * @returns false where it can't be remembered
   */
  add(path: StorePath, onFree: () => void): boolean {
    const hashPart = hashPartOf(path);
    if (this.#matters?.(hashPart) ?? true) {
      if (this.#matters === undefined && this.#announced.size >= EARLY_MAX) return false;
      this.#announced.add(hashPart);
    }
    if (this.#going.has(hashPart)) {
      const waiting = this.#waiting.get(hashPart) ?? [];
      this.#waiting.set(hashPart, waiting);
      waiting.push(onFree);
    } else {
      onFree();
    }
    return true;
  }

  /** It is going away; to be called in the same turn in which it was seen that nobody had announced it. */
  begin(path: StorePath): void {
    const hashPart = hashPartOf(path);
    this.#going.set(hashPart, (this.#going.get(hashPart) ?? 0) + 1);
  }

  /** Nothing of it is going away any more. */
  end(path: StorePath): void {
    const hashPart = hashPartOf(path);
    const others = (this.#going.get(hashPart) ?? 1) - 1;
    if (others > 0) {
      this.#going.set(hashPart, others);
      return;
    }
    this.#going.delete(hashPart);
    const waiting = this.#waiting.get(hashPart) ?? [];
    this.#waiting.delete(hashPart);
    for (const goOn of waiting) goOn();
  }
}

/**
 * Listens until it is disposed. The caller holds the lock of the collector: nobody else listens there.
 * @throws FerryError `denied`, `no-space`
 */
export async function listenForRoots(
  stateDir: string,
  storeDir: StoreDir,
  announced: AnnouncedRoots,
): Promise<AsyncDisposable> {
  const directory = join(stateDir, 'gc-socket');
  makeDirectory(directory);
  const file = join(directory, 'socket');
  const temporary = join(directory, '.socket.ferry');
  try {
    keepPlace(file);
    rmSync(temporary, { force: true });
  } catch (error) {
    throw translateOsError(error, 'listen for GC roots at', file);
  }
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
    answer(socket, storeDir, announced);
  });
  // The name of a socket has at most 107 bytes, however deep the state directory lies.
  const fd = openSync(directory, 'r');
  try {
    const base = process.platform === 'linux' ? `/proc/self/fd/${fd}` : directory;
    await listen(server, join(base, '.socket.ferry'));
    chmodSync(temporary, 0o666);
    // In one step: at every moment there is something that clients can connect to, or are refused by. Releases of Nix
    // before 2.11 or so end with an error where there is nothing. So does it stay when this is over.
    renameSync(temporary, file);
  } catch (error) {
    server.close();
    closeSync(fd);
    throw translateOsError(error, 'listen for GC roots at', file);
  }
  return {
    async [Symbol.asyncDispose]() {
      const closed = new Promise<void>((resolve) => {
        server.close(() => resolve());
      });
      for (const socket of sockets) socket.destroy();
      await closed;
      // Not before: by this descriptor Node looks for what it has to remove, which has another name by now.
      closeSync(fd);
    },
  };
}

/** Who connects to what is no socket is refused, as by a collector that has ended: they try again. */
function keepPlace(file: string): void {
  try {
    closeSync(openSync(file, 'ax', 0o666));
  } catch (error) {
    if (errnoOf(error) !== 'EEXIST') throw error;
  }
}

async function listen(server: Server, path: string): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen({ path }, () => {
      server.off('error', reject);
      // One connection that can't be accepted is that client's trouble.
      server.on('error', () => {});
      resolve();
    });
  });
}

/** One line after the other: who has not taken its answers isn't read from. */
function answer(socket: Socket, storeDir: StoreDir, announced: AnnouncedRoots): void {
  const lines: string[] = [];
  let rest = '';
  /** Until the line that was taken last is answered, and the answer has gone. */
  let isBusy = false;
  let isTaking = false;
  const goOn = (): void => {
    if (socket.destroyed) return;
    isBusy = !socket.write('1');
    if (isBusy) {
      socket.once('drain', () => {
        isBusy = false;
        takeLines();
      });
    } else if (!isTaking) {
      takeLines();
    }
  };
  const takeLines = (): void => {
    isTaking = true;
    while (!isBusy && !socket.destroyed) {
      const line = lines.shift();
      if (line === undefined) {
        socket.resume();
        break;
      }
      isBusy = true;
      const path = pathOfLine(storeDir, line);
      // What is no path is answered too, as by Nix.
      if (path === undefined) goOn();
      else if (!announced.add(path, goOn)) socket.destroy();
    }
    isTaking = false;
  };
  socket.setEncoding('latin1');
  socket.on('error', () => {});
  socket.on('data', (text: string) => {
    const some = (rest + text).split('\n');
    rest = some.pop() ?? '';
    if (rest.length > LINE_MAX) {
      socket.destroy();
      return;
    }
    lines.push(...some);
    if (lines.length === 0) return;
    socket.pause();
    if (!isBusy) takeLines();
  });
}

function pathOfLine(storeDir: StoreDir, line: string): StorePath | undefined {
  if (!line.startsWith(`${storeDir}/`)) return undefined;
  const baseName = line.slice(storeDir.length + 1);
  return isStorePathBaseName(baseName) ? baseName : undefined;
}
