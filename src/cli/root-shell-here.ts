/** Keeps a shell in a store on this machine: links that are roots, under the name of the shell. */
import { lstatSync, readdirSync, readlinkSync, unlinkSync } from 'node:fs';
import { join } from 'node:path';
import { stateDirOf } from '../config/environment.ts';
import { printStorePath } from '../format/store-path.ts';
import type { BuildClosure } from '../shell/build-closure.ts';
import { isInputLink, linksOf } from '../shell/shell-links.ts';
import type { RootedShell } from '../shell/root-on-host.ts';
import type { Store } from '../store/store.ts';
import { asRootedStore } from './as-daemon-store.ts';
import { asLocalStore } from './as-local-store.ts';
import type { CommandContext } from './context.ts';

/**
 * Undefined where the store has no roots here: a binary cache keeps what it has.
 * @throws FerryError `denied` where links can't be made, `conflict` where something else is in their place
 */
export async function rootShellHere(
  { env, signal }: CommandContext,
  store: Store,
  name: string,
  closure: BuildClosure,
): Promise<RootedShell | undefined> {
  const rooted = asRootedStore(store);
  if (rooted === undefined) return undefined;
  const own = stateDirOf(env);
  const stateDir = asLocalStore(store)?.stateDir ?? own;
  // Those of a store below a root go with it; those of root are for everybody.
  const directory =
    stateDir !== own || env.isRoot
      ? join(stateDir, 'gcroots/ferry-shells', name)
      : join(env.stateHome, 'ferry/shells', name);
  const links = linksOf(closure);
  const surplus = namesIn(directory).filter((each) => isInputLink(each) && !links.has(each));
  let wasThere = surplus.length === 0;
  for (const [link, path] of links) {
    const file = join(directory, link);
    if (readLink(file) === printStorePath(store.storeDir, path)) continue;
    wasThere = false;
    await rooted.addRoot(file, path, { signal });
  }
  for (const each of surplus) unlinkSync(join(directory, each));
  return { directory, wasThere };
}

function namesIn(directory: string): string[] {
  return lstatSync(directory, { throwIfNoEntry: false })?.isDirectory() === true
    ? readdirSync(directory)
    : [];
}

function readLink(file: string): string | undefined {
  const stat = lstatSync(file, { throwIfNoEntry: false });
  return stat?.isSymbolicLink() === true ? readlinkSync(file) : undefined;
}
