/** Finds and reads the file that says who the hosts are: `ferry.config.ts` or `ferry.toml`. */
import { existsSync, statSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { readConfigText } from '../../config/read-config-text.ts';
import { FerryError } from '../../error.ts';
import { translateOsError } from '../../system/os-error.ts';
import type { FleetConfig } from './define-fleet.ts';
import { isModuleName, loadConfigModule, moduleNames } from './load-config-module.ts';
import { parseFleetToml } from './read-toml.ts';
import { settingsIn } from './resolve-host.ts';

export interface FleetConfigFile {
  /** How messages call it. */
  readonly name: string;
  readonly file: string;
  readonly config: FleetConfig;
}

export interface ReadConfigOptions {
  readonly cwd: string;
  readonly variables: Readonly<Record<string, string | undefined>>;
  readonly signal?: AbortSignal | undefined;
}

const tomlName = 'ferry.toml';

/** The one in the working directory; undefined where there is none. @throws FerryError `usage`, `denied` */
export function findConfig({ cwd, variables }: ReadConfigOptions): string | undefined {
  const found = [...moduleNames, tomlName].filter((name) => existsSync(join(cwd, name)));
  const [first, second] = found;
  if (first === undefined) return undefined;
  if (second !== undefined) {
    throw new FerryError('usage', `there are both "${first}" and "${second}" in "${cwd}"`, {
      hint: `say which with --config ./${first}`,
    });
  }
  requireOurs(join(cwd, first), first, variables);
  return first;
}

/**
 * It is run, and says what is to be run as root elsewhere: in a directory where others may write, theirs would be taken.
 */
function requireOurs(file: string, name: string, variables: ReadConfigOptions['variables']): void {
  const self = process.geteuid?.();
  if (self === undefined) return;
  const { uid, mode } = stat(file);
  const trusted = [0, self, ...(self === 0 ? [Number(variables['SUDO_UID'] ?? 0)] : [])];
  const isOpen = (mode & 0o002) !== 0;
  if (trusted.includes(uid) && !isOpen) return;
  const why = isOpen ? 'everybody may write to it' : `it belongs to another user (${uid})`;
  throw new FerryError('denied', `cannot trust "${name}" in the working directory: ${why}`, {
    hint: `to use it all the same: --config ./${name}`,
    path: file,
  });
}

function stat(file: string): { uid: number; mode: number } {
  try {
    return statSync(file);
  } catch (error) {
    throw translateOsError(error, 'read', file);
  }
}

/** @param name as it was given or found, relative to the working directory. @throws FerryError */
export async function readConfig(
  name: string,
  { cwd, signal }: ReadConfigOptions,
): Promise<FleetConfigFile> {
  const file = resolve(cwd, name);
  const config = isModuleName(file)
    ? await loadConfigModule(requireFile(file, name), { name, signal })
    : parseFleetToml(readText(file, name), name);
  return { name, file, config: configIn(config, { directory: dirname(file), cwd }) };
}

function requireFile(file: string, name: string): string {
  if (existsSync(file)) return file;
  throw noSuchFile(file, name);
}

function noSuchFile(path: string, name: string): FerryError {
  return new FerryError('not-found', `cannot read "${name}": no such file or directory`, { path });
}

function readText(file: string, name: string): string {
  if (!file.endsWith('.toml')) {
    throw new FerryError(
      'usage',
      `cannot use the fleet of "${name}": it is neither TOML nor TypeScript`,
      {
        hint: 'its name ends in .toml, .ts, .mts, .js or .mjs',
      },
    );
  }
  const read = readConfigText(file);
  if (read.state === 'read') return read.text;
  if (read.state === 'absent') throw noSuchFile(file, name);
  throw new FerryError('denied', `cannot read "${name}": ${read.why}`, { path: file });
}

/** Paths in it are relative to it. */
function configIn(
  config: FleetConfig,
  place: { readonly directory: string; readonly cwd: string },
): FleetConfig {
  const { defaults, tags, hosts, terraform } = config;
  const all = <Settings extends object>(
    settings: Readonly<Record<string, Settings>>,
  ): Record<string, Settings> =>
    Object.fromEntries(
      Object.entries(settings).map(([name, one]) => [name, settingsIn(one, place)]),
    );
  return {
    ...config,
    ...(defaults === undefined ? {} : { defaults: settingsIn(defaults, place) }),
    ...(tags === undefined ? {} : { tags: all(tags) }),
    ...(hosts === undefined ? {} : { hosts: all(hosts) }),
    ...(terraform === undefined
      ? {}
      : { terraform: { ...terraform, path: resolve(place.directory, terraform.path) } }),
  };
}
