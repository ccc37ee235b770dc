/** What `nix-store --repair-path` and `nix store repair` do. */
import { FerryError } from '../../../error.ts';
import type { StorePath } from '../../../format/store-path.ts';
import type { Store } from '../../../store/store.ts';
import { asLocalStore } from '../../as-local-store.ts';
import { runRepairAsNix } from '../../run-repair.ts';
import type { Session } from '../../session.ts';

/**
 * Repairs what can be.
 * @throws FerryError `unsupported` for a store that isn't on this machine; why the first that could not be repaired
 *   could not
 */
export async function repairAsNix(
  session: Session,
  store: Store,
  paths: readonly StorePath[],
): Promise<void> {
  if (paths.length === 0) return;
  const local = asLocalStore(store);
  if (local === undefined) {
    const problem = `operation 'repairPath' is not supported by store '${store.uri}'`;
    throw new FerryError('unsupported', problem, { store: store.uri });
  }
  const failures = await runRepairAsNix(session, local, paths);
  for (const failure of failures.values()) throw failure;
}
