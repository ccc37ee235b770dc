/**
 * A development shell to copy and to enter: `shell.nix` over Debian packages as derivations, with a standard environment
 * in small (`shell-fixture/`), built by real Nix in a home's store. All programs of it run from that store alone.
 */
import { chmodSync, cpSync, existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { runInsideOk } from './inside-store.ts';
import type { NixHome } from './nix-home.ts';
import { peersDirectory } from './peers.ts';

export interface ShellFixture {
  /** A directory with `shell.nix`, `structured.nix` and `shells.nix` (attributes `plain`, `inner.structured`). */
  readonly directory: string;
  /** The derivations of the first two, as nix-shell instantiates them. */
  readonly plainDrv: string;
  readonly structuredDrv: string;
  /** Valid in the home once `build` was asked for: bash, which NIX_BUILD_SHELL may name. */
  readonly bash: string;
}

const SOURCES = fileURLToPath(new URL('./shell-fixture', import.meta.url));
const PACKAGES = 'shell-packages';

/** For `peerTest`: what of it this machine lacks. */
export const shellFixtureLacks: readonly string[] = existsSync(
  join(peersDirectory(), PACKAGES, 'stamp'),
)
  ? []
  : ['packages for a shell'];

/**
 * Makes it in a home, whose Nix then has the derivations, and all their inputs where `build` says so (the default).
 * The store paths of what is built are the same in every home; those of derivations have its directory in them.
 */
export async function makeShellFixture(
  home: NixHome,
  { build = true }: { readonly build?: boolean } = {},
): Promise<ShellFixture> {
  const directory = join(home.path, 'shell-project');
  const packages = join(peersDirectory(), PACKAGES);
  cpSync(SOURCES, directory, { recursive: true });
  cpSync(join(packages, 'archives'), join(directory, 'archives'), { recursive: true });
  const seed = join(directory, 'seed/bin/busybox');
  mkdirSync(join(directory, 'seed/bin'), { recursive: true });
  cpSync(join(packages, 'busybox'), seed);
  chmodSync(seed, 0o755);
  const instantiate = async (...words: readonly string[]): Promise<string> =>
    await runInsideOk(home, [home.peer.program('nix-instantiate'), ...words], { cwd: directory });
  const plainDrv = await instantiate('shell.nix', '--arg', 'inNixShell', 'true');
  const structuredDrv = await instantiate('structured.nix');
  const bashDrv = await instantiate('pkgs.nix', '-A', 'bash');
  const query = [home.peer.program('nix-store'), '--query', '--outputs', bashDrv];
  const bash = await runInsideOk(home, query);
  // The shells themselves are built too, which needs all their inputs, and shows that they are good for something.
  if (build) {
    const realise = [home.peer.program('nix-store'), '--realise', bashDrv, plainDrv, structuredDrv];
    await runInsideOk(home, realise);
  }
  return { directory, plainDrv, structuredDrv, bash: `${bash}/bin/bash` };
}
