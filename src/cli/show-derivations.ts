/** Derivations as JSON on stdout, as `ferry derivation show` and `nix derivation show` print them. */
import { formatJson } from '../bytes/json-text.ts';
import type { Derivation } from '../format/derivation.ts';
import { derivationsJson, type DerivationJsonFormat } from '../format/derivation-json.ts';
import type { StorePath } from '../format/store-path.ts';
import { readDerivations } from '../store/read-derivations.ts';
import type { Store } from '../store/store.ts';
import type { CommandContext } from './context.ts';

export interface ShowDerivationsOptions {
  readonly format?: DerivationJsonFormat | undefined;
  /** On several lines. By default where stdout is a terminal, and for the older formats, as Nix of that time did. */
  readonly pretty?: boolean | undefined;
}

/** @throws FerryError `corrupt` for what is no derivation, `unsupported` for one that JSON can't tell */
export async function showDerivations(
  { stdout, signal }: CommandContext,
  store: Store,
  drvs: readonly StorePath[],
  { format = 4, pretty = stdout.isTerminal || format !== 4 }: ShowDerivationsOptions = {},
): Promise<void> {
  const derivations = new Map<StorePath, Derivation>();
  let next = 0;
  for await (const derivation of readDerivations(store, drvs, { signal })) {
    derivations.set(drvs[next++] as StorePath, derivation);
  }
  const json = derivationsJson(store.storeDir, derivations, format);
  // The first format has its members in an order of their own.
  await stdout.write(`${formatJson(json, { pretty, asOrdered: format === 1 })}\n`);
}
