/** What an operation of the worker protocol is: one row, from which both sides take number, gates and codecs. */
import type { Codec, WireContext } from '../codec.ts';
import { v } from './version.ts';

/** One row of the table of operations, without its types. */
export interface WorkerOperationRow {
  readonly number: number;
  /** As messages and the Nix source call it. */
  readonly name: string;
  readonly since: number;
  /** The last version that has this form. */
  readonly until?: number | undefined;
  /** Needs this feature. */
  readonly feature?: string | undefined;
  /** With this feature it has another form. */
  readonly unlessFeature?: string | undefined;
  /**
   * What is streamed after the request: `framed` (`framed.ts`) while the server works and tells; `pulled` in pieces
   * that the server asks for by messages; `plain`, a NAR, before the server begins.
   */
  readonly requestStream?: 'framed' | 'pulled' | 'plain' | undefined;
  /** What is streamed: a NAR as the answer, or pieces in messages before it. */
  readonly responseStream?: 'nar' | 'messages' | undefined;
  /** Only clients that are trusted may ask for it; others are refused before the request was read to its end. */
  readonly needsTrust?: boolean | undefined;
}

export interface WorkerOperation<Request, Response> extends WorkerOperationRow {
  readonly request: Codec<Request>;
  /** After the message that it is done. */
  readonly response: Codec<Response>;
}

/** What servers accept at all: nothing older is told apart. */
export const oldest: number = v(10);

/** Whether both sides have this row. */
export function isSpoken(row: WorkerOperationRow, { version, features }: WireContext): boolean {
  return (
    version >= row.since &&
    version <= (row.until ?? Number.POSITIVE_INFINITY) &&
    (row.feature === undefined || features.has(row.feature)) &&
    (row.unlessFeature === undefined || !features.has(row.unlessFeature))
  );
}
