/** Why a connection could not be made, or broke: foreign errors as they come from sockets, TLS, DNS and undici. */
import { isFerryError, messageOf } from '../../error.ts';
import type { Death } from './dead-hosts.ts';

/** No connection could be made. */
export class ConnectError extends Error {
  override readonly name = 'ConnectError';
  /** Time ran out: trying again would cost the same once more. */
  readonly isTimeout: boolean;
  /** Whether it may be different in a moment. */
  readonly mayPass: boolean;
  readonly hint: string | undefined;

  constructor(
    message: string,
    options: { cause?: unknown; isTimeout?: boolean; mayPass?: boolean; hint?: string } = {},
  ) {
    super(message, { cause: options.cause });
    this.isTimeout = options.isTimeout ?? false;
    this.mayPass = options.mayPass ?? true;
    this.hint = options.hint;
  }
}

/** The server was found dead a moment ago, and was not asked. */
export class DeadHostError extends Error {
  override readonly name = 'DeadHostError';
  readonly hint: string | undefined;

  constructor({ reason, hint }: Death) {
    super(reason);
    this.hint = hint;
  }
}

/** The connection was lost before an answer began, where it had carried others before: the server had enough of it. */
export class StaleConnectionError extends Error {
  override readonly name = 'StaleConnectionError';
}

/** The answer was too long for a connection that other requests wait for: it is to be asked for on one of its own. */
export class TooLongToShareError extends Error {
  override readonly name = 'TooLongToShareError';
}

/** What came is not what was announced, or not HTTP. Worth another try. */
export class BrokenAnswerError extends Error {
  override readonly name = 'BrokenAnswerError';
}

const REASONS: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'connection refused',
  ECONNRESET: 'the connection was lost',
  EPIPE: 'the connection was lost',
  ECONNABORTED: 'the connection was lost',
  ENOTFOUND: 'no such host',
  EAI_AGAIN: 'its name cannot be resolved now',
  EHOSTUNREACH: 'no route to the host',
  ENETUNREACH: 'the network is unreachable',
  ETIMEDOUT: 'the connection timed out',
  UND_ERR_SOCKET: 'the connection was lost',
  UND_ERR_HEADERS_TIMEOUT: 'no answer in time',
  UND_ERR_BODY_TIMEOUT: 'the transfer stalled',
  UND_ERR_RES_CONTENT_LENGTH_MISMATCH: 'the answer has another length than it says',
  UND_ERR_HEADERS_OVERFLOW: 'the header of the answer is too long',
};

const CERTIFICATE = /CERT|SELF_SIGNED|UNABLE_TO_(GET|VERIFY)|ALTNAME|CRL/;

export function codeOf(error: unknown): string | undefined {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  return typeof code === 'string' ? code : undefined;
}

/** Whether the certificate of the far end was not accepted. */
export function isCertificateError(error: unknown): boolean {
  const code = codeOf(error);
  return code !== undefined && !code.startsWith('ERR_SSL') && CERTIFICATE.test(code);
}

/** Whether all that is known is that time ran out. */
export function isSilence(error: unknown): boolean {
  if (error instanceof ConnectError) return error.isTimeout;
  const code = codeOf(error);
  return code === 'UND_ERR_HEADERS_TIMEOUT' || code === 'UND_ERR_BODY_TIMEOUT';
}

/** Whether trying again may help. What is ours (a file that can't be read, a bug) never is. */
export function mayPass(error: unknown): boolean {
  if (isFerryError(error)) return false;
  if (error instanceof ConnectError) return error.mayPass;
  if (error instanceof BrokenAnswerError || error instanceof StaleConnectionError) return true;
  const code = codeOf(error);
  if (error instanceof DeadHostError || code === undefined) return false;
  if (code.startsWith('UND_ERR_')) return !NOT_PASSING.has(code);
  return /^(E[A-Z_]+|HPE_|ERR_HTTP2_|ERR_SSL_|ERR_STREAM_)/.test(code);
}

const NOT_PASSING: ReadonlySet<string> = new Set([
  'UND_ERR_INVALID_ARG',
  'UND_ERR_NOT_SUPPORTED',
  'UND_ERR_REQ_CONTENT_LENGTH_MISMATCH',
  'UND_ERR_HEADERS_OVERFLOW',
  'UND_ERR_DESTROYED',
  'UND_ERR_CLOSED',
]);

/** In words that people read, without addresses: the message that it becomes part of names the URL. */
export function reasonOf(error: unknown): string {
  if (error instanceof AggregateError && error.errors.length > 0) return reasonOf(error.errors[0]);
  if (error instanceof DeadHostError) return `it failed a moment ago: ${error.message}`;
  if (error instanceof ConnectError || error instanceof BrokenAnswerError) return error.message;
  const code = codeOf(error);
  const known = code === undefined ? undefined : REASONS[code];
  if (known !== undefined) return known;
  if (code?.startsWith('ERR_SSL') === true) {
    return `TLS failed (${code.slice('ERR_SSL_'.length).toLowerCase().replaceAll('_', ' ')})`;
  }
  if (code?.startsWith('HPE_') === true) return 'what it answered is not HTTP';
  return printable(messageOf(error));
}

/** What comes from outside, safe for a terminal and not longer than a line. */
export function printable(text: string): string {
  const line = text.replace(/[\x00-\x1f\x7f-\x9f]+/g, ' ').trim();
  return line.length > 200 ? `${line.slice(0, 200)}…` : line;
}
