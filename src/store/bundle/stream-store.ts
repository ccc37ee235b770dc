/**
 * A bundle that comes out of a pipe, as a store that is read once: its paths in the order in which they come, none twice.
 * Small ones are taken into memory whole, so that several are at work at a time; a long one goes through as it comes.
 */
import { FerryError, isFerryError, messageOf } from '../../error.ts';
import { isBundlePart, magicBytes } from '../../format/bundle/magic.ts';
import { BundleReader, type BundleFrame } from '../../format/bundle/reader.ts';
import type { StorePath } from '../../format/store-path.ts';
import { decompress } from '../../system/compression/decompress.ts';
import { unlessAborted } from '../../system/pause.ts';
import type { CallOptions, NarStream } from '../store.ts';
import { ManifestStore, type BundledPath } from './manifest-store.ts';
import { joinParts } from './part-stream.ts';
import { peekAt } from './peek-at.ts';

/**
 * Reads the header, which says all about the paths.
 * @param name for messages: where it comes from
 * @throws FerryError `corrupt`, `unsupported` for a later version; what the source throws
 */
export async function openBundleStream(
  bytes: AsyncIterable<Uint8Array>,
  name: string,
): Promise<BundleStreamStore> {
  try {
    return new BundleStreamStore(await BundleReader.open(await wholeOf(bytes)), name);
  } catch (error) {
    throw describing(error, name);
  }
}

/** Parts are put together. */
async function wholeOf(bytes: AsyncIterable<Uint8Array>): Promise<AsyncIterable<Uint8Array>> {
  const { first, all } = await peekAt(bytes, magicBytes);
  return isBundlePart(first) ? joinParts(all) : all;
}

export class BundleStreamStore extends ManifestStore {
  readonly #name: string;
  readonly #reader: BundleReader;
  readonly #frames: AsyncGenerator<BundleFrame, void, undefined>;
  #isReading = false;

  constructor(reader: BundleReader, name: string) {
    super(name, reader.manifest);
    this.#name = name;
    this.#reader = reader;
    this.#frames = reader.frames();
  }

  /** In the order of the manifest, else they can't be had. @throws FerryError `usage` for another order */
  async *readNars(
    paths: Iterable<StorePath>,
    options: CallOptions = {},
  ): AsyncGenerator<NarStream, void, undefined> {
    const { signal } = options;
    this.check(options);
    if (this.#isReading) throw new FerryError('usage', `"${this.uri}" can be read only once`);
    this.#isReading = true;
    let last = -1;
    for (const path of paths) {
      const bundled = this.find(path);
      if (bundled.number <= last) {
        throw new FerryError('usage', `"${this.uri}" has "${path}" before "${last}"`);
      }
      last = bundled.number;
      const frame = await this.#seek(bundled, signal);
      const small = await this.#attempt(frame.small(), signal);
      if (small !== undefined) {
        yield this.#streamOf(bundled, true, [small], signal);
        continue;
      }
      const { promise: isUsed, resolve: used } = Promise.withResolvers<void>();
      yield this.#streamOf(bundled, false, this.#whole(frame, used), signal);
      // A thread may still be at it, and nothing after it can be read until it is through.
      await unlessAborted(isUsed, signal);
    }
  }

  /** Passes over what is left, and sees that the bundle is whole. @throws FerryError `corrupt` */
  async finish(signal?: AbortSignal): Promise<void> {
    while ((await this.#attempt(this.#frames.next(), signal)).done !== true);
  }

  override async [Symbol.asyncDispose](): Promise<void> {
    await super[Symbol.asyncDispose]();
    // One that hangs in a read is not waited for.
    this.#reader.close().catch(() => {});
  }

  async #seek({ number }: BundledPath, signal: AbortSignal | undefined): Promise<BundleFrame> {
    for (;;) {
      const next = await this.#attempt(this.#frames.next(), signal);
      if (next.done === true) throw new FerryError('internal', `there is no frame ${number}`);
      if (next.value.number === number) return next.value;
    }
  }

  async *#whole(frame: BundleFrame, used: () => void): AsyncGenerator<Uint8Array, void, undefined> {
    try {
      yield* frame.bytes;
    } catch (error) {
      throw describing(error, this.#name);
    } finally {
      used();
    }
  }

  #streamOf(
    bundled: BundledPath,
    isIndependent: boolean,
    frame: AsyncIterable<Uint8Array> | readonly Uint8Array[],
    signal: AbortSignal | undefined,
  ): NarStream {
    const { compression } = this.manifest;
    const bytes = (): AsyncIterable<Uint8Array> =>
      Symbol.asyncIterator in frame ? frame : once(frame);
    const describe = (error: FerryError): FerryError => this.cannotRead(bundled, error);
    const { narSize } = bundled.info;
    return {
      path: bundled.info.path,
      isIndependent,
      async *[Symbol.asyncIterator]() {
        try {
          yield* decompress(compression, bytes(), { bytesMax: narSize, signal });
        } catch (error) {
          throw isFerryError(error, 'corrupt') && error.path === undefined
            ? describe(error)
            : error;
        }
      },
      compressed: { compression, bytes, describe },
    };
  }

  async #attempt<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
    try {
      return await unlessAborted(promise, signal);
    } catch (error) {
      signal?.throwIfAborted();
      throw describing(error, this.#name);
    }
  }
}

async function* once(chunks: readonly Uint8Array[]): AsyncGenerator<Uint8Array, void, undefined> {
  yield* chunks;
}

function describing(error: unknown, name: string): unknown {
  if (!isFerryError(error) || error.path !== undefined) return error;
  return new FerryError(error.code, `cannot read ${name} as a bundle: ${messageOf(error)}`, {
    path: name,
    cause: error,
    ...(error.hint === undefined ? {} : { hint: error.hint }),
  });
}
