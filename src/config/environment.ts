/**
 * What is taken from the environment, read once at the start and passed on: nothing below looks at `process`.
 * (Nix manual, "Common Environment Variables".)
 */
import { homedir } from 'node:os';
import { join } from 'node:path';
import { defaultStoreDir, parseStoreDir, type StoreDir } from '../format/store-path.ts';

export interface Environment {
  readonly variables: Readonly<Record<string, string | undefined>>;
  readonly home: string;
  readonly isRoot: boolean;
  readonly configHome: string;
  readonly dataHome: string;
}

export function readEnvironment(
  variables: Readonly<Record<string, string | undefined>> = process.env,
): Environment {
  const home = variables['HOME'] ?? homedir();
  return {
    variables,
    home,
    isRoot: process.geteuid?.() === 0,
    configHome: variables['XDG_CONFIG_HOME'] ?? join(home, '.config'),
    dataHome: variables['XDG_DATA_HOME'] ?? join(home, '.local/share'),
  };
}

/** The store directory of all stores that aren't told another. @throws FerryError `usage` when it isn't absolute. */
export function storeDirOf({ variables }: Environment): StoreDir {
  const text = variables['NIX_STORE_DIR'] ?? variables['NIX_STORE'];
  return text === undefined ? defaultStoreDir : parseStoreDir(text);
}
