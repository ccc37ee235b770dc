/** Export streams made by hand, and where something begins or ends in them. */
import type { Sample } from '../conformance/nars.ts';
import { bytesOf, u64 } from '../vectors/nar/build.ts';
import { defaultStoreDir, printStorePath, type StorePath } from '../../src/format/store-path.ts';

export const exportMagic: Uint8Array = u64(0x4558494e);

/** One path of a stream: from its mark to the end of its trailer. */
export function recordOf(sample: Sample, change: Partial<Sample['info']> = {}): Uint8Array {
  const { path, references, deriver } = { ...sample.info, ...change };
  const print = (each: StorePath): string => printStorePath(defaultStoreDir, each);
  return bytesOf(
    u64(1),
    sample.nar,
    exportMagic,
    print(path),
    u64(references.length),
    ...references.map(print),
    deriver === undefined ? '' : print(deriver),
    u64(0),
  );
}

export function streamOf(...samples: readonly Sample[]): Uint8Array {
  return bytesOf(...samples.map((sample) => recordOf(sample)), u64(0));
}

export interface Edge {
  readonly at: number;
  /** What is valid if it breaks off here. */
  readonly paths: readonly StorePath[];
}

export function edgesOf(samples: readonly Sample[]): Edge[] {
  const edges: Edge[] = [];
  const paths: StorePath[] = [];
  let at = 0;
  const add = (...pieces: (string | Uint8Array)[]): void => {
    for (const piece of pieces) {
      at += bytesOf(piece).length;
      edges.push({ at, paths: [...paths] });
    }
  };
  for (const { nar, info } of samples) {
    add(u64(1), nar.subarray(0, 24), nar.subarray(24, 200), nar.subarray(200), exportMagic);
    add(`/nix/store/${info.path}`, u64(info.references.length));
    add(...info.references.map((path) => `/nix/store/${path}`), '');
    at += 8;
    paths.push(info.path);
    edges.push({ at, paths: [...paths] });
  }
  add(u64(0));
  return edges;
}

/** What is valid where a stream breaks off somewhere. */
export function validBefore(edges: readonly Edge[], cut: number): readonly StorePath[] {
  return edges.findLast(({ at }) => at <= cut)?.paths ?? [];
}

/** A NAR that says of its file that it is as large as numbers go, and then ends. */
export function hugeNar(): Uint8Array {
  return bytesOf('nix-archive-1', '(', 'type', 'regular', 'contents', u64(2 ** 53 - 8), 'x');
}
