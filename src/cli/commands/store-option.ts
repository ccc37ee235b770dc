/** `--store`, which all commands about one store take. */
export const storeOption: {
  readonly store: { readonly help: string; readonly value: string; readonly completes: 'store' };
} = {
  store: {
    help: 'the store, as ferry copy takes it; by default that of this machine',
    value: 'STORE',
    completes: 'store',
  },
};
