/** A worker thread: takes one job after the other, answers each with `done`, `failed` or `stopped`. */
import { parentPort, workerData } from 'node:worker_threads';
import { loadXattrs, stripXattrs } from '../xattrs.ts';
import { CompressedUnpacker } from './compressed-unpacker.ts';
import { isStopRequested, markCreated, takeCredit, type Control } from './control.ts';
import { copyTree, hashTree, packTree, StreamUnpacker, type JobContext } from './jobs.ts';
import {
  errorToData,
  type Job,
  type AnyJobResult,
  type ToMain,
  type ToWorker,
} from './messages.ts';
import { removeTree } from '../tree/remove-tree.ts';
import { StreamDecompressor } from './stream-decompressor.ts';
import { unpackFile } from './unpack-file.ts';

/** Progress is told when so many bytes have come together. */
const PROGRESS_STEP = 1024 * 1024;

const control = workerData as Control;
const port = parentPort;
if (port === null) throw new Error('not a worker thread');

/** Thrown by a checkpoint. */
const STOPPED = Symbol('stopped');

let stream: StreamUnpacker | CompressedUnpacker | StreamDecompressor | undefined;

// One message after the other: a job may have to load something before it goes on.
let handled: Promise<void> = Promise.resolve();
port.on('message', (message: ToWorker) => {
  handled = handled.then(() => handle(message));
});

async function handle(message: ToWorker): Promise<void> {
  try {
    switch (message.kind) {
      case 'job':
        await start(message.job);
        break;
      case 'chunk':
        try {
          stream?.push(message.bytes);
        } finally {
          giveBack(message.bytes.buffer);
        }
        break;
      case 'end':
        if (stream !== undefined) finish(stream.end());
        break;
      case 'stop':
        // A job that is not a stream has seen the flag, or is over.
        if (stream !== undefined) throw STOPPED;
        break;
    }
  } catch (error) {
    stream?.[Symbol.dispose]();
    stream = undefined;
    post(error === STOPPED ? { kind: 'stopped' } : { kind: 'failed', error: errorToData(error) });
  }
}

async function start(job: Job): Promise<void> {
  switch (job.kind) {
    case 'pack':
      finish(packTree(job.tree, job, send, await createContext(false)));
      break;
    case 'unpack-tree':
      finish(copyTree(job.tree, job, await createContext(job.stripXattrs)));
      break;
    case 'unpack-file':
      finish(unpackFile(job.nar, job, await createContext(job.stripXattrs)));
      break;
    case 'unpack-stream':
      stream = unpackerFor(job, await createContext(job.stripXattrs));
      break;
    case 'decompress':
      stream = new StreamDecompressor(job.compression, send);
      break;
    case 'hash':
      finish(hashTree(job.tree, job.ca, job.scanFor, await createContext(false)));
      break;
    case 'canonicalise': {
      const { canonicaliseTree } = await import('../tree/canonicalise-tree.ts');
      canonicaliseTree(job.tree, { xattrs: await loadXattrs(), checkpoint });
      finish(undefined);
      break;
    }
    case 'remove':
      removeMeasured(job.tree, job.isMeasured);
      finish(undefined);
      break;
    case 'linked-inodes':
    case 'check-links':
    case 'shared-links':
    case 'share': {
      // Copies do without it.
      const { runLinkJob } = await import('./run-link-job.ts');
      finish(runLinkJob(job, checkpoint));
      break;
    }
  }
}

function removeMeasured(tree: string, isMeasured: boolean): void {
  let bytes = 0;
  const onFreed = (size: number): void => {
    bytes += size;
  };
  removeTree(tree, { checkpoint, onFreed: isMeasured ? onFreed : undefined });
  if (isMeasured) post({ kind: 'progress', bytes });
}

function unpackerFor(
  job: Extract<Job, { kind: 'unpack-stream' }>,
  context: JobContext,
): StreamUnpacker | CompressedUnpacker {
  const unpacker = new StreamUnpacker(job, context);
  const { compression } = job;
  return compression === undefined ? unpacker : new CompressedUnpacker(compression, unpacker);
}

function finish(result: AnyJobResult): void {
  stream = undefined;
  post({ kind: 'done', result });
}

async function createContext(needsStripping: boolean): Promise<JobContext> {
  const xattrs = needsStripping ? await loadXattrs() : undefined;
  let untold = 0;
  return {
    checkpoint,
    progress: (bytes) => {
      untold += bytes;
      if (untold < PROGRESS_STEP) return;
      post({ kind: 'progress', bytes: untold });
      untold = 0;
    },
    created: (path) => {
      markCreated(control);
      if (xattrs !== undefined) stripXattrs(xattrs, path);
    },
  };
}

function send(bytes: Uint8Array<ArrayBuffer>): void {
  if (!takeCredit(control)) throw STOPPED;
  post({ kind: 'chunk', bytes }, [bytes.buffer]);
}

function checkpoint(): void {
  if (isStopRequested(control)) throw STOPPED;
}

function giveBack(buffer: ArrayBuffer): void {
  post({ kind: 'buffer', buffer }, [buffer]);
}

function post(message: ToMain, transfer: ArrayBuffer[] = []): void {
  port?.postMessage(message, transfer);
}
