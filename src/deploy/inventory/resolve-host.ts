/** From what several levels (defaults, tags, inventories, the host itself, the command line) say of a host to the host. */
import { join, resolve } from 'node:path';
import { FerryError } from '../../error.ts';
import {
  defaultActivationTimeoutMs,
  defaultConfirmTimeoutMs,
  defaultHealthTimeoutMs,
  defaultProfile,
  type Activation,
  type HealthCheck,
  type Host,
  type Pin,
} from '../fleet.ts';
import type { DurationText, HealthConfig, HostConfig, HostSettings } from './define-fleet.ts';
import { durationMs } from './duration.ts';
import { formatHostUri, parseHostUri, type HostPlace } from './host-place.ts';

export interface HostParts {
  readonly name: string;
  readonly origin: string;
  readonly tags: readonly string[];
  /** What is said later counts more; pins and health checks add up. */
  readonly levels: readonly HostConfig[];
}

export interface ResolvedHost {
  readonly host: Host;
  readonly place: HostPlace;
}

/** @throws FerryError `usage` */
export function resolveHost({ name, origin, tags, levels }: HostParts): ResolvedHost {
  const last = <Field extends keyof HostConfig>(field: Field): HostConfig[Field] =>
    levels.findLast((level) => level[field] !== undefined)?.[field];
  const all = <Item>(items: (level: HostConfig) => readonly Item[] | undefined): Item[] =>
    levels.flatMap((level) => items(level) ?? []);
  const system = last('system');
  const fill = (text: string): string => fillIn(text, { name, system });
  const place = placeOf(name, levels);
  const closure = last('closure');
  const pins = new Map<string, Pin>();
  for (const { link, source } of all(({ pins }) => pins)) {
    const filled = fill(link);
    pins.set(filled, { link: filled, source: source === undefined ? undefined : fill(source) });
  }
  const host: Host = {
    name,
    uri: formatHostUri(place),
    becomeRoot: last('become') ?? 'auto',
    tags,
    closure: closure === undefined ? undefined : fill(closure),
    system,
    profile: fill(last('profile') ?? defaultProfile),
    activation: activationOf(levels),
    pins: [...pins.values()],
    healthChecks: all(({ health }) => health).map((check) => healthCheckOf(check, fill)),
    activationTimeoutMs: msOf(last('activationTimeout'), defaultActivationTimeoutMs),
    confirmTimeoutMs: msOf(last('confirmTimeout'), defaultConfirmTimeoutMs),
    origin,
  };
  return { host, place };
}

/** Its address is its name where nobody says another: ssh_config or the DNS may know it. */
function placeOf(name: string, levels: readonly HostConfig[]): HostPlace {
  let place: HostPlace = {
    protocol: 'ssh',
    user: undefined,
    address: name,
    port: undefined,
    parameters: new Map(),
  };
  for (const level of levels) {
    const parameters = [...place.parameters, ...parametersOf(level)];
    const { uri } = level;
    if (uri !== undefined) {
      const { protocol, user, address, port, parameters: own } = parseHostUri(uri);
      place = {
        protocol,
        user: user ?? place.user,
        address,
        port: port ?? place.port,
        parameters: new Map([...parameters, ...own]),
      };
    } else {
      place = {
        protocol: level.protocol ?? place.protocol,
        user: level.user ?? place.user,
        address: level.address ?? place.address,
        port: level.port ?? place.port,
        parameters: new Map(parameters),
      };
    }
  }
  return place;
}

/** Of the URI of its store. */
function parametersOf(settings: HostSettings): [string, string][] {
  const { sshKey, hostKey, compress, remoteProgram, remoteStore, store, maxConnections } = settings;
  const values: readonly (readonly [string, string | undefined])[] = [
    ['ssh-key', sshKey],
    ['base64-ssh-public-host-key', hostKey && Buffer.from(hostKey).toString('base64')],
    ['compress', compress === undefined ? undefined : String(compress)],
    ['remote-program', remoteProgram],
    ['remote-store', remoteStore],
    ['store', store],
    ['max-connections', maxConnections === undefined ? undefined : String(maxConnections)],
  ];
  return values.flatMap(([name, value]) => (value === undefined ? [] : [[name, value]]));
}

/** The three fields are one setting: the last level that has any of them decides. */
function activationOf(levels: readonly HostConfig[]): Activation {
  for (const { activate, action, program } of levels.toReversed()) {
    if (action !== undefined) return { kind: 'nixos', action };
    if (program !== undefined) return { kind: 'program', path: program };
    if (typeof activate === 'string') return { kind: 'command', command: activate };
    if (activate !== undefined) return { kind: activate ? 'auto' : 'none' };
  }
  return { kind: 'auto' };
}

function healthCheckOf(
  { command, tcp, http, timeout }: HealthConfig,
  fill: (text: string) => string,
): HealthCheck {
  const timeoutMs = msOf(timeout, defaultHealthTimeoutMs);
  if (command !== undefined) return { kind: 'command', command, timeoutMs };
  if (tcp !== undefined) return { kind: 'tcp', port: tcp, timeoutMs };
  if (http !== undefined) return { kind: 'http', url: fill(http), timeoutMs };
  throw new FerryError('internal', 'a health check without a check');
}

function msOf(text: DurationText | undefined, otherwise: number): number {
  return (text === undefined ? undefined : durationMs(text)) ?? otherwise;
}

interface Filling {
  readonly name: string;
  readonly system: string | undefined;
}

/** Braces around other words stay: Nix expressions and URLs have them. */
function fillIn(text: string, { name, system }: Filling): string {
  return text.replaceAll(/\{(name|system)\}/g, (_, word: string) => {
    if (word === 'name') return name;
    if (system !== undefined) return system;
    throw new FerryError(
      'usage',
      `cannot fill in "${text}" for host "${name}": nobody says its system`,
      { hint: 'set the field "system" for the host, for its tag, or in defaults' },
    );
  });
}

/** Paths on this machine are relative to the file that has them. */
export function settingsIn<Settings extends HostSettings>(
  settings: Settings,
  { directory, cwd }: { readonly directory: string; readonly cwd: string },
): Settings {
  const { closure, sshKey, pins } = settings;
  const near = (path: string): string => {
    if (directory === cwd) return path;
    // A flake of the directory itself.
    if (path.startsWith('.#')) return directory + path.slice(1);
    return /^\.\.?(?:\/|$)/.test(path) ? join(directory, path) : path;
  };
  return {
    ...settings,
    ...(closure === undefined ? {} : { closure: near(closure) }),
    ...(sshKey === undefined ? {} : { sshKey: near(sshKey) }),
    ...(pins === undefined
      ? {}
      : {
          pins: pins.map(({ link, source }) => ({
            link,
            ...(source === undefined ? {} : { source: resolve(directory, source) }),
          })),
        }),
  };
}
