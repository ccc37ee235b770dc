/** The beginning of a connection, whatever is spoken on it: limits on the waiting, text before the protocol, aborts. */
import { FerryError } from '../../error.ts';
import { findGreeting, type Greeting } from '../../wire/greeting.ts';
import type { Transport } from '../../wire/transport.ts';
import { farEndError, type FarEnd } from './far-end-error.ts';

export interface GreetOptions {
  readonly farEnd: FarEnd;
  /** Whether time passes at first that is the user's, typing a password, until ssh says `started`. */
  readonly authenticates?: boolean | undefined;
  /** Milliseconds that the far end has for its greeting. */
  readonly greetingMs?: number | undefined;
  /** Milliseconds that the user has to be let in, where the far end `authenticates`. */
  readonly authenticationMs?: number | undefined;
  /** What people should know although it works. */
  readonly onWarning?: ((message: string, hint: string) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Generous: a machine that must wake its disks, or start a slow shell. */
const defaultGreetingMs = 120_000;
/** Servers give two minutes; there may be several, behind one another. */
const defaultAuthenticationMs = 600_000;

const noiseHint =
  'its shell prints this on every login: let .bashrc (or .profile, .cshrc, config.fish) print in interactive shells only';

/**
 * Says hello, and goes on where the far end answers with the number that its protocol begins with. On any failure the
 * transport is ended.
 * @param proceed is given all that the far end sends from that number on; the limit holds until it is done.
 * @throws FerryError `unavailable`, `not-found` for a missing program, `protocol`.
 */
export async function greet<T>(
  transport: Transport,
  { hello, magic }: { readonly hello: Uint8Array; readonly magic: number },
  options: GreetOptions,
  proceed: (readable: AsyncIterable<Uint8Array>) => Promise<T>,
): Promise<T> {
  const { farEnd, signal } = options;
  const failed = `cannot connect to "${farEnd.name}"`;
  let timer: NodeJS.Timeout | undefined;
  let isLate = false;
  let waited = 0;
  const limit = (ms: number): void => {
    clearTimeout(timer);
    waited = ms;
    timer = setTimeout(() => {
      isLate = true;
      void transport.abort();
    }, ms);
  };
  const onStarted = (): void => limit(options.greetingMs ?? defaultGreetingMs);
  const onAbort = (): void => void transport.abort();
  try {
    signal?.throwIfAborted();
    signal?.addEventListener('abort', onAbort);
    // Through a connection that ssh shares with others nobody says `started`.
    if (options.authenticates === true) limit(options.authenticationMs ?? defaultAuthenticationMs);
    else onStarted();
    // When it is gone already, what it said last is more telling than that.
    await writeAnyway(transport, hello);
    const greeting = await findGreeting(transport.readable, magic, { onStarted });
    if (!greeting.isFound) throw await noGreeting(failed, greeting, transport, options);
    const opened = await proceed(greeting.rest);
    if (greeting.noise !== '') {
      options.onWarning?.(
        `"${farEnd.name}" printed text before the protocol began: "${greeting.noise}"`,
        noiseHint,
      );
    }
    signal?.throwIfAborted();
    return opened;
  } catch (error) {
    await transport.abort();
    signal?.throwIfAborted();
    if (isLate) {
      const seconds = Math.round(waited / 1000);
      throw new FerryError('unavailable', `${failed}: no greeting within ${seconds} seconds`, {
        store: farEnd.uri,
        cause: error,
      });
    }
    throw error;
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener('abort', onAbort);
  }
}

async function writeAnyway(transport: Transport, bytes: Uint8Array): Promise<void> {
  try {
    await transport.write(bytes);
  } catch {
    // Its end is met where it is read.
  }
}

async function noGreeting(
  failed: string,
  greeting: Greeting,
  transport: Transport,
  { farEnd }: GreetOptions,
): Promise<FerryError> {
  const ending = await transport.ending();
  const error = farEndError(failed, farEnd, ending);
  if (greeting.noise === '') return error;
  const isOver = ending.status !== undefined;
  return new FerryError(
    isOver ? error.code : 'protocol',
    `${isOver ? error.message : failed}: it answered with text instead of the protocol: "${greeting.noise}"`,
    { store: farEnd.uri, hint: error.hint ?? noiseHint },
  );
}
