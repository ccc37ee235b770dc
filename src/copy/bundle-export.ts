/** Writes a bundle: header, frames as they are packed, end. */
import { releaseChunk } from '../bytes/release.ts';
import { FrameEncoder } from '../format/bundle/frame-encoder.ts';
import {
  encodeEnd,
  encodeHeader,
  type BundleHeader,
  type FrameEntry,
} from '../format/bundle/layout.ts';
import { formatManifest } from '../format/bundle/manifest.ts';
import type { CallOptions, Store } from '../store/store.ts';
import type { TreeWorkers } from '../system/tree-jobs.ts';
import { packFrames } from './bundle-frames.ts';
import type { BundlePlan } from './bundle-plan.ts';
import type { CopySummary, OnCopyEvent } from './events.ts';

/** Where the bytes go. */
export interface BundleOutput {
  /** Resolves when more can be taken; the bytes are its own from then on. */
  write(bytes: Uint8Array): Promise<void>;
}

export interface BundleExportOptions extends CallOptions {
  readonly workers: TreeWorkers;
  /** Frames that the output has already, after the header: what an interrupted export left. */
  readonly done?: readonly FrameEntry[] | undefined;
  readonly onEvent?: OnCopyEvent | undefined;
}

/** Bytes that are gathered, so that small paths don't cost a write each. */
const GATHER_BYTES = 512 * 1024;

/**
 * @param header of the plan's manifest: see `headerOf`
 * @throws FerryError `corrupt` for contents that have changed in the source; what source and output throw
 */
export async function writeBundle(
  source: Store,
  { manifest, leftOut }: BundlePlan,
  header: BundleHeader,
  output: BundleOutput,
  options: BundleExportOptions,
): Promise<CopySummary> {
  const { signal, workers, done = [], onEvent } = options;
  const { infos } = manifest;
  const todo = infos.slice(done.length);
  const narSize = todo.reduce((sum, info) => sum + info.narSize, 0);
  if (leftOut.paths > 0) {
    onEvent?.({ type: 'skipped', ...leftOut, reason: 'they are said to be there' });
  }
  onEvent?.({ type: 'start', paths: todo.length, narSize });
  const gathered = new GatheringOutput(output);
  if (done.length === 0) await gathered.write(header.bytes);
  const entries = [...done];
  const frames = packFrames(source, manifest, {
    workers,
    signal,
    first: done.length,
    onStart: ({ path, narSize }) => onEvent?.({ type: 'path-start', path, narSize }),
    onBytes: (path, bytes) => onEvent?.({ type: 'path-bytes', path, bytes }),
  });
  for await (const { number, info, chunks, entry } of frames) {
    const encoder = new FrameEncoder(header.id, number);
    for await (const chunk of chunks) {
      for (const bytes of encoder.push(chunk)) await gathered.write(bytes);
    }
    const packed = entry();
    for (const bytes of encoder.end(packed)) await gathered.write(bytes);
    entries.push(packed);
    onEvent?.({ type: 'path-done', path: info.path });
  }
  await gathered.write(encodeEnd(header.id, entries));
  await gathered.flush();
  const copied = todo.length;
  const alreadyValid = leftOut.paths;
  const summary = { copied, alreadyValid, failed: 0, narSize, signaturesAdded: 0 };
  onEvent?.({ type: 'done', summary });
  return summary;
}

export function headerOf({ manifest }: BundlePlan): BundleHeader {
  return encodeHeader(formatManifest(manifest));
}

class GatheringOutput implements BundleOutput {
  readonly #output: BundleOutput;
  #pending: Uint8Array[] = [];
  #bytes = 0;

  constructor(output: BundleOutput) {
    this.#output = output;
  }

  async write(bytes: Uint8Array): Promise<void> {
    this.#pending.push(bytes);
    this.#bytes += bytes.length;
    if (this.#bytes >= GATHER_BYTES) await this.flush();
  }

  async flush(): Promise<void> {
    const pending = this.#pending;
    this.#pending = [];
    this.#bytes = 0;
    const [only] = pending;
    if (only === undefined) return;
    if (pending.length === 1) {
      await this.#output.write(only);
      return;
    }
    const together = Buffer.concat(pending);
    for (const bytes of pending) releaseChunk(bytes);
    await this.#output.write(together);
  }
}
