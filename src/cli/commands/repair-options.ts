/** What commands that repair paths are told. */
import type { Store } from '../../store/store.ts';
import { requireLocalStore } from '../as-local-store.ts';
import { usage } from '../parse-words.ts';

export const repairOptions: {
  readonly from: {
    readonly help: string;
    readonly value: 'STORE';
    readonly repeated: true;
    readonly completes: 'store';
  };
  readonly otherContents: { readonly help: string };
  readonly noCheckSigs: { readonly help: string };
} = {
  from: {
    help: 'take them from this store instead of the substituters in nix.conf',
    value: 'STORE',
    repeated: true,
    completes: 'store',
  },
  otherContents: { help: 'take also the contents of another build, if a trusted key signed them' },
  noCheckSigs: { help: 'take contents of another build that lack a signature by a trusted key' },
};

export interface RepairOptionValues {
  readonly from: readonly string[];
  readonly otherContents: boolean;
  readonly noCheckSigs: boolean;
}

/** For messages: what can't be done to a store elsewhere. */
export const REPAIR = 'repair paths of';

/** Before anything is read. @throws FerryError `usage`, `unsupported` for a store that isn't on this machine */
export function requireRepairable(
  title: string,
  store: Store,
  { repair, from, otherContents, noCheckSigs }: RepairOptionValues & { readonly repair: boolean },
): void {
  if (repair) {
    requireLocalStore(store, REPAIR);
    return;
  }
  const [name] = [
    ...(from.length > 0 ? ['--from'] : []),
    ...(otherContents ? ['--other-contents'] : []),
    ...(noCheckSigs ? ['--no-check-sigs'] : []),
  ];
  if (name !== undefined) throw usage(title, `${name} says how to repair: it goes with --repair`);
}
