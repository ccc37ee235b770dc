/** Two byte streams to a far end, whatever carries them: a child process, a socket, two pipes of a test. */
import type { MaybePromise } from '../bytes/maybe-promise.ts';

export interface Transport {
  /** What the far end sends; to be iterated once. Each chunk is the caller's. */
  readonly readable: AsyncIterable<Uint8Array>;
  /**
   * Queues bytes, which stay as they are until they have left: `onSent` may be told of that. Done when more may be
   * written.
   * @throws FerryError `unavailable` when the far end takes no more.
   */
  write(bytes: Uint8Array, onSent?: () => void): MaybePromise<void>;
  /** No more will be written. */
  end(): void;
  /** Ends it in order, with patience for a second or two; done when it has ended. */
  close(): Promise<void>;
  /** Ends it at once, whatever is under way; done when it has ended. */
  abort(): Promise<void>;
  /** How it ended; to be asked when `readable` has come to its end or a write has failed. */
  ending(): Promise<Ending>;
}

export interface Ending {
  /** The last of what the far end printed for people, without control characters. */
  readonly said: string;
  /** The exit status, where it was a process and is known. */
  readonly status?: number | undefined;
  /** The signal that killed it. */
  readonly signal?: string | undefined;
}

const ESCAPE_SEQUENCE = /\u001b(?:\[[0-9;?]*[ -/]*[@-~]|\][^\u0007\u001b]*(?:\u0007|\u001b\\)?|.)/g;

/** Text of a far end made fit for a terminal: no escape sequences, no control characters but line ends and tabs. */
export function plainText(text: string): string {
  return text
    .replaceAll(ESCAPE_SEQUENCE, '')
    .replaceAll('\r\n', '\n')
    .replaceAll(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g, '');
}
