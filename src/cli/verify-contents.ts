/** Compares the contents of paths with what their store knows of them. */
import { FerryError, messageOf } from '../error.ts';
import { formatHash, hashesEqual, StreamingHash, type Hash } from '../format/hash.ts';
import type { PathInfo } from '../format/path-info.ts';
import type { StorePath } from '../format/store-path.ts';
import type { VerifyResult } from '../store/local/verify.ts';
import type { NarStream, Store } from '../store/store.ts';
import { asLocalStore } from './as-local-store.ts';

export interface VerifyContentsOptions {
  readonly signal: AbortSignal;
  /** Of a store on this machine: look only whether they are there. */
  readonly checkContents: boolean;
  readonly onProblem: (path: StorePath, problem: string) => void;
}

/** A store on this machine hashes by itself, with all its threads; from others the NARs are read. */
export async function verifyContents(
  store: Store,
  infos: ReadonlyMap<StorePath, PathInfo>,
  { signal, checkContents, onProblem }: VerifyContentsOptions,
): Promise<void> {
  const local = asLocalStore(store);
  if (local !== undefined) {
    const onResult = (result: VerifyResult): void => {
      const problem = problemOf(result);
      if (problem !== undefined) onProblem(result.path, problem);
    };
    await local.verifyPaths(infos.keys(), { signal, checkContents, onResult });
    return;
  }
  if (!checkContents) return;
  for await (const nar of store.readNars(infos.keys(), { signal })) {
    const info = infos.get(nar.path);
    if (info === undefined) throw new FerryError('internal', `"${nar.path}" was not asked for`);
    const got = await hashOf(nar);
    if (!hashesEqual(info.narHash, got)) onProblem(info.path, difference(info.narHash, got));
  }
}

async function hashOf(nar: NarStream): Promise<Hash> {
  const state = new StreamingHash('sha256');
  for await (const chunk of nar) state.update(chunk);
  return state.finish();
}

function problemOf(result: VerifyResult): string | undefined {
  switch (result.state) {
    case 'whole':
      return undefined;
    case 'not-valid':
      return 'it is not valid any more';
    case 'disappeared':
      return 'its files are gone';
    case 'modified':
      return difference(result.expected, result.got);
    case 'failed':
      return messageOf(result.error);
  }
}

function difference(expected: Hash, got: Hash): string {
  return `its contents have the hash ${formatHash(got, 'sri')} instead of ${formatHash(expected, 'sri')}`;
}
