/**
 * What is taken from the environment, read once at the start and passed on: nothing below looks at `process`.
 * docs/environment.md says what each variable does. (Nix manual, "Common Environment Variables".)
 */
import { statSync } from 'node:fs';
import { homedir, userInfo } from 'node:os';
import { isAbsolute, join } from 'node:path';
import { FerryError } from '../error.ts';
import { defaultStoreDir, parseStoreDir, type StoreDir } from '../format/store-path.ts';

export type Variables = Readonly<Record<string, string | undefined>>;

export interface Environment {
  /** All variables: for programs that we start, and what is asked for by one file alone. */
  readonly variables: Variables;
  readonly home: string;
  readonly isRoot: boolean;
  readonly platform: NodeJS.Platform;
  /** NIX_CONF_DIR: where the system's nix.conf is. */
  readonly confDir: string;
  /** `XDG_CONFIG_HOME` and its relatives, in which each program has a directory. */
  readonly configHome: string;
  readonly dataHome: string;
  readonly cacheHome: string;
  readonly stateHome: string;
  /** Nix's own directories in them; NIX_CONFIG_HOME and its relatives stand for the whole path. */
  readonly nixConfigHome: string;
  readonly nixDataHome: string;
  readonly nixCacheHome: string;
  readonly nixStateHome: string;
}

export function readEnvironment(variables: Variables = process.env): Environment {
  const home = homeOf(variables);
  // An empty or relative one counts as not set, as the XDG specification wants it: it would mean the directory that
  // we happen to be started in.
  const absolute = (name: string, otherwise: string): string => {
    const value = variables[name];
    return value !== undefined && isAbsolute(value) ? value : otherwise;
  };
  const configHome = absolute('XDG_CONFIG_HOME', join(home, '.config'));
  const dataHome = absolute('XDG_DATA_HOME', join(home, '.local/share'));
  const cacheHome = absolute('XDG_CACHE_HOME', join(home, '.cache'));
  const stateHome = absolute('XDG_STATE_HOME', join(home, '.local/state'));
  return {
    variables,
    home,
    isRoot: process.geteuid?.() === 0,
    platform: process.platform,
    confDir: variables['NIX_CONF_DIR'] || '/etc/nix',
    configHome,
    dataHome,
    cacheHome,
    stateHome,
    nixConfigHome: absolute('NIX_CONFIG_HOME', join(configHome, 'nix')),
    nixDataHome: absolute('NIX_DATA_HOME', join(dataHome, 'nix')),
    nixCacheHome: absolute('NIX_CACHE_HOME', join(cacheHome, 'nix')),
    nixStateHome: absolute('NIX_STATE_HOME', join(stateHome, 'nix')),
  };
}

/** The store directory of all stores that aren't told another. @throws FerryError `usage` when it isn't absolute. */
export function storeDirOf({ variables }: Environment): StoreDir {
  const text = variables['NIX_STORE_DIR'] || variables['NIX_STORE'];
  return text === undefined || text === '' ? defaultStoreDir : parseStoreDir(text);
}

/** Where the machine's own store keeps its database. @throws FerryError `usage` when it isn't absolute. */
export function stateDirOf(env: Environment): string {
  return directoryOf(env, 'NIX_STATE_DIR', '/nix/var/nix');
}

/** Where the machine's own store keeps logs. @throws FerryError `usage` when it isn't absolute. */
export function logDirOf(env: Environment): string {
  return directoryOf(env, 'NIX_LOG_DIR', '/nix/var/log/nix');
}

/** A relative one would depend on where we were started; empty is as not set, as in Nix. */
function directoryOf({ variables }: Environment, name: string, otherwise: string): string {
  const text = variables[name] || otherwise;
  if (isAbsolute(text)) return text;
  throw new FerryError('usage', `${name} is "${text}", not an absolute path`);
}

/**
 * Somebody else's HOME, as `sudo` may leave it, is not ours: neither their settings nor their passwords count for us,
 * and we leave no files there. As in Nix.
 */
function homeOf(variables: Variables): string {
  const given = variables['HOME'];
  if (given === undefined || given === '') return homedir();
  try {
    const owner = statSync(given, { throwIfNoEntry: false })?.uid;
    const self = process.geteuid?.();
    if (owner === undefined || self === undefined || owner === self) return given;
    return userInfo().homedir;
  } catch {
    // It can't be looked at, or there is nobody of our number: what was said is the best there is.
    return given;
  }
}
