/** The jobs themselves, as they run on a worker thread: synchronous from beginning to end, but for what streams in. */
import { FerryError } from '../../error.ts';
import { StreamingHash } from '../../format/hash.ts';
import { contentAddressHasher, type ContentAddressHasher } from '../../format/nar/ca-hash.ts';
import { NarDecoder } from '../../format/nar/decoder.ts';
import { NarEncoder } from '../../format/nar/encoder.ts';
import { NarHasher, type NarDigest } from '../../format/nar/hash-nar.ts';
import { HashPartScanner } from '../../format/nar/scan.ts';
import { teeVisitor } from '../../format/nar/tee.ts';
import type { ContentAddressRequest, TreeDigest } from '../tree-jobs.ts';
import { removeTree } from '../tree/remove-tree.ts';
import { walkTree } from '../tree/walk-tree.ts';
import { TreeWriter } from '../tree/write-tree.ts';
import type { JobResult, PackJob, UnpackJob } from './messages.ts';
import { openOutlet, type Send } from './outlet.ts';

/** What a job may use of the thread it runs on. */
export interface JobContext {
  /** Throws where the job is to stop. */
  readonly checkpoint: () => void;
  /** Bytes of NAR since the last call. */
  readonly progress: (bytes: number) => void;
  /** Called with the target as soon as there is something. */
  readonly created: (path: string) => void;
}

/** `send` may block. @returns nothing where nothing is hashed */
export function packTree(
  tree: string,
  job: PackJob,
  send: Send,
  context: JobContext,
): JobResult | undefined {
  const narHash = job.isHashed ? new StreamingHash('sha256') : undefined;
  const fileHash =
    job.isHashed && job.compression !== 'none' ? new StreamingHash('sha256') : undefined;
  using outlet = openOutlet(job.compression, job.level, job.chunkBytes, (chunk) => {
    fileHash?.update(chunk);
    send(chunk);
  });
  const emit = (chunk: Uint8Array): void => {
    context.checkpoint();
    narHash?.update(chunk);
    context.progress(chunk.length);
    outlet.take(chunk);
  };
  const encoder = new NarEncoder(emit, { nextBuffer: () => outlet.nextBuffer() });
  walkTree(tree, encoder, { checkpoint: context.checkpoint });
  encoder.end();
  outlet.end();
  if (narHash === undefined) return undefined;
  const nar = { narHash: narHash.finish(), narSize: narHash.size };
  const file = {
    fileHash: fileHash?.finish() ?? nar.narHash,
    fileSize: fileHash?.size ?? nar.narSize,
  };
  return { ...nar, ...file, found: [] };
}

export function hashTree(
  tree: string,
  ca: ContentAddressRequest | undefined,
  scanFor: readonly string[],
  context: JobContext,
): JobResult {
  const scanner = scanFor.length > 0 ? new HashPartScanner(scanFor) : undefined;
  const hasher = new NarHasher((chunk) => {
    scanner?.update(chunk);
    context.progress(chunk.length);
  });
  const caHasher = prepareCaHash(ca);
  const visitor = teeVisitor(hasher, ...(caHasher === undefined ? [] : [caHasher.visitor]));
  walkTree(tree, visitor, { checkpoint: context.checkpoint });
  return { ...digestOf(hasher.finish(), ca, caHasher), found: [...(scanner?.found ?? [])] };
}

/** Packs and unpacks in one go: contents are read, hashed and written while they are in the processor's cache. */
export function copyTree(tree: string, job: UnpackJob, context: JobContext): JobResult {
  const caHasher = prepareCaHash(job.ca);
  const hasher = new NarHasher((chunk) => context.progress(chunk.length));
  return writing(job, context, (writer) => {
    const visitor = teeVisitor(
      writer,
      hasher,
      ...(caHasher === undefined ? [] : [caHasher.visitor]),
    );
    walkTree(tree, visitor, { checkpoint: context.checkpoint });
    const digest = hasher.finish();
    checkSize(digest.narSize, job.narSize);
    return { ...digestOf(digest, job.ca, caHasher), found: [] };
  });
}

