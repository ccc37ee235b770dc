/** Development shells of flakes: what `nix develop` would enter, found by the Nix of this machine. */
import { FerryError } from '../error.ts';
import { isDerivation, parseStorePath, type StorePath } from '../format/store-path.ts';
import type { Store } from '../store/store.ts';
import { runForeignNix } from './compat/nix/foreign-nix.ts';
import type { CommandContext } from './context.ts';

const FEATURES = ['--extra-experimental-features', 'nix-command flakes'];

/** `.#`, `.#name`, `github:owner/repository#name`; a name with a dot in it is a whole attribute path. */
export function isFlakeWord(word: string): boolean {
  return word.includes('#');
}

/** @throws FerryError `not-found` without a Nix, `failed` where it fails */
export async function instantiateFlakeShell(
  context: CommandContext,
  store: Store,
  word: string,
  { storeUri }: { readonly storeUri: string | undefined },
): Promise<StorePath> {
  const at = word.indexOf('#');
  const [flake, name] = [word.slice(0, at) || '.', word.slice(at + 1) || 'default'];
  const what = `"${word}" must be evaluated`;
  const evalSystem = ['eval', ...FEATURES, '--raw', '--impure', '--expr', 'builtins.currentSystem'];
  const system = (await runForeignNix(context, what, evalSystem)).trim();
  if (!/^[\w-]+$/.test(system)) throw new FerryError('protocol', `"${system}" is no system`);
  const attribute = name.includes('.') ? name : `devShells.${system}.${name}`;
  const where = storeUri === undefined ? [] : ['--store', storeUri];
  const words = ['path-info', ...FEATURES, '--derivation', ...where, '--', `${flake}#${attribute}`];
  const line = (await runForeignNix(context, what, words)).trim();
  let drv: StorePath | undefined;
  try {
    drv = parseStorePath(store.storeDir, line);
  } catch {
    // Told below.
  }
  if (drv !== undefined && isDerivation(drv)) return drv;
  throw new FerryError('protocol', `cannot read what Nix answered: "${line.slice(0, 300)}"`);
}
