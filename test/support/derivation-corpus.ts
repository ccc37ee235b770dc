/** About a thousand derivations that real Nix made, of all kinds that have paths before they are built. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { NixHome } from './nix-home.ts';

export interface DerivationCorpus {
  /** Its closure has all of them but one: the one with bytes that are no text. */
  readonly shown: string;
  /** Its closure has all. */
  readonly whole: string;
}

const EXPRESSION = fileURLToPath(new URL('./derivation-corpus.nix', import.meta.url));

/** Puts them into the store of a home; its Nix must be of 2.26 or later. */
export async function makeDerivationCorpus(home: NixHome): Promise<DerivationCorpus> {
  const bytes = join(home.path, 'corpus-bytes');
  // No text of Nix has a zero byte.
  writeFileSync(
    bytes,
    Uint8Array.from({ length: 255 }, (_, i) => i + 1),
  );
  const instantiate = async (attribute: string): Promise<string> =>
    await home.runOk('nix-instantiate', [
      EXPRESSION,
      '--no-gc-warning',
      '--attr',
      attribute,
      '--arg',
      'bytes',
      bytes,
    ]);
  return { shown: await instantiate('shown'), whole: await instantiate('whole') };
}
