/** Where the contents of a path come from, and when nothing more will be read there: only then is it the next one's turn. */
import type { UnpackRequest } from '../../system/tree-jobs.ts';
import type { NarStream } from '../store.ts';

/** The contents of a path as workers take them. */
interface Source {
  readonly source: UnpackRequest['source'];
  /** When nothing more will be read of it, once it was begun; undefined for what may be read at any time. */
  readonly used: Promise<void> | undefined;
  readonly isBegun: () => boolean;
}

export function sourceOf(nar: NarStream): Source {
  if (nar.tree !== undefined) return atAnyTime({ tree: nar.tree });
  if (nar.compressed !== undefined) {
    const { compression, bytes, file } = nar.compressed;
    if (file !== undefined) return atAnyTime(file);
    return atAnyTime({ compression, bytes: bytes() });
  }
  return nar.isIndependent === true ? atAnyTime(nar) : untilUsed(nar);
}

function atAnyTime(source: UnpackRequest['source']): Source {
  return { source, used: undefined, isBegun: () => false };
}

function untilUsed(nar: NarStream): Source {
  const { promise, resolve } = Promise.withResolvers<void>();
  let isBegun = false;
  const source = (async function* () {
    isBegun = true;
    try {
      yield* nar;
    } finally {
      resolve();
    }
  })();
  return { source, used: promise, isBegun: () => isBegun };
}
