/** A fixed number of threads, each started when it is first needed, and who waits for one. */
import { FerryError } from '../../error.ts';
import type { Job, AnyJobResult } from './messages.ts';
import { Thread, type JobListener, type RunningJob } from './thread.ts';

interface Waiting {
  readonly resolve: (thread: Thread) => void;
  readonly reject: (error: unknown) => void;
}

export interface StartedJob extends RunningJob {
  /** @throws what the job threw; the signal's reason */
  readonly result: Promise<AnyJobResult>;
}

/** Milliseconds that an aborted job has to come to its end, before its caller hears of the abort all the same. */
const ABORT_MS = 800;
/** Milliseconds that a thread has to come to its end when the pool is closed. */
const CLOSE_MS = 5_000;

export class ThreadPool implements AsyncDisposable {
  readonly #width: number;
  readonly #idle: Thread[] = [];
  /** Those that were acquired, with their jobs as soon as they have one. */
  readonly #busy = new Map<Thread, RunningJob | undefined>();
  readonly #waiting = new Set<Waiting>();
  #whenEmpty: (() => void) | undefined;
  #isClosed = false;

  constructor(width: number) {
    this.#width = width;
  }

  /** A thread for one `start`, which must follow. Whoever asks first is served first. @throws the signal's reason */
  async acquire(signal?: AbortSignal): Promise<Thread> {
    signal?.throwIfAborted();
    if (this.#isClosed) throw closed();
    const thread = this.#next();
    if (thread !== undefined) return thread;
    return await new Promise((resolve, reject) => {
      const onAbort = (): void => {
        this.#waiting.delete(waiting);
        reject(signal?.reason);
      };
      const waiting: Waiting = {
        resolve: (thread) => {
          signal?.removeEventListener('abort', onAbort);
          resolve(thread);
        },
        reject: (error) => {
          signal?.removeEventListener('abort', onAbort);
          reject(error);
        },
      };
      this.#waiting.add(waiting);
      signal?.addEventListener('abort', onAbort, { once: true });
    });
  }

  /**
   * Starts a job on a thread that was acquired. The thread goes back when the job is really over.
   * An abort reaches the job; see `resultOf`.
   */
  start(thread: Thread, job: Job, listener: JobListener, signal?: AbortSignal): StartedJob {
    const running = thread.run(job, listener);
    this.#busy.set(thread, running);
    if (this.#isClosed) running.stop();
    const over = running.outcome.finally(() => this.#release(thread));
    // Who unpacks holds a lock on the target, and who removes one on all there is: neither must be free before nothing
    // is done there any more.
    const isWriting = /^(unpack|remove|share|canonicalise)/.test(job.kind);
    const patience = isWriting ? Number.POSITIVE_INFINITY : ABORT_MS;
    return { ...running, result: resultOf({ ...running, outcome: over }, signal, patience) };
  }

  /** Stops what runs, and ends the threads. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    for (const waiting of this.#waiting) waiting.reject(closed());
    this.#waiting.clear();
    if (this.#busy.size > 0) {
      const timer = Promise.withResolvers<void>();
      const timeout = setTimeout(timer.resolve, CLOSE_MS);
      this.#whenEmpty = timer.resolve;
      for (const running of this.#busy.values()) running?.stop();
      await timer.promise;
      clearTimeout(timeout);
    }
    const threads = [...this.#idle, ...this.#busy.keys()];
    await Promise.all(threads.map((thread) => thread.terminate()));
  }

  #next(): Thread | undefined {
    if (this.#busy.size >= this.#width) return undefined;
    let thread = this.#idle.pop();
    // One may have died since.
    while (thread?.isDead === true) thread = this.#idle.pop();
    thread ??= new Thread();
    this.#busy.set(thread, undefined);
    return thread;
  }

  #release(thread: Thread): void {
    this.#busy.delete(thread);
    if (!thread.isDead) this.#idle.push(thread);
    if (this.#isClosed) {
      if (this.#busy.size === 0) this.#whenEmpty?.();
      return;
    }
    const [first] = this.#waiting;
    const next = first === undefined ? undefined : this.#next();
    if (first === undefined || next === undefined) return;
    this.#waiting.delete(first);
    first.resolve(next);
  }
}

/**
 * The end of a job for who waits for it.
 * @param patience milliseconds that an aborted job is waited for
 */
async function resultOf(
  running: RunningJob,
  signal: AbortSignal | undefined,
  patience: number,
): Promise<AnyJobResult> {
  const late = Promise.withResolvers<never>();
  let timeout: NodeJS.Timeout | undefined;
  const onAbort = (): void => {
    running.stop();
    if (patience === Number.POSITIVE_INFINITY) return;
    timeout = setTimeout(() => late.reject(signal?.reason), patience);
  };
  if (signal?.aborted === true) onAbort();
  else signal?.addEventListener('abort', onAbort, { once: true });
  try {
    const outcome = await Promise.race([running.outcome, late.promise]);
    if (outcome.kind === 'done') return outcome.result;
  } catch (error) {
    signal?.throwIfAborted();
    throw error;
  } finally {
    signal?.removeEventListener('abort', onAbort);
    clearTimeout(timeout);
  }
  signal?.throwIfAborted();
  throw stopped();
}

function closed(): FerryError {
  return new FerryError('internal', 'the worker threads are closed');
}

function stopped(): FerryError {
  return new FerryError('internal', 'the job was stopped, because the worker threads were closed');
}
