/**
 * Reads what a process was given as a descriptor, in large pieces: Node's own stream of stdin cuts it into pieces of
 * 64 KiB, each with a buffer and a few promises of its own.
 */
import { fstatSync, read } from 'node:fs';
import { Socket } from 'node:net';
import { translateOsError } from './os-error.ts';

/** Bytes asked for at a time. A pipe gives no more than it holds: see `widenPipe`. */
const READ_BYTES = 512 << 10;
/** What is smaller is copied out, so that many small pieces don't cost a buffer each. */
const SMALL_BYTES = 32 << 10;
/** Pieces that are read and not taken yet. */
const QUEUE_MAX = 2;

/**
 * The bytes of a file, pipe or socket; undefined for what is neither, a terminal for one. Each piece is the reader's.
 * Who leaves the iteration closes the descriptor.
 */
export function readDescriptor(fd: number): AsyncIterable<Uint8Array> | undefined {
  const stat = fstatSync(fd);
  if (stat.isFile()) return readFile(fd);
  if (stat.isFIFO() || stat.isSocket()) return readSocket(fd);
  return undefined;
}

async function* readFile(fd: number): AsyncGenerator<Uint8Array, void, undefined> {
  for (;;) {
    const buffer = newBuffer();
    const size = await new Promise<number>((resolve, reject) => {
      read(fd, buffer, 0, buffer.length, null, (error, count) => {
        if (error === null) resolve(count);
        else reject(translateOsError(error, 'read', 'stdin') as Error);
      });
    });
    if (size === 0) return;
    yield piece(buffer, size);
  }
}

async function* readSocket(fd: number): AsyncGenerator<Uint8Array, void, undefined> {
  const pieces: Uint8Array[] = [];
  let news = Promise.withResolvers<void>();
  let end: { readonly error?: unknown } | undefined;
  let spare: Uint8Array<ArrayBuffer> | undefined;
  const socket = new Socket({
    fd,
    readable: true,
    writable: false,
    onread: {
      buffer() {
        const buffer = spare ?? newBuffer();
        spare = undefined;
        return buffer;
      },
      callback(size, bytes) {
        const buffer = bytes as Uint8Array<ArrayBuffer>;
        if (size < SMALL_BYTES) {
          pieces.push(buffer.slice(0, size));
          spare = buffer;
        } else {
          pieces.push(piece(buffer, size));
        }
        news.resolve();
        return pieces.length < QUEUE_MAX;
      },
    },
  });
  socket.on('error', (error) => {
    end ??= { error: translateOsError(error, 'read', 'stdin') };
    news.resolve();
  });
  socket.on('end', () => {
    end ??= {};
    news.resolve();
  });
  try {
    for (;;) {
      const next = pieces.shift();
      if (next !== undefined) {
        if (pieces.length === QUEUE_MAX - 1) socket.resume();
        yield next;
      } else if (end === undefined) {
        await news.promise;
        news = Promise.withResolvers();
      } else if ('error' in end) {
        throw end.error;
      } else {
        return;
      }
    }
  } finally {
    socket.destroy();
  }
}

function newBuffer(): Uint8Array<ArrayBuffer> {
  return new Uint8Array(Buffer.allocUnsafeSlow(READ_BYTES).buffer);
}

/** In memory of just its size, so that all of it is given back with it. */
function piece(buffer: Uint8Array<ArrayBuffer>, size: number): Uint8Array {
  return size === buffer.length ? buffer : new Uint8Array(buffer.buffer.transfer(size));
}
