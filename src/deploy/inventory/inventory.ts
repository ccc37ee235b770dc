/**
 * A fleet made of what all inventories say: hosts that several of them name, and with whom they disagree. Also hosts that
 * are named by nothing but a URI on the command line.
 */
import { FerryError } from '../../error.ts';
import type { Fleet, Host } from '../fleet.ts';
import type { FleetConfig, HostConfig, HostSettings } from './define-fleet.ts';
import { formatHostUri, parseHostUri, placeKey, type HostPlace } from './host-place.ts';
import { isHostName } from './names.ts';
import { resolveHost, type ResolvedHost } from './resolve-host.ts';

/** A host that an inventory other than the configuration names. */
export interface FoundHost {
  readonly name: string;
  readonly origin: string;
  /** Which inventory that is; hosts of one inventory may be one machine for several users. */
  readonly source: string;
  /** What it says of it, an address at least. */
  readonly config: HostConfig;
}

export interface InventoryParts {
  readonly config: FleetConfig;
  /** How messages call the configuration. */
  readonly configName: string;
  readonly found: readonly FoundHost[];
  /** URIs of the command line. */
  readonly uris: readonly string[];
  /** What the command line says of all hosts. */
  readonly overrides: HostSettings;
}

/** A fleet that can take in hosts by their URIs. */
export interface Inventory extends Fleet {
  /**
   * The host of a URI: one of the fleet, then reached by this URI, or one that nobody has named, with what holds for all
   * hosts.
   * @throws FerryError `usage`
   */
  hostAt(uri: string): Host;
}

export const commandLine = 'command line';

interface Entry extends ResolvedHost {
  readonly source: string;
}

/** @throws FerryError `conflict` where two inventories disagree about a host, `usage` */
export function makeInventory(parts: InventoryParts): Inventory {
  const { config, configName, found, overrides } = parts;
  const entries = new Map<string, Entry>();
  const places = new Map<string, Entry[]>();
  const configured = new Map(Object.entries(config.hosts ?? {}));
  const foundByName = new Map<string, FoundHost>();
  for (const one of found) {
    const other = foundByName.get(one.name);
    if (other !== undefined) throw sameName(one.name, other, one);
    foundByName.set(one.name, one);
  }
  for (const [name, host] of configured) {
    const one = foundByName.get(name);
    if (one === undefined) add(name, { origin: configName, source: configName, levels: [host] });
    else addBoth(name, one, host);
  }
  for (const one of found) {
    const { name, origin, source, config: own } = one;
    if (!configured.has(name)) add(name, { origin, source, levels: [own] });
  }
  for (const uri of parts.uris) {
    const host = hostAt(uri);
    entries.set(host.name, {
      host,
      place: parseHostUri(host.uri),
      source: entries.get(host.name)?.source ?? commandLine,
    });
  }
  const hosts = new Map([...entries].map(([name, { host }]) => [name, host]));
  return { hosts, hostAt };

  function resolved(name: string, { origin, levels }: Named): ResolvedHost {
    const tags = [...new Set([config.defaults, ...levels].flatMap((level) => level?.tags ?? []))];
    const tagLevels = tags.flatMap((tag) => {
      const settings = Object.hasOwn(config.tags ?? {}, tag) ? config.tags?.[tag] : undefined;
      return settings === undefined ? [] : [settings];
    });
    return resolveHost({
      name,
      origin,
      tags,
      levels: [config.defaults ?? {}, ...tagLevels, ...levels],
    });
  }

  function add(name: string, named: Named): void {
    const entry = {
      ...resolved(name, { ...named, levels: [...named.levels, overrides] }),
      source: named.source,
    };
    const key = JSON.stringify([placeKey(entry.place), entry.host.profile]);
    const others = places.get(key) ?? [];
    const twin = others.find(
      ({ source, place }) => source !== named.source || place.user === entry.place.user,
    );
    if (twin !== undefined) throw sameHost(twin.host, entry.host);
    places.set(key, [...others, entry]);
    entries.set(name, entry);
  }

  function addBoth(name: string, one: FoundHost, host: HostConfig): void {
    const { origin, source } = one;
    const levels = [one.config, host];
    if (host.address !== undefined || host.uri !== undefined) {
      const here = resolved(name, { origin: configName, source: configName, levels: [host] });
      const there = resolved(name, { origin, source, levels: [one.config] });
      if (placeKey(here.place) !== placeKey(there.place)) {
        throw disagreement(name, there.host, here.host);
      }
    }
    add(name, { origin, source, levels });
  }

  function hostAt(text: string): Host {
    const { user, address, parameters } = parseHostUri(text);
    const levels = [overrides, { uri: text }];
    const named = { origin: commandLine, source: commandLine, levels };
    const { place } = resolved(address, named);
    const known = [...entries.values()].filter((entry) => {
      const both = new Map([...entry.place.parameters, ...place.parameters]);
      const isSamePlace = placeKey(entry.place) === placeKey({ ...place, parameters: both });
      // Of two URIs each is a host; of one that an inventory names, this is another way to reach it.
      const isSameUser = entry.source !== commandLine || entry.place.user === place.user;
      return isSamePlace && isSameUser;
    });
    const [first, second] = known;
    if (first === undefined) return resolved(nameFor(place), named).host;
    if (second !== undefined) {
      throw new FerryError(
        'usage',
        `"${withoutParameters(text)}" may be "${first.host.name}" or "${second.host.name}"`,
        { hint: 'say which by its name' },
      );
    }
    const uri = formatHostUri({
      ...place,
      user: user ?? first.place.user,
      parameters: new Map([...first.place.parameters, ...parameters]),
    });
    return { ...first.host, uri };
  }

  /** The shortest that tells it from the others. */
  function nameFor({ address, user, port }: HostPlace): string {
    const isAlone = parts.uris.filter((uri) => parseHostUri(uri).address === address).length <= 1;
    const at = user === undefined ? address : `${user}@${address}`;
    const candidates = [
      ...(isAlone ? [address] : []),
      at,
      ...(port === undefined ? [] : [`${address}:${port}`, `${at}:${port}`]),
    ];
    const name = candidates.find((candidate) => isHostName(candidate) && !entries.has(candidate));
    if (name !== undefined) return name;
    const stem = isHostName(address) ? address : 'host';
    for (let n = 2; ; n++) if (!entries.has(`${stem}-${n}`)) return `${stem}-${n}`;
  }
}

interface Named {
  readonly origin: string;
  readonly source: string;
  readonly levels: readonly HostConfig[];
}

function sameName(name: string, a: FoundHost, b: FoundHost): FerryError {
  return new FerryError(
    'conflict',
    `two hosts are called "${name}": ${a.origin}, and ${b.origin}`,
    { hint: 'leave one of them out, or take its name from elsewhere' },
  );
}

function sameHost(a: Host, b: Host): FerryError {
  const both = `"${a.name}" (${a.origin}) and "${b.name}" (${b.origin})`;
  return new FerryError(
    'conflict',
    `${both} are one host: both are at "${withoutParameters(b.uri)}" with the profile "${b.profile}"`,
    { hint: 'leave one of them out, give it the name of the other, or a profile of its own' },
  );
}

function disagreement(name: string, a: Host, b: Host): FerryError {
  const at = (host: Host): string => `"${withoutParameters(host.uri)}" by ${host.origin}`;
  return new FerryError('conflict', `the host "${name}" is at ${at(a)}, and at ${at(b)}`, {
    hint: `leave out its address in ${b.origin}, or give it another name`,
  });
}

function withoutParameters(uri: string): string {
  return uri.replace(/\?.*$/s, '');
}
