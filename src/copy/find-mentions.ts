/** Where in the files of paths others are mentioned: the NARs are read for that. */
import { FerryError } from '../error.ts';
import { NarDecoder } from '../format/nar/decoder.ts';
import { MentionFinder, type Mention } from '../format/nar/mentions.ts';
import { hashPartOf, type StorePath } from '../format/store-path.ts';
import type { CallOptions, NarStream, Store } from '../store/store.ts';

export interface FindMentionsOptions extends CallOptions {
  /** As many are kept of each path; there may be one in each of a million files. */
  readonly max?: number | undefined;
  readonly onMentions: (path: StorePath, mentions: readonly Mention[]) => void;
}

/** NARs that are read at a time, where they may be. */
const AT_ONCE = 4;

/**
 * @param wanted for each path those whose mentions are looked for in it
 * @throws FerryError `not-found`, `corrupt`, `unavailable`
 */
export async function findMentions(
  store: Store,
  wanted: ReadonlyMap<StorePath, Iterable<StorePath>>,
  { signal, max, onMentions }: FindMentionsOptions,
): Promise<void> {
  const running = new Set<Promise<void>>();
  const findIn = async (nar: NarStream): Promise<void> => {
    const finder = new MentionFinder([...(wanted.get(nar.path) ?? [])].map(hashPartOf), max);
    await readInto(finder, nar);
    onMentions(nar.path, finder.found);
  };
  try {
    for await (const nar of store.readNars(wanted.keys(), { signal })) {
      if (nar.tree === undefined && nar.isIndependent !== true) {
        await findIn(nar);
        continue;
      }
      const tracked = findIn(nar).finally(() => running.delete(tracked));
      running.add(tracked);
      tracked.catch(() => {});
      if (running.size >= AT_ONCE) await Promise.race(running);
    }
    await Promise.all(running);
  } finally {
    await Promise.allSettled(running);
  }
}

async function readInto(finder: MentionFinder, nar: NarStream): Promise<void> {
  const decoder = new NarDecoder(finder);
  for await (const chunk of nar) {
    if (decoder.push(chunk) < chunk.length) {
      throw new FerryError('corrupt', `NAR of "${nar.path}" ends before its bytes do`, {
        path: nar.path,
        offset: decoder.offset,
      });
    }
  }
  decoder.finish();
}
