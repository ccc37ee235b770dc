/**
 * Hosts out of an output: a list or a map of addresses, or of objects. In `ferry_hosts`, which is made for this, the
 * objects have the fields of a host in snake_case, and what doesn't fit is an error.
 */
import { FerryError } from '../../../error.ts';
import type { HostConfig } from '../define-fleet.ts';
import { checkHostConfig } from '../fleet-schema.ts';
import { addressFault, parseHostUri } from '../host-place.ts';
import { hostNameFrom, isHostName } from '../names.ts';
import { respell } from '../respell.ts';
import { mistakesError, snakeCase, unknownField } from '../spelling.ts';
import { valuesAt } from './attribute-path.ts';
import {
  configFrom,
  fits,
  isThisMachine,
  terraformSource,
  textFrom,
  type Candidate,
} from './candidate.ts';
import type { Rule, RulePath } from './rules.ts';

const HOSTS_MAX = 100_000;

interface Element {
  /** Its name in a map, its place in a list. */
  readonly key: string | number;
  readonly value: unknown;
  /** How messages call it. */
  readonly at: string;
}

/** @param name how messages call the state. @throws FerryError `usage` */
function elementsOf(value: unknown, output: string, name: string): Element[] {
  const entries: (readonly [string | number, unknown])[] | undefined =
    typeof value === 'string'
      ? [[0, value]]
      : Array.isArray(value)
        ? value.map((element: unknown, i) => [i, element] as const)
        : typeof value === 'object' && value !== null
          ? Object.entries(value)
          : undefined;
  if (entries === undefined || entries.length > HOSTS_MAX) {
    const why = entries === undefined ? 'is neither a list nor a map' : 'has too many elements';
    throw new FerryError('usage', `cannot use the output "${output}" of "${name}": it ${why}`);
  }
  return entries.map(([key, value]) => ({
    key,
    value,
    at: `output ${output}[${typeof key === 'number' ? key : JSON.stringify(key)}]`,
  }));
}

/** Fields that the output may have. Which programs are run here and on hosts is for people's own files to say. */
const FIELDS: readonly (keyof HostConfig)[] = [
  'address',
  'uri',
  'user',
  'port',
  'tags',
  'become',
  'closure',
  'system',
  'profile',
  'protocol',
  'sshKey',
  'hostKey',
  'store',
  'remoteStore',
];

/** The hosts of an output that was made to tell them. @throws FerryError `usage` */
export function statedHosts(value: unknown, output: string, name: string): Candidate[] {
  const hosts = new Map<string, Candidate>();
  for (const element of elementsOf(value, output, name)) {
    const host = statedHost(element, name);
    const { wanted = '', origin } = host;
    const other = hosts.get(wanted);
    if (other !== undefined) {
      const both = `${other.origin}, and ${origin}`;
      throw new FerryError('conflict', `two hosts are called "${wanted}": ${both}`);
    }
    hosts.set(wanted, host);
  }
  return [...hosts.values()];
}

function statedHost({ key, value, at }: Element, name: string): Candidate {
  const what = `${at} of "${name}"`;
  const { name: stated, ...config } =
    typeof value === 'string' ? statedAddress(value, what) : statedFields(value, what);
  if (isThisMachine(config.address ?? addressIn(config.uri) ?? '')) {
    const why =
      "is at localhost, which ferry takes for this machine: people's own files may say that";
    throw mistakesError(what, [{ at: [], what: why }]);
  }
  const wanted = stated ?? (typeof key === 'string' ? key : undefined);
  if (wanted !== undefined && (typeof wanted !== 'string' || !isHostName(wanted))) {
    throw mistakesError(what, [{ at: [], what: "has a name that can't be a host's" }]);
  }
  const called = wanted ?? config.address ?? addressIn(config.uri);
  if (called === undefined || !isHostName(called)) {
    throw mistakesError(what, [{ at: [], what: 'has neither a name nor an address' }]);
  }
  return {
    wanted: called,
    otherNames: [],
    group: at,
    origin: `${terraformSource}: ${at}`,
    config,
  };
}

function addressIn(uri: string | undefined): string | undefined {
  return uri === undefined ? undefined : parseHostUri(uri).address;
}

type Stated = HostConfig & { readonly name?: unknown };

function statedAddress(address: string, what: string): Stated {
  const fault = addressFault(address);
  if (fault !== undefined) throw mistakesError(what, [{ at: ['address'], what: fault }]);
  return { address };
}

function statedFields(value: unknown, what: string): Stated {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw mistakesError(what, [{ at: [], what: 'is neither an address nor an object' }]);
  }
  const options = { what, spell: snakeCase };
  // Terraform gives all objects of a list the same fields, with null where there is nothing.
  const given = Object.fromEntries(Object.entries(value).filter(([, field]) => field !== null));
  const { name, ...fields } = respell(given, { ...options, isNamed: () => false }) as Record<
    string,
    unknown
  >;
  const unknown = Object.keys(fields).filter((field) => !FIELDS.some((known) => known === field));
  if (unknown.length > 0) {
    const known = ['name', ...FIELDS].map(snakeCase);
    throw mistakesError(
      what,
      unknown.map((field) => ({ at: [], what: unknownField(snakeCase(field), known) })),
    );
  }
  const config = checkHostConfig(fields, options);
  const { uri } = config;
  // A URI could say what the fields may not.
  if (uri !== undefined && parseHostUri(uri).parameters.has('remote-program')) {
    const why = 'has the parameter "remote-program", which people\'s own files may say';
    throw mistakesError(what, [{ at: ['uri'], what: why }]);
  }
  // Evaluating it would run what others wrote on this machine.
  if (config.closure?.includes('#') === true) {
    const why = "must be a store path or a link to one: what is evaluated, people's own files say";
    throw mistakesError(what, [{ at: ['closure'], what: why }]);
  }
  return { ...config, name };
}

export interface RuleOptions {
  /** How messages call the state. */
  readonly name: string;
  readonly rule: Rule;
  readonly warn: (text: string) => void;
}

/** The hosts of any other output, by a rule that a person wrote. @throws FerryError `usage` */
export function hostsByRule(
  value: unknown,
  output: string,
  { name, rule, warn }: RuleOptions,
): Candidate[] {
  return elementsOf(value, output, name).flatMap(({ key, value, at }) => {
    const read = ({ path }: RulePath): unknown[] =>
      valuesAt(value, path).map((found) => found.value);
    if (!fits(read, rule)) return [];
    const config =
      typeof value === 'string'
        ? configFrom(() => [value], { ...rule, tags: [], user: undefined, port: undefined })
        : configFrom(read, rule);
    if (config === undefined) {
      warn(`${at} is left out: it has no address`);
      return [];
    }
    const { address = '' } = config;
    const wanted = textFrom(read, rule.name) ?? (typeof key === 'string' ? key : undefined);
    return [
      {
        wanted: hostNameFrom(wanted ?? ''),
        otherNames: isHostName(address) ? [address] : [],
        group: output,
        origin: `${terraformSource}: ${at}`,
        config,
      },
    ];
  });
}
