/** Where configuration comes from: the system's nix.conf, the files of the user, NIX_CONFIG. Which wins, too. */
import { isAbsolute, join } from 'node:path';
import { FerryError } from '../error.ts';
import type { Environment } from './environment.ts';
import { parseConfig, readConfigFile, type Assignment } from './nix-conf.ts';

export interface ConfigRead {
  /** In the order in which they are applied: the last one wins. */
  readonly assignments: readonly Assignment[];
  /** Files and variables that there were. */
  readonly sources: readonly string[];
  readonly warnings: readonly string[];
}

/** @throws FerryError `usage` */
export function systemConfig({ confDir }: Environment): ConfigRead {
  if (!isAbsolute(confDir)) {
    throw new FerryError('usage', `NIX_CONF_DIR is "${confDir}", not an absolute path`);
  }
  return readAll([join(confDir, 'nix.conf')]);
}

/** What the user says beyond the system's nix.conf. @throws FerryError `usage` */
export function userConfig(env: Environment): ConfigRead {
  const files = readAll(userFiles(env).reverse());
  const text = env.variables['NIX_CONFIG'];
  if (text === undefined) return files;
  const warnings = [...files.warnings];
  const assignments = parseConfig(text, 'NIX_CONFIG', { onWarning: (text) => warnings.push(text) });
  return {
    assignments: [...files.assignments, ...assignments],
    sources: text.trim() === '' ? files.sources : [...files.sources, 'NIX_CONFIG'],
    warnings,
  };
}

/** The user's files, the one that counts most first. */
function userFiles({ variables, nixConfigHome }: Environment): string[] {
  const named = variables['NIX_USER_CONF_FILES'];
  if (named !== undefined) return named.split(':').filter((file) => file !== '');
  const shared = (variables['XDG_CONFIG_DIRS'] || '/etc/xdg').split(':');
  // Relative ones are to be ignored, says the XDG specification.
  const dirs = shared.filter(isAbsolute).map((dir) => join(dir, 'nix'));
  return [nixConfigHome, ...dirs].map((dir) => join(dir, 'nix.conf'));
}

function readAll(files: readonly string[]): ConfigRead {
  const warnings: string[] = [];
  const sources: string[] = [];
  const assignments = files.flatMap((file) => {
    const found = readConfigFile(file, { onWarning: (text) => warnings.push(text) });
    if (found !== undefined) sources.push(file);
    return found ?? [];
  });
  return { assignments, sources, warnings };
}
