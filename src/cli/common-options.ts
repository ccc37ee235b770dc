/** The options that every command takes. */
import type { OptionSpecs } from './command.ts';

export const commonOptions: {
  readonly verbose: { readonly help: string; readonly short: 'v'; readonly repeated: true };
  readonly quiet: { readonly help: string };
  readonly option: { readonly help: string; readonly value: string; readonly repeated: true };
  readonly help: { readonly help: string; readonly short: 'h' };
} & OptionSpecs = {
  verbose: { help: 'say more; again for still more', short: 'v', repeated: true },
  quiet: { help: 'say nothing but errors' },
  option: {
    help: 'override a setting of nix.conf, as Nix does',
    value: 'NAME VALUE',
    repeated: true,
  },
  help: { help: 'print this help', short: 'h' },
};