/** A NAR that arrives piece by piece. After any of its methods threw, nothing is left of the target. */
export class StreamUnpacker implements Disposable {
  readonly #job: UnpackJob;
  readonly #context: JobContext;
  readonly #writer: TreeWriter;
  readonly #decoder: NarDecoder;
  readonly #caHasher: ContentAddressHasher | undefined;
  // The reader takes one spelling alone, so that the bytes as they come are the NAR of what is written.
  readonly #hash = new StreamingHash('sha256');
  #isDone = false;

  constructor(job: UnpackJob, context: JobContext) {
    this.#job = job;
    this.#context = context;
    this.#writer = createWriter(job, context);
    this.#caHasher = prepareCaHash(job.ca);
    const others = this.#caHasher === undefined ? [] : [this.#caHasher.visitor];
    this.#decoder = new NarDecoder(teeVisitor(this.#writer, ...others));
  }

  push(chunk: Uint8Array): void {
    this.#context.checkpoint();
    const { narSize } = this.#job;
    if (narSize !== undefined && this.#decoder.offset + chunk.length > narSize) {
      throw wrongSize(`more than ${narSize}`, narSize);
    }
    const taken = this.#decoder.push(chunk);
    if (taken < chunk.length) {
      const { offset } = this.#decoder;
      throw new FerryError(
        'corrupt',
        `cannot read NAR: it ends at byte ${offset}, but more follows`,
        {
          offset,
        },
      );
    }
    this.#hash.update(chunk);
    this.#context.progress(chunk.length);
  }

  end(): JobResult {
    this.#decoder.finish();
    checkSize(this.#hash.size, this.#job.narSize);
    const digest = { narHash: this.#hash.finish(), narSize: this.#hash.size };
    const result = { ...digestOf(digest, this.#job.ca, this.#caHasher), found: [] };
    this.#isDone = true;
    return result;
  }

  /** Without a successful `end` the target is removed. */
  [Symbol.dispose](): void {
    if (this.#isDone) return;
    this.#isDone = true;
    abandon(this.#writer, this.#job.target);
  }
}

function writing(
  job: UnpackJob,
  context: JobContext,
  work: (writer: TreeWriter) => JobResult,
): JobResult {
  const writer = createWriter(job, context);
  try {
    return work(writer);
  } catch (error) {
    abandon(writer, job.target);
    throw error;
  }
}

function createWriter(job: UnpackJob, context: JobContext): TreeWriter {
  const { target, sync, canonical } = job;
  return new TreeWriter(target, { sync, canonical, onCreated: context.created });
}

/** Removes what was written, and only that: what was at the target before is someone else's. */
function abandon(writer: TreeWriter, target: string): void {
  writer[Symbol.dispose]();
  if (!writer.isCreated) return;
  try {
    removeTree(target);
  } catch {
    // The failure that led here is the one to tell; what is left is no valid path, and garbage.
  }
}

/** Nothing where the hash of the NAR is what is asked for: it is taken anyway. */
function prepareCaHash(ca: ContentAddressRequest | undefined): ContentAddressHasher | undefined {
  return ca === undefined || isNarHash(ca) ? undefined : contentAddressHasher(ca);
}

function isNarHash(ca: ContentAddressRequest): boolean {
  return ca.method === 'nar' && ca.algorithm === 'sha256' && ca.selfHashPart === undefined;
}

function digestOf(
  { narHash, narSize }: NarDigest,
  ca: ContentAddressRequest | undefined,
  caHasher: ContentAddressHasher | undefined,
): TreeDigest {
  if (ca === undefined) return { narHash, narSize };
  return { narHash, narSize, caHashes: caHasher?.finish() ?? [narHash] };
}

function checkSize(size: number, wanted: number | undefined): void {
  if (wanted !== undefined && size !== wanted) throw wrongSize(`${size}`, wanted);
}

function wrongSize(found: string, wanted: number): FerryError {
  return new FerryError('corrupt', `the NAR has ${found} bytes instead of ${wanted}`, {
    offset: wanted,
  });
}
