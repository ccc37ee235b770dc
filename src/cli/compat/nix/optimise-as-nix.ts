/** What `nix-store --optimise` and `nix store optimise` do. */
import { FerryError, messageOf } from '../../../error.ts';
import type { OptimiseEvent } from '../../../store/local/optimise-store.ts';
import { printStorePath } from '../../../format/store-path.ts';
import type { Store } from '../../../store/store.ts';
import type { DaemonStore } from '../../../store/worker/daemon-store.ts';
import { asLocalStore } from '../../as-local-store.ts';
import type { CommandContext } from '../../context.ts';
import { printable } from '../../errors.ts';
import { OrderedOutput } from '../../ui/ordered-output.ts';
import { nixSize } from './nix-size.ts';

/** Stores elsewhere have nothing to optimise, unless a daemon does it for us. @throws FerryError */
export async function optimiseAsNix(context: CommandContext, store: Store): Promise<void> {
  const { signal, stderr, verbosity } = context;
  const local = asLocalStore(store);
  if (local === undefined) {
    if ('optimiseStore' in store) await (store as DaemonStore).optimiseStore({ signal });
    return;
  }
  const output = new OrderedOutput(stderr);
  const { filesLinked, bytesFreed, failed } = await local.optimise({
    signal,
    onEvent(event) {
      for (const line of linesOf(store, event, verbosity)) output.line(printable(line));
    },
  });
  if (verbosity >= 0) {
    output.line(`${nixSize(bytesFreed)} freed by hard-linking ${filesLinked} files`);
  }
  await output.settled();
  if (failed === 0) return;
  throw new FerryError('conflict', `cannot optimise ${failed} paths of "${store.uri}"`, {
    store: store.uri,
  });
}

function linesOf({ storeDir }: Store, event: OptimiseEvent, verbosity: number): string[] {
  if (event.type === 'failed') {
    const path = printStorePath(storeDir, event.path);
    return [`error: cannot optimise '${path}': ${messageOf(event.error)}`];
  }
  if (event.type === 'start') {
    // Nix counts the directory's two entries for itself and its parent too.
    return verbosity > 0 ? [`loaded ${event.links + 2} hash inodes`] : [];
  }
  if (event.type === 'begin') {
    const path = printStorePath(storeDir, event.path);
    return verbosity > 0 ? [`optimising path '${path}'...`] : [];
  }
  if (event.type === 'path') return [];
  const { kind, path } = event.note;
  switch (kind) {
    case 'writable':
      return [`warning: skipping suspicious writable file '"${path}"'`];
    case 'damaged-link':
      return [
        `warning: removing corrupted link "${path}"`,
        'warning: There may be more corrupted paths.',
        'You should run `nix-store --verify --check-contents --repair` to fix them all',
      ];
    case 'no-space':
      return verbosity >= 0 ? [`cannot link "${path}": No space left on device`] : [];
    case 'too-many-links':
      return verbosity >= 0 ? [`"${path}" has maximum number of links`] : [];
  }
}
