/** Small NARs and infos, made by hand, for stores to be tried with. */
import { utf8ByteString } from '../../src/bytes/byte-string.ts';
import { hashBytes } from '../../src/format/hash.ts';
import { contentAddressedPath } from '../../src/format/make-store-path.ts';
import { NarEncoder } from '../../src/format/nar/encoder.ts';
import type { PathInfo } from '../../src/format/path-info.ts';
import { defaultStoreDir, type StorePath } from '../../src/format/store-path.ts';
import type { NarStream, PathToAdd } from '../../src/store/store.ts';

export interface Sample {
  readonly info: PathInfo;
  readonly nar: Uint8Array;
}

/** The NAR of a directory with a file, an executable and a link. */
export function sampleNar(text: string): Uint8Array {
  const chunks: Uint8Array[] = [];
  const encoder = new NarEncoder((chunk) => chunks.push(new Uint8Array(chunk)));
  const name = utf8ByteString;
  const content = Buffer.from(text);
  encoder.directory(name(''));
  encoder.file(name('run'), { executable: true, size: 2 });
  encoder.data(Buffer.from('#!'));
  encoder.endFile();
  encoder.file(name('text'), { executable: false, size: content.length });
  encoder.data(content);
  encoder.endFile();
  encoder.symlink(name('to-text'), name('text'));
  encoder.leave();
  encoder.end();
  return Buffer.concat(chunks);
}

/** A path with these contents and references; its name follows from neither, as with paths that were built. */
export function samplePath(
  name: string,
  references: readonly StorePath[] = [],
  text: string = name,
): Sample {
  const nar = sampleNar(text);
  const path = contentAddressedPath(defaultStoreDir, name, {
    method: 'text',
    hash: hashBytes('sha256', `built: ${name}`),
  });
  const info: PathInfo = {
    path,
    narHash: hashBytes('sha256', nar),
    narSize: nar.length,
    references: [...references].sort(),
    signatures: [],
  };
  return { info, nar };
}

/** A chain and a fork: `c` refers to `b` and to itself, `b` to `a`, `d` to `a` and `c`. */
export function sampleClosure(): { a: Sample; b: Sample; c: Sample; d: Sample } {
  const a = samplePath('a');
  const b = samplePath('b', [a.info.path]);
  const lone = samplePath('c', [b.info.path]);
  const c = samplePath('c', [b.info.path, lone.info.path]);
  const d = samplePath('d', [a.info.path, c.info.path], 'x'.repeat(300_000));
  return { a, b, c, d };
}

export function toStream(path: StorePath, ...chunks: readonly Uint8Array[]): NarStream {
  return {
    path,
    async *[Symbol.asyncIterator]() {
      for (const chunk of chunks) yield new Uint8Array(chunk);
    },
  };
}

export async function* toAdd(...samples: readonly Sample[]): AsyncGenerator<PathToAdd> {
  for (const { info, nar } of samples) yield { info, nar: toStream(info.path, nar) };
}

export async function readAll(stream: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of stream) chunks.push(new Uint8Array(chunk));
  return Buffer.concat(chunks);
}
