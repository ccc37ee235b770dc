/** One worker thread as the main thread sees it: one job at a time, and a clear error should the thread die. */
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { FerryError, messageOf } from '../../error.ts';
import {
  createControl,
  giveCredit,
  isMarkedCreated,
  requestStop,
  resetControl,
  type Control,
} from './control.ts';
import {
  errorFromData,
  type Job,
  type AnyJobResult,
  type ToMain,
  type ToWorker,
} from './messages.ts';

/** What a job tells while it runs. */
export interface JobListener {
  readonly onChunk?: (bytes: Uint8Array) => void;
  readonly onProgress?: (bytes: number) => void;
  /** A buffer that was sent is there again (`takeBuffer`). */
  readonly onBuffer?: () => void;
}

/** How a job ended, where it didn't fail. */
export type JobOutcome =
  | { readonly kind: 'done'; readonly result: AnyJobResult }
  | { readonly kind: 'stopped' };

/** Chunks that a job may send before any of them is taken. */
const CREDITS = 4;
/** Buffers for what streams into a thread: so many, so large, used again and again. */
const BUFFER_SIZE = 512 * 1024;
const BUFFERS_MAX = 3;

// A thread needs a few MiB. The limits are for the largest directories, whose names are all in memory at once.
const LIMITS = { maxOldGenerationSizeMb: 512, maxYoungGenerationSizeMb: 4 };

/**
 * A job on its thread. Once it is over none of its methods does anything: by then the thread may be at work for someone
 * else.
 */
export interface RunningJob {
  /** @throws what the job threw; FerryError `internal` when the thread died. */
  readonly outcome: Promise<JobOutcome>;
  /** The job ends soon: with `stopped`, or as it just did. */
  stop(): void;
  /** One of its chunks was taken: it may send one more. */
  giveCredit(): void;
  /** Hands over the first `size` bytes of a buffer of the thread (`takeBuffer`). */
  send(buffer: Uint8Array<ArrayBuffer>, size: number): void;
  /** No more follows. */
  sendEnd(): void;
}

interface CurrentJob {
  readonly listener: JobListener;
  readonly resolve: (outcome: JobOutcome) => void;
  readonly reject: (error: unknown) => void;
}

export class Thread {
  readonly #control: Control = createControl();
  readonly #worker: Worker;
  #job: CurrentJob | undefined;
  #isDead = false;
  readonly #spare: Uint8Array<ArrayBuffer>[] = [];
  #bufferCount = 0;

  constructor() {
    this.#worker = new Worker(workerUrl(), {
      name: 'ferry tree worker',
      workerData: this.#control,
      resourceLimits: LIMITS,
      execArgv: [],
    });
    this.#worker.on('message', (message: ToMain) => this.#receive(message));
    this.#worker.on('error', (error) => this.#die(messageOf(error), error));
    this.#worker.on('exit', (status) => this.#die(`it exited with status ${status}`));
    // An idle thread keeps no process alive.
    this.#worker.unref();
  }

  get isDead(): boolean {
    return this.#isDead;
  }

  /** Whether the last job made something at its target. */
  get hasCreatedTarget(): boolean {
    return isMarkedCreated(this.#control);
  }

  run(job: Job, listener: JobListener = {}): RunningJob {
    const { promise: outcome, resolve, reject } = Promise.withResolvers<JobOutcome>();
    const current: CurrentJob = { listener, resolve, reject };
    if (this.#isDead || this.#job !== undefined) {
      reject(new FerryError('internal', 'a worker thread got a job that it cannot take'));
    } else {
      resetControl(this.#control, CREDITS);
      this.#post({ kind: 'job', job });
      this.#job = current;
      this.#worker.ref();
    }
    const isOver = (): boolean => this.#job !== current;
    return {
      outcome,
      stop: () => {
        if (isOver()) return;
        requestStop(this.#control);
        this.#post({ kind: 'stop' });
      },
      giveCredit: () => {
        if (!isOver()) giveCredit(this.#control);
      },
      send: (buffer, size) => {
        if (isOver()) this.returnBuffer(buffer);
        else this.#post({ kind: 'chunk', bytes: buffer.subarray(0, size) }, [buffer.buffer]);
      },
      sendEnd: () => {
        if (!isOver()) this.#post({ kind: 'end' });
      },
    };
  }

  /** A buffer to fill and `send`; undefined while all are on their way. */
  takeBuffer(): Uint8Array<ArrayBuffer> | undefined {
    const spare = this.#spare.pop();
    if (spare !== undefined || this.#bufferCount === BUFFERS_MAX) return spare;
    this.#bufferCount += 1;
    return new Uint8Array(BUFFER_SIZE);
  }

  /** Keeps a buffer that was taken and not sent. */
  returnBuffer(buffer: Uint8Array<ArrayBuffer>): void {
    this.#spare.push(buffer);
  }

  async terminate(): Promise<void> {
    await this.#worker.terminate();
  }

  #post(message: ToWorker, transfer: ArrayBuffer[] = []): void {
    this.#worker.postMessage(message, transfer);
  }

  #receive(message: ToMain): void {
    const job = this.#job;
    switch (message.kind) {
      case 'chunk':
        job?.listener.onChunk?.(message.bytes);
        break;
      case 'progress':
        job?.listener.onProgress?.(message.bytes);
        break;
      case 'buffer':
        this.#spare.push(new Uint8Array(message.buffer));
        job?.listener.onBuffer?.();
        break;
      case 'done':
      case 'stopped':
        this.#settle()?.resolve(message);
        break;
      case 'failed':
        this.#settle()?.reject(errorFromData(message.error));
        break;
    }
  }

  #settle(): CurrentJob | undefined {
    const job = this.#job;
    this.#job = undefined;
    this.#worker.unref();
    return job;
  }

  #die(reason: string, cause?: unknown): void {
    if (this.#isDead) return;
    this.#isDead = true;
    const message = `a worker thread ended in the middle of its work: ${reason}`;
    this.#settle()?.reject(new FerryError('internal', message, { cause }));
  }
}

/** In a checkout the source itself, in the library the module beside this one, in the bundle the file of its own. */
function workerUrl(): URL {
  const places = ['./worker.ts', './worker.js', './worker.cjs', '../worker.cjs'];
  const urls = places.map((place) => new URL(place, import.meta.url));
  const found = urls.find((url) => existsSync(fileURLToPath(url)));
  if (found === undefined) throw new FerryError('internal', 'the worker thread has no module');
  return found;
}
