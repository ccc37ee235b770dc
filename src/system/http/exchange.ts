/**
 * One request and its answer on one connection: what undici reports, as a promise and a queue. It is careful about one
 * thing: where a connection breaks, undici sends requests that it takes for untouched once more by itself.
 */
import type { Dispatcher } from 'undici';
import { BodyQueue, type BodySource } from './body-queue.ts';
import { BrokenAnswerError, StaleConnectionError, TooLongToShareError } from './connect-error.ts';
import { SHARED_BYTES_MAX, type HttpMethod } from './http-types.ts';

type IncomingHeaders = Parameters<NonNullable<Dispatcher.DispatchHandler['onResponseStart']>>[2];

/** A request as it goes onto a connection. */
export interface WireRequest {
  readonly method: HttpMethod;
  /** With the query; the whole URL for a proxy. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: Uint8Array | (() => AsyncIterable<Uint8Array>) | undefined;
  readonly isShort: boolean;
  /** A body that came slower than a byte a second for so long is given up; silence is undici's to notice. */
  readonly stallTimeoutMs: number;
}

export interface WireAnswer {
  readonly status: number;
  readonly headers: ReadonlyMap<string, string>;
  readonly body: BodyQueue;
}

/** What an exchange tells the connection that it is on. */
export interface ExchangeOwner {
  /** Whether others are on the connection, which an abort would cost their place. */
  readonly isShared: boolean;
  /** Whether it was sent while others waited for their answers. */
  readonly isInLine: boolean;
  /** Whether the connection has carried answers before. */
  readonly isReused: boolean;
  /** `isBeginning` when an answer begins; failures of the server's own don't count. */
  heard(isBeginning: boolean): void;
  /** No other request is to be put behind this one. */
  becameLong(): void;
  aborting(): void;
  /** What may well be a good request was called a bad one, after others in line. */
  refusedInLine(): void;
  /** Once, at the end of it, whatever that is. */
  done(isComplete: boolean): void;
}

/** Of an answer that nobody wants any more. */
const DRAINED_BYTES_MAX = 64 * 1024;

export class Exchange implements Dispatcher.DispatchHandler, BodySource {
  readonly answer: Promise<WireAnswer>;
  readonly #owner: ExchangeOwner;
  readonly #isShort: boolean;
  readonly #isReused: boolean;
  readonly #isInLine: boolean;
  #resolve: (answer: WireAnswer) => void = () => {};
  #reject: (error: unknown) => void = () => {};
  #controller: Dispatcher.DispatchController | undefined;
  #body: BodyQueue | undefined;
  #receivedBytes = 0;
  #expectedBytes: number | undefined;
  #drainedBytes = 0;
  readonly #stallTimeoutMs: number;
  /** Since when its pace is measured, and what came since. */
  #paceSince = 0;
  #paceBytes = 0;
  #isFailure = false;
  /** Nobody waits for it any more. */
  #isDropped = false;
  #isDone = false;
  readonly #whenDone: (() => void)[] = [];

  constructor(request: WireRequest, owner: ExchangeOwner) {
    this.#owner = owner;
    this.#isShort = request.isShort;
    this.#stallTimeoutMs = request.stallTimeoutMs;
    this.#isReused = owner.isReused;
    this.#isInLine = owner.isInLine;
    this.answer = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    // Whoever dropped it doesn't wait for it.
    this.answer.catch(() => {});
  }

