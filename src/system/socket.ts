/** Sockets in the file system, by which programs on this machine are talked to. */
import { closeSync, openSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { basename, dirname } from 'node:path';
import { FerryError, messageOf, type ErrorCode } from '../error.ts';
import type { Transport } from '../wire/transport.ts';
import { errnoOf } from './os-error.ts';

/** The longest name that the kernel takes for a socket, in bytes. */
const nameMax = 107;
/** How long the other side may take to end by itself once it can't do anything more. */
const closeMs = 1000;
/** How long what it still says is waited for when it takes nothing more. */
const endingMs = 2000;
/** A listener whose queue is full lets others wait. */
const connectMs = 30_000;

const REASONS: Readonly<Record<string, readonly [ErrorCode, string]>> = {
  ENOENT: ['not-found', 'there is no such socket'],
  ENOTDIR: ['not-found', 'there is no such socket'],
  ECONNREFUSED: ['unavailable', 'nobody listens there'],
  EACCES: ['denied', 'permission denied'],
  EPERM: ['denied', 'permission denied'],
};

/** @throws FerryError `not-found`, `unavailable`, `denied` */
export async function connectSocket(path: string, signal?: AbortSignal): Promise<Transport> {
  signal?.throwIfAborted();
  const socket = await connected(path, signal);
  // What goes wrong later is met where it is read or written; without a listener it would end this process.
  socket.on('error', () => {});
  const closed = new Promise<void>((resolve) => {
    socket.once('close', () => resolve());
  });
  const ended = new Promise<void>((resolve) => {
    socket.once('end', resolve);
    socket.once('close', () => resolve());
  });
  return {
    readable: untilGone(socket),
    write: (bytes, onSent) => writeTo(socket, bytes, onSent),
    end: () => {
      socket.end();
    },
    close: async () => {
      socket.end();
      // Unread, what it still says would keep it from ending.
      socket.resume();
      await atMost(closeMs, closed);
      socket.destroy();
    },
    abort: async () => {
      socket.destroy();
    },
    ending: async () => {
      await atMost(endingMs, ended);
      return { said: '' };
    },
  };
}

async function connected(path: string, signal: AbortSignal | undefined): Promise<Socket> {
  const short = shortened(path);
  const socket = connect({ path: short.path, allowHalfOpen: true });
  const onAbort = (): void => {
    socket.destroy(new Error('aborted'));
  };
  const timer = setTimeout(() => socket.destroy(new Error('it does not answer')), connectMs);
  try {
    signal?.addEventListener('abort', onAbort);
    await new Promise<void>((resolve, reject) => {
      socket.once('connect', resolve);
      socket.once('error', reject);
    });
    socket.removeAllListeners('error');
    return socket;
  } catch (cause) {
    signal?.throwIfAborted();
    const [code, why] = REASONS[errnoOf(cause) ?? ''] ?? ['unavailable', messageOf(cause)];
    throw new FerryError(code, `cannot connect to "${path}": ${why}`, { path, cause });
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener('abort', onAbort);
    short.close();
  }
}

/** What the other side sends; that it is gone without a word is an end like any other. */
async function* untilGone(socket: Socket): AsyncGenerator<Uint8Array> {
  try {
    for await (const chunk of socket) yield chunk as Uint8Array;
  } catch (error) {
    if (errnoOf(error) === undefined && !socket.destroyed) throw error;
  }
}

interface ShortName {
  readonly path: string;
  close(): void;
}

/** Another name of the same socket where its own is too long for the kernel, as Linux has them. */
function shortened(path: string): ShortName {
  if (Buffer.byteLength(path) <= nameMax || process.platform !== 'linux') {
    return { path, close: () => {} };
  }
  let fd: number;
  try {
    fd = openSync(dirname(path), 'r');
  } catch (cause) {
    const [code, why] = REASONS[errnoOf(cause) ?? ''] ?? ['unavailable', messageOf(cause)];
    throw new FerryError(code, `cannot connect to "${path}": ${why}`, { path, cause });
  }
  return { path: `/proc/self/fd/${fd}/${basename(path)}`, close: () => closeSync(fd) };
}

function writeTo(
  socket: Socket,
  bytes: Uint8Array,
  onSent: (() => void) | undefined,
): Promise<void> | undefined {
  if (!socket.writable) throw takesNoMore(socket.errored);
  if (socket.write(bytes, onSent && ((error) => !error && onSent()))) return undefined;
  return new Promise((resolve, reject) => {
    const done = (): void => {
      socket.off('drain', done);
      socket.off('close', done);
      if (socket.writable) resolve();
      else reject(takesNoMore(socket.errored));
    };
    socket.once('drain', done);
    socket.once('close', done);
  });
}

function takesNoMore(cause: Error | null): FerryError {
  const message = 'the other side of the socket takes no more';
  return new FerryError('unavailable', message, cause === null ? {} : { cause });
}

async function atMost(ms: number, promise: Promise<void>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, ms);
  });
  await Promise.race([promise, late]).finally(() => clearTimeout(timer));
}
