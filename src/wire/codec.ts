/**
 * How one value of a protocol looks in bytes: reading and writing side by side, so that client and server can't drift
 * apart. Codecs are plain values, built from those in `combinators.ts`. What is streamed (NARs) is outside of them.
 */
import type { ByteReader } from '../bytes/byte-reader.ts';
import type { ByteWriter } from '../bytes/byte-writer.ts';
import type { MaybePromise } from '../bytes/maybe-promise.ts';
import { FerryError, type ErrorCode } from '../error.ts';
import type { StoreDir } from '../format/store-path.ts';

/** What both ends agreed on: it decides which fields there are. */
export interface WireContext {
  /** `protocolVersion(major, minor)`: the lower of what both ends speak. */
  readonly version: number;
  /** Named features of the worker protocol that both ends have. */
  readonly features: ReadonlySet<string>;
  readonly storeDir: StoreDir;
}

// Function properties, not methods: a codec of fewer or more fields than its type then fails to compile.
export interface Codec<T> {
  /**
   * Answers at once where the bytes are buffered.
   * @throws FerryError `corrupt` with the field and the offset in bytes; the reader is of no more use then.
   */
  readonly read: (reader: ByteReader, context: WireContext) => MaybePromise<T>;
  readonly write: (writer: ByteWriter, value: T, context: WireContext) => void;
}

/** Versions as both protocols send them: the major number in the second byte, the minor in the first. */
export function protocolVersion(major: number, minor: number): number {
  return (major << 8) | minor;
}

export function formatProtocolVersion(version: number): string {
  return `${Math.floor(version / 256)}.${version % 256}`;
}

/** An error about one field of a message; the fields around it add their names as it passes through them. */
class FieldError extends FerryError {
  readonly field: string;
  readonly problem: string;

  constructor(field: string, problem: string, offset: number, cause: FerryError) {
    const { hint } = cause;
    super(cause.code, `field "${field}" at byte ${offset}: ${problem}`, {
      cause,
      offset,
      ...(hint === undefined ? {} : { hint }),
    });
    this.field = field;
    this.problem = problem;
  }
}

function joinFields(outer: string, inner: string): string {
  return inner.startsWith('[') ? `${outer}${inner}` : `${outer}.${inner}`;
}

const ABOUT_THE_BYTES: ReadonlySet<ErrorCode> = new Set(['corrupt', 'protocol', 'unsupported']);

/** The error with the name of the field that was being read; errors of the transport stay as they are. */
export function inField(field: string, error: unknown, reader: ByteReader): unknown {
  if (!(error instanceof FerryError) || !ABOUT_THE_BYTES.has(error.code)) return error;
  return error instanceof FieldError
    ? new FieldError(joinFields(field, error.field), error.problem, error.offset ?? 0, error)
    : new FieldError(field, error.message, error.offset ?? reader.offset, error);
}
