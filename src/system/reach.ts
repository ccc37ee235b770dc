/** Whether another machine answers, seen from here: a port that accepts, an address of the web that answers well. */
import { connect } from 'node:net';
import { FerryError, messageOf } from '../error.ts';
import { errnoOf } from './os-error.ts';

export interface ReachOptions {
  /** For one attempt. */
  readonly timeoutMs: number;
  readonly signal?: AbortSignal | undefined;
}

/** @throws FerryError `unavailable` */
export async function reachPort(
  host: string,
  port: number,
  { timeoutMs, signal }: ReachOptions,
): Promise<void> {
  signal?.throwIfAborted();
  const socket = connect({ host, port });
  const what = `port ${port} of "${host}"`;
  try {
    await new Promise<void>((resolve, reject) => {
      const stop = (): void => reject(signal?.reason);
      signal?.addEventListener('abort', stop, { once: true });
      socket.setTimeout(timeoutMs, () => {
        reject(
          new FerryError('unavailable', `${what} did not answer within ${timeoutMs / 1000} s`),
        );
      });
      socket.once('connect', resolve);
      socket.once('error', (error) => {
        const why = errnoOf(error) ?? messageOf(error);
        reject(
          new FerryError('unavailable', `cannot connect to ${what}: ${why}`, { cause: error }),
        );
      });
      socket.once('close', () => signal?.removeEventListener('abort', stop));
    });
  } finally {
    socket.destroy();
  }
}

/** Redirects count as an answer and are not followed. @throws FerryError `unavailable`, `usage` for what is no URL */
export async function reachUrl(url: string, { timeoutMs, signal }: ReachOptions): Promise<void> {
  signal?.throwIfAborted();
  if (!URL.canParse(url) || !/^https?:/.test(url)) {
    throw new FerryError('usage', `"${url}" is not a URL of http or https`);
  }
  const { href: shown, headers } = apart(url);
  const timeout = AbortSignal.timeout(timeoutMs);
  let status: number;
  try {
    const either = signal === undefined ? timeout : AbortSignal.any([signal, timeout]);
    const response = await fetch(shown, { headers, redirect: 'manual', signal: either });
    await response.body?.cancel();
    ({ status } = response);
  } catch (error) {
    signal?.throwIfAborted();
    if (timeout.aborted) {
      const seconds = timeoutMs / 1000;
      throw new FerryError('unavailable', `"${shown}" did not answer within ${seconds} s`);
    }
    throw new FerryError('unavailable', `cannot reach "${shown}": ${reasonOf(error)}`, {
      cause: error,
    });
  }
  if (status < 200 || status > 399) {
    throw new FerryError('unavailable', `"${shown}" answers with status ${status}`);
  }
}

/** A "%" that begins no escape stands for itself. */
function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** What is at the bottom of a failed `fetch`. */
function reasonOf(error: unknown): string {
  const cause = error instanceof Error ? error.cause : undefined;
  return errnoOf(cause) ?? messageOf(cause ?? error);
}

/** Name and password belong into a header, and not into messages. */
function apart(text: string): { readonly href: string; readonly headers: Record<string, string> } {
  const url = new URL(text);
  const credentials = `${decoded(url.username)}:${decoded(url.password)}`;
  url.username = '';
  url.password = '';
  if (credentials === ':') return { href: url.href, headers: {} };
  const authorization = `Basic ${Buffer.from(credentials).toString('base64')}`;
  return { href: url.href, headers: { authorization } };
}
