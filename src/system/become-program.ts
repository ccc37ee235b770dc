/**
 * execve(2): this process becomes another program, with the same id, terminal, working directory and parent. Job
 * control, signals and the exit status are then between that program and whoever started us. Names and values are
 * bytes, which Node's own call would turn into text. koffi calls the C library, loaded on first use as for `flock.ts`.
 *
 * To be called when nothing is left to be done here: worker threads end at once, no `finally` runs.
 */
import { constants as os } from 'node:os';
import type Koffi from 'koffi';
import { fromByteString, toByteString, type ByteString } from '../bytes/byte-string.ts';
import { FerryError } from '../error.ts';

export interface ProgramCall {
  /** Absolute. */
  readonly program: string;
  /** The first is the name that it goes by. */
  readonly args: readonly ByteString[];
  /** All of its variables. */
  readonly variables: ReadonlyMap<ByteString, ByteString>;
}

const F_GETFL = 3;
const F_SETFD = 2;
const F_SETFL = 4;
/** Of fcntl, by platform. */
const O_NONBLOCK = process.platform === 'darwin' ? 0x4 : 0o4000;
/** Node ignores these, and what is ignored stays so. */
const IGNORED_BY_NODE = ['SIGPIPE', 'SIGXFSZ'] as const;

interface CLibrary {
  readonly koffi: typeof Koffi;
  readonly fcntl: (fd: number, command: number, type: 'int', value: number) => number;
}

async function load(): Promise<CLibrary> {
  const { default: koffi } = await import('koffi');
  const fcntl = koffi.load(null).func('int fcntl(int fd, int command, ...)');
  return { koffi, fcntl: (...args) => Number(fcntl(...args)) };
}

/**
 * Does not return but by throwing.
 * @throws FerryError `not-found`, `denied`, `unsupported` where the environment is too large for the system
 */
export async function becomeProgram({ program, args, variables }: ProgramCall): Promise<never> {
  const { koffi, fcntl } = await load();
  const library = koffi.load(null);
  const execve = library.func('int execve(const void *path, const void *args, const void *env)');
  const signal = library.func('void *signal(int number, intptr_t handler)');
  /** What the pointers point to. */
  const held: Uint8Array[] = [];
  const pointerTo = (text: ByteString): bigint => {
    const bytes = terminated(text);
    held.push(bytes);
    return koffi.address(bytes);
  };
  const table = (texts: readonly ByteString[]): BigUint64Array =>
    BigUint64Array.from([...texts.map(pointerTo), 0n]);
  const path = terminated(toByteString(Buffer.from(program)));
  const argTable = table(args);
  const env = Array.from(variables, ([name, value]) => `${name}=${value}` as ByteString);
  const envTable = table(env);
  for (const fd of [0, 1, 2]) {
    const flags = fcntl(fd, F_GETFL, 'int', 0);
    if (flags >= 0) fcntl(fd, F_SETFL, 'int', flags & ~O_NONBLOCK);
    // Node marks even these to be closed.
    fcntl(fd, F_SETFD, 'int', 0);
  }
  for (const name of IGNORED_BY_NODE) signal(os.signals[name], 0);
  execve(path, argTable, envTable);
  throw cannotRun(program, koffi.errno(), env);
}

/** Lets the program that this process becomes, and all that it starts, have an open file too. */
export async function keepForNextProgram(fd: number): Promise<void> {
  const { fcntl } = await load();
  if (fcntl(fd, F_SETFD, 'int', 0) < 0) {
    throw new FerryError('internal', `file ${fd} is not open`);
  }
}

function terminated(text: ByteString): Uint8Array {
  if (text.includes('\0')) {
    throw new FerryError('corrupt', 'a program cannot be given a text with a zero byte in it');
  }
  return Buffer.concat([fromByteString(text), Buffer.of(0)]);
}

function cannotRun(program: string, errno: number, env: readonly ByteString[]): FerryError {
  if (errno === os.errno.E2BIG) return tooLarge(program, env);
  const name = Object.entries(os.errno).find(([, value]) => value === errno)?.[0];
  const why = errno === os.errno.ENOENT ? 'there is no such program' : (name ?? `error ${errno}`);
  const code = errno === os.errno.ENOENT ? 'not-found' : 'denied';
  return new FerryError(code, `cannot run "${program}": ${why}`, { path: program });
}

function tooLarge(program: string, env: readonly ByteString[]): FerryError {
  const largest = env.reduce((most, one) => (one.length > most.length ? one : most), '');
  const name = largest.slice(0, largest.indexOf('='));
  const sum = env.reduce((total, { length }) => total + length, 0);
  return new FerryError(
    'unsupported',
    `cannot run "${program}": its variables have ${sum} bytes, "${name}" alone ${largest.length}, more than the system takes`,
    { hint: `a derivation that names "${name}" in passAsFile has it in a file instead` },
  );
}
