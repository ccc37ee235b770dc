/**
 * Where every error meets the person: its message, its hint, its exit status. Nothing else in the project decides how
 * a failure is told.
 */
import { FerryError, isFerryError, messageOf, type ErrorCode } from '../error.ts';
import { errnoOf, translateOsError } from '../system/os-error.ts';
import { BrokenPipe, Interrupted } from './context.ts';

/** The exit status of each kind of failure, explained in docs/exit-status.md. */
const STATUS: Readonly<Record<ErrorCode, number>> = {
  usage: 2,
  'not-found': 1,
  untrusted: 3,
  corrupt: 1,
  unavailable: 4,
  'no-space': 5,
  conflict: 1,
  denied: 1,
  failed: 1,
  protocol: 1,
  unsupported: 1,
  internal: 70,
};

/** Some paths were copied and some failed (`--keep-going`). */
export const partialStatus = 6;
/** A host runs its old generation again. */
export const rolledBackStatus = 7;
/** As a program that a closed pipe ended: 128 + SIGPIPE. */
const BROKEN_PIPE_STATUS = 141;

export function exitStatusOf(error: unknown): number {
  if (error instanceof Interrupted) return error.status;
  if (error instanceof BrokenPipe) return BROKEN_PIPE_STATUS;
  if (error instanceof SuppressedError) return exitStatusOf(error.suppressed);
  if (isFerryError(error)) return STATUS[error.code];
  return isSystemError(error) ? 1 : STATUS.internal;
}

export interface ErrorStyle {
  readonly verbosity: number;
  /** The word "error:" and the like. */
  readonly mark: (text: string) => string;
}

/** Lines for stderr; none for what nobody wants to read. */
export function describeError(error: unknown, style: ErrorStyle): string[] {
  if (error instanceof BrokenPipe) return [];
  if (error instanceof Interrupted) return [`${style.mark('error:')} ${error.message}`];
  // What failed first is what matters; the failure to clean up after it is told too.
  if (error instanceof SuppressedError) {
    return [
      ...describeError(error.suppressed, style),
      ...describeError(error.error, style).map((line) =>
        line.replace('error:', 'error, after that:'),
      ),
    ];
  }
  const lines = [`${style.mark('error:')} ${indented(headlineOf(error))}`];
  const hint = hintOf(error);
  if (hint !== undefined) lines.push(`${style.mark('hint:')} ${indented(hint)}`);
  if (style.verbosity > 0) lines.push(...causesOf(error), ...stackOf(error));
  return lines;
}

/** Text from elsewhere, which must not steer the terminal: control characters are shown, not sent. */
export function printable(text: string): string {
  // oxlint-disable-next-line no-control-regex -- control characters are just what is to be found
  return text.replace(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g, (c) => {
    return c === '\r' ? '' : `\\x${c.charCodeAt(0).toString(16).padStart(2, '0')}`;
  });
}

function headlineOf(error: unknown): string {
  if (isFerryError(error)) return messageOf(error);
  if (isSystemError(error)) {
    return messageOf(translateOsError(error, error.syscall, error.path ?? 'something'));
  }
  return `ferry made a mistake: ${messageOf(error)}`;
}

function hintOf(error: unknown): string | undefined {
  if (error instanceof FerryError && error.code !== 'internal') return error.hint;
  if (isSystemError(error)) return undefined;
  return 'this is a bug: please report it, with what -v adds';
}

function causesOf(error: unknown): string[] {
  const lines: string[] = [];
  let cause = error instanceof Error ? error.cause : undefined;
  // A chain that bites its tail would be endless.
  for (let depth = 0; cause !== undefined && depth < 16; depth++) {
    lines.push(`  because: ${indented(messageOf(cause))}`);
    cause = cause instanceof Error ? cause.cause : undefined;
  }
  return lines;
}

function stackOf(error: unknown): string[] {
  const isOurs = isFerryError(error) && error.code !== 'internal';
  if (isOurs || !(error instanceof Error) || error.stack === undefined) return [];
  return error.stack.split('\n').slice(1);
}

/** An error of the operating system that nobody translated: it isn't a bug of ours, mostly. */
function isSystemError(error: unknown): error is Error & { syscall: string; path?: string } {
  return errnoOf(error) !== undefined && error instanceof Error && 'syscall' in error;
}

function indented(text: string): string {
  return printable(text.trimEnd()).replaceAll('\n', '\n  ');
}
