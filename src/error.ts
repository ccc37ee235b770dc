/**
 * The one error class of the project. It says what could not be done, to what and why; `code` is what programs decide
 * by, `hint` is what the person can do about it. Tables at the edges turn a code into an exit status or "try again?".
 */

/** What kind of failure it is. The set is closed: switch statements over it are checked to be complete. */
export type ErrorCode =
  /** The request itself makes no sense: an unknown option, a malformed path or URI. */
  | 'usage'
  /** What was asked for isn't there: no such path, store or program. */
  | 'not-found'
  /** It lacks a signature by a trusted key. */
  | 'untrusted'
  /** Bytes are not what they claim to be: a hash, a size, a syntax. */
  | 'corrupt'
  /** The other end broke the rules of its protocol, or speaks one that isn't spoken here. */
  | 'protocol'
  /** The other end can't be reached, went away or stayed silent. */
  | 'unavailable'
  /** Something else is in the way: it exists already, is locked, or is still alive. */
  | 'conflict'
  /** The operating system or the far end says no. */
  | 'denied'
  /** The disk or a quota is full. */
  | 'no-space'
  /** A program that was run for it ended badly: an activation, a health check. */
  | 'failed'
  /** This kind of store can't do that. */
  | 'unsupported'
  /** A bug of ours. */
  | 'internal';

export interface ErrorDetails {
  /** What the person can do about it: one sentence. */
  readonly hint?: string;
  /** The store path (or file) in question, as printed to people. */
  readonly path?: string;
  /** The URI of the store in question. */
  readonly store?: string;
  /** Bytes into the input at which it was found to be wrong. */
  readonly offset?: number;
  readonly cause?: unknown;
}

export class FerryError extends Error {
  override readonly name = 'FerryError';
  readonly code: ErrorCode;
  readonly hint: string | undefined;
  readonly path: string | undefined;
  readonly store: string | undefined;
  readonly offset: number | undefined;

  constructor(code: ErrorCode, message: string, details: ErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.code = code;
    this.hint = details.hint;
    this.path = details.path;
    this.store = details.store;
    this.offset = details.offset;
  }
}

/** Whether a thrown value is one of ours (also when it crossed from a worker thread). */
export function isFerryError(error: unknown, code?: ErrorCode): error is FerryError {
  return error instanceof FerryError && (code === undefined || error.code === code);
}

/** The message of anything that was thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
