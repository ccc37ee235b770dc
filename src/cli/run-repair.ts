/** Repairing paths as the command line does it: with the stores that are named, or those in the settings. */
import { repairPaths, type RepairOptions } from '../copy/repair.ts';
import type { FerryError } from '../error.ts';
import { printStorePath, type StorePath } from '../format/store-path.ts';
import type { LocalStore } from '../store/local/local-store.ts';
import { printable } from './errors.ts';
import { joinConfigured } from './join-substituters.ts';
import type { Session } from './session.ts';

export interface RepairRequest
  extends Pick<
    RepairOptions,
    'otherContents' | 'checkSigs' | 'checkSame' | 'onTake' | 'onRepaired' | 'onBytes'
  > {
  /** URIs of stores to take from; the substituters in the settings where it is empty. */
  readonly from?: readonly string[] | undefined;
}

/** @returns why the others could not be repaired */
export async function runRepair(
  session: Session,
  store: LocalStore,
  paths: readonly StorePath[],
  { from = [], ...options }: RepairRequest,
): Promise<Map<StorePath, FerryError>> {
  const uris = from.length > 0 ? from : undefined;
  return await repairPaths(store, paths, {
    ...options,
    signal: session.signal,
    join: (refuses) => joinConfigured(session, store, { uris, refuses }),
    onWarning: (message) => session.onLine(printable(`warning: ${message}`)),
  });
}

/** As Nix repairs: from its substituters, which must be trusted in any case, and other contents where need be. */
export async function runRepairAsNix(
  session: Session,
  store: LocalStore,
  paths: readonly StorePath[],
): Promise<Map<StorePath, FerryError>> {
  return await runRepair(session, store, paths, {
    otherContents: true,
    checkSame: true,
    onTake(path, from) {
      session.onLine(`copying path '${printStorePath(store.storeDir, path)}' from '${from}'...`);
    },
  });
}