  /** Calls back once nothing more comes of it, at once where that is so. */
  onDone(callback: () => void): void {
    if (this.#isDone) callback();
    else this.#whenDone.push(callback);
  }

  /** Ends it from outside, before or after the answer began. */
  drop(error: unknown): void {
    this.#fail(error);
    this.cancel();
  }

  pause(): void {
    if (!this.#isDone) this.#controller?.pause();
  }

  resume(): void {
    // It was our reader who took his time.
    this.#measureAnew();
    if (!this.#isDone) this.#controller?.resume();
  }

  /**
   * The rest of a short answer is let pass, where that is possible: it costs less than a new connection, and than the
   * places of all that wait behind it.
   */
  cancel(): void {
    if (this.#isDone || this.#isDropped) return;
    this.#isDropped = true;
    const isAnswering = this.#body !== undefined;
    const bytesLeft = (this.#expectedBytes ?? this.#receivedBytes) - this.#receivedBytes;
    if (
      (isAnswering && bytesLeft <= DRAINED_BYTES_MAX) ||
      (this.#isShort && this.#owner.isShared)
    ) {
      this.#controller?.resume();
    } else {
      this.#abort();
    }
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    const isAgain = this.#body !== undefined;
    this.#controller = controller;
    if (isAgain) this.#fail(new BrokenAnswerError('the connection was lost'));
    if (isAgain || this.#isDropped) this.#abort();
  }

  onResponseStart(
    _controller: Dispatcher.DispatchController,
    status: number,
    headers: IncomingHeaders,
  ): void {
    if (status < 200) return;
    this.#isFailure = status >= 500;
    if (!this.#isFailure) this.#owner.heard(true);
    if (status === 400 && this.#isInLine) {
      this.#owner.refusedInLine();
      this.#isDropped = true;
      this.#fail(new StaleConnectionError('the server takes no requests in line'));
      this.#abort();
      return;
    }
    const lengths = headers['content-length'];
    this.#expectedBytes = typeof lengths === 'string' ? parseLength(lengths) : undefined;
    this.#body = new BodyQueue(this);
    this.#measureAnew();
    if (this.#expectedBytes !== undefined && this.#expectedBytes > SHARED_BYTES_MAX) {
      this.#isTooLong();
    }
    this.#resolve({ status, headers: mapOf(headers), body: this.#body });
  }

  onResponseData(_controller: Dispatcher.DispatchController, chunk: Uint8Array): void {
    if (!this.#isFailure) this.#owner.heard(false);
    this.#receivedBytes += chunk.length;
    if (this.#receivedBytes > SHARED_BYTES_MAX) this.#isTooLong();
    if (!this.#isDropped) {
      this.#body?.push(chunk);
      this.#giveUpIfTrickling(chunk.length);
      return;
    }
    this.#drainedBytes += chunk.length;
    if (this.#drainedBytes > DRAINED_BYTES_MAX) this.#abort();
  }

  onResponseEnd(): void {
    if (this.#isDone) return;
    this.#body?.end();
    this.#done(true);
  }

  onResponseError(_controller: Dispatcher.DispatchController, error: Error): void {
    if (this.#isDone) return;
    const isStale = this.#isReused && this.#body === undefined && isLostConnection(error);
    this.#fail(isStale ? new StaleConnectionError('the connection was lost') : error);
    this.#done(false);
  }

  #done(isComplete: boolean): void {
    this.#isDone = true;
    this.#owner.done(isComplete);
    for (const callback of this.#whenDone.splice(0)) callback();
  }

  /** Where others wait behind it, they go on without it; alone, it only lets nobody in any more. */
  #isTooLong(): void {
    if (!this.#isShort || this.#isDropped) return;
    if (!this.#owner.isShared) {
      this.#owner.becameLong();
      return;
    }
    this.#isDropped = true;
    this.#fail(new TooLongToShareError('the answer is longer than was thought'));
    this.#abort();
  }

  #measureAnew(): void {
    this.#paceSince = performance.now();
    this.#paceBytes = 0;
  }

  /** As curl has it for Nix: a byte now and then keeps nobody waiting for ever. */
  #giveUpIfTrickling(byteCount: number): void {
    this.#paceBytes += byteCount;
    const elapsedMs = performance.now() - this.#paceSince;
    if (elapsedMs < this.#stallTimeoutMs) return;
    if (this.#paceBytes * 1000 >= elapsedMs) {
      this.#measureAnew();
      return;
    }
    this.#isDropped = true;
    this.#fail(new BrokenAnswerError('it comes slower than a byte a second'));
    this.#abort();
  }

  #abort(): void {
    this.#owner.aborting();
    this.#controller?.abort(new DroppedError('not wanted any more'));
  }

  #fail(error: unknown): void {
    this.#reject(error);
    this.#body?.fail(error);
  }
}

/** Undici's reason for what we ended ourselves. */
class DroppedError extends Error {
  override readonly name = 'DroppedError';
}

function isLostConnection(error: Error & { code?: unknown }): boolean {
  return ['ECONNRESET', 'EPIPE', 'UND_ERR_SOCKET'].includes(String(error.code));
}

export function parseLength(text: string): number | undefined {
  return /^\d{1,15}$/.test(text) ? Number(text) : undefined;
}

function mapOf(headers: IncomingHeaders): Map<string, string> {
  const map = new Map<string, string>();
  for (const [name, value] of Object.entries(headers)) {
    if (value !== undefined) {
      map.set(name.toLowerCase(), Array.isArray(value) ? value.join(', ') : value);
    }
  }
  return map;
}
