/** Where the contents of a path come from, and when nothing more will be read there: only then is it the next one's turn. */
import type { NarStream } from '../store.ts';

/** The contents of a path as workers take them. */
interface Source {
  readonly source: AsyncIterable<Uint8Array> | { readonly tree: string };
  /** When nothing more will be read of it, once it was begun; a tree is read at any time. */
  readonly used: Promise<void> | undefined;
  readonly isBegun: () => boolean;
}

export function fromTree(tree: string): Source {
  return { source: { tree }, used: undefined, isBegun: () => false };
}

export function untilUsed(nar: NarStream): Source {
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
