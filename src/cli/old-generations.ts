/** Generations of profiles that are given up, so that what they held may be collected. */
import { join } from 'node:path';
import { stateDirOf } from '../config/environment.ts';
import type { Store } from '../store/store.ts';
import {
  findProfiles,
  generationsOf,
  oldGenerations,
  removeGenerations,
  type Generation,
  type OldGenerations,
} from '../store/local/profile-generations.ts';
import { asLocalStore } from './as-local-store.ts';
import type { CommandContext } from './context.ts';
import { profileDirectories } from './profile-directories.ts';
import { usage } from './parse-words.ts';
import type { Session } from './session.ts';

const DAY_SECONDS = 24 * 3600;

export interface OldGenerationWords {
  readonly deleteOld: boolean;
  /** `30d` */
  readonly deleteOlderThan: string | undefined;
}

/** Which ones are meant, if any. @throws FerryError `usage` */
export function whichGenerations(
  title: string,
  { deleteOld, deleteOlderThan: text }: OldGenerationWords,
): OldGenerations | undefined {
  if (text === undefined) return deleteOld ? { kind: 'all' } : undefined;
  const days = Number(/^(\d{1,6})d$/.exec(text)?.[1] ?? 0);
  if (days < 1) {
    throw usage(title, `--delete-older-than "${text}" is not a number of days such as 30d`);
  }
  if (deleteOld) throw usage(title, '--delete-old and --delete-older-than exclude each other');
  return { kind: 'before', time: Math.floor(Date.now() / 1000) - days * DAY_SECONDS };
}

export interface OldGeneration extends Generation {
  readonly profile: string;
}

/** Those of a store below another root lie there; those of this machine and of the user elsewhere, too. */
function profilesFor(context: CommandContext, { settings }: Session, store: Store): string[] {
  const stateDir = asLocalStore(store)?.stateDir ?? stateDirOf(context.env);
  const directories =
    stateDir === stateDirOf(context.env)
      ? profileDirectories(context.env, settings)
      : [join(stateDir, 'profiles')];
  return [...new Set(directories.flatMap((directory) => [...findProfiles(directory)]))];
}

/** Changes nothing. */
export function findOldGenerations(
  context: CommandContext,
  session: Session,
  store: Store,
  old: OldGenerations,
): OldGeneration[] {
  return profilesFor(context, session, store).flatMap((profile) =>
    oldGenerations(generationsOf(profile), old).map((generation) => ({ ...generation, profile })),
  );
}

/** @returns those that are gone */
export async function removeOldGenerations(
  context: CommandContext,
  session: Session,
  store: Store,
  old: OldGenerations,
): Promise<OldGeneration[]> {
  const { signal } = context;
  const removed: OldGeneration[] = [];
  for (const profile of profilesFor(context, session, store)) {
    signal.throwIfAborted();
    // Most links are no profiles: those take no lock.
    if (oldGenerations(generationsOf(profile), old).length === 0) continue;
    const onRemoving = (generation: Generation): void => {
      removed.push({ ...generation, profile });
    };
    await removeGenerations(profile, { old, onRemoving, signal });
  }
  return removed;
}
