/** Garbage collection: what is asked for, in both forms, and what came of it; roots. */
import type { StorePath } from '../../format/store-path.ts';
import { andThen } from '../../bytes/maybe-promise.ts';
import type { Codec, WireContext } from '../codec.ts';
import {
  bool,
  ignored,
  list,
  map,
  message,
  numbered,
  string,
  struct,
  u64,
  wideU64,
} from '../combinators.ts';
import { pathsMax, storePath, storePathSet } from '../store-codecs.ts';
import { deleteDeadSpecificReferrers } from './version.ts';

export type GarbageAction =
  /** Tells what is reachable from the roots. */
  | 'return-live'
  /** Tells what isn't. */
  | 'return-dead'
  | 'delete-dead'
  /** Deletes the paths that are named, and fails where one is reachable. */
  | 'delete-specific';

export interface GarbageRequest {
  readonly action: GarbageAction;
  /** Which paths it is about; without them the whole store. */
  readonly paths?: readonly StorePath[] | undefined;
  /** With the feature `delete-dead-specific-referrers`: what refers to the paths goes with them. */
  readonly deleteReferrers?: boolean | undefined;
  /** No server allows it. */
  readonly ignoreLiveness: boolean;
  /** Bytes after which it stops; undefined for no limit. */
  readonly maxFreed?: number | undefined;
}

export interface GarbageAnswer {
  /** Store paths in full, or names of other things in the store directory. */
  readonly paths: readonly string[];
  readonly bytesFreed: number;
}

/** No limit is the highest number that there is; what doesn't fit ours is none either. */
const limit: Codec<number | undefined> = map<bigint, number | undefined>(
  wideU64,
  (value) => (value > BigInt(Number.MAX_SAFE_INTEGER) ? undefined : Number(value)),
  (value) => (value === undefined ? 2n ** 64n - 1n : BigInt(value)),
);

type Selection = Pick<GarbageRequest, 'paths' | 'deleteReferrers'>;

/** Paths alone, none meaning all; with the feature that is said. */
const selection: Codec<Selection> = {
  read: (reader, context) => {
    if (!canSelect(context)) {
      return andThen(storePathSet.read(reader, context), (paths) =>
        paths.length === 0 ? {} : { paths },
      );
    }
    return andThen(bool.read(reader, context), (isWhole) =>
      isWhole ? {} : selectedPaths.read(reader, context),
    );
  },
  write: (writer, { paths, deleteReferrers = false }, context) => {
    if (!canSelect(context)) {
      storePathSet.write(writer, paths ?? [], context);
      return;
    }
    bool.write(writer, paths === undefined, context);
    if (paths !== undefined) selectedPaths.write(writer, { paths, deleteReferrers }, context);
  },
};

interface SelectedPaths {
  readonly paths: readonly StorePath[];
  readonly deleteReferrers: boolean;
}

const selectedPaths: Codec<SelectedPaths> = struct<SelectedPaths>({
  paths: storePathSet,
  deleteReferrers: bool,
});

function canSelect({ features }: WireContext): boolean {
  return features.has(deleteDeadSpecificReferrers);
}

interface SentRequest {
  readonly action: GarbageAction;
  readonly selection: Selection;
  readonly ignoreLiveness: boolean;
  readonly maxFreed: number | undefined;
  readonly obsolete1?: undefined;
  readonly obsolete2?: undefined;
  readonly obsolete3?: undefined;
}

export const garbageRequest: Codec<GarbageRequest> = map<SentRequest, GarbageRequest>(
  struct<SentRequest>({
    action: numbered('an action of the garbage collector', [
      'return-live',
      'return-dead',
      'delete-dead',
      'delete-specific',
    ]),
    selection,
    ignoreLiveness: bool,
    maxFreed: limit,
    obsolete1: ignored(0),
    obsolete2: ignored(0),
    obsolete3: ignored(0),
  }),
  ({ action, selection: selected, ignoreLiveness, maxFreed }) => ({
    action,
    ...selected,
    ignoreLiveness,
    maxFreed,
  }),
  ({ action, paths, deleteReferrers, ignoreLiveness, maxFreed }) => ({
    action,
    selection: { paths, deleteReferrers },
    ignoreLiveness,
    maxFreed,
  }),
);

interface SentAnswer extends GarbageAnswer {
  readonly obsolete?: undefined;
}

export const garbageAnswer: Codec<GarbageAnswer> = struct<SentAnswer>({
  paths: list(string(4096), pathsMax * 10),
  bytesFreed: u64,
  obsolete: ignored(0),
});

export interface GarbageRoot {
  /** A file, `{memory:…}` for running programs and the like, `{censored}` for who isn't trusted. */
  readonly link: string;
  readonly target: StorePath;
}

export const garbageRoots: Codec<readonly GarbageRoot[]> = list(
  struct<GarbageRoot>({ link: message(64 * 1024), target: storePath }),
  pathsMax,
);
