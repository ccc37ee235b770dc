/**
 * What an inventory may look like, for all languages in which people write one. Messages name the field, say what it must
 * be, and never have its value: it may be secret, or from elsewhere.
 */
import * as v from 'valibot';
import type { FleetConfig, HostConfig, HostSettings } from './define-fleet.ts';
import { durationMs } from './duration.ts';
import { addressFault, parseHostUri, userFault } from './host-place.ts';
import { isHostName, isTag } from './names.ts';
import {
  mistakesError,
  unknownField,
  type Mistake,
  type PathStep,
  type Spell,
} from './spelling.ts';

export interface CheckOptions {
  /** What messages call it: `fleet of "ferry.toml"`. */
  readonly what: string;
  readonly spell: Spell;
}

/** @throws FerryError `usage` naming the fields that are wrong */
export function checkFleetConfig(value: unknown, options: CheckOptions): FleetConfig {
  return check(fleetSchema(options.spell), value, options);
}

/** @throws FerryError `usage` */
export function checkHostConfig(value: unknown, options: CheckOptions): HostConfig {
  return check(hostSchema(options.spell), value, options);
}

/** @throws FerryError `usage` */
export function checkHostSettings(value: unknown, options: CheckOptions): HostSettings {
  return check(settingsSchema(options.spell), value, options);
}

function check<T>(
  schema: v.GenericSchema<unknown, T>,
  value: unknown,
  { what, spell }: CheckOptions,
): T {
  const result = v.safeParse(schema, value, { abortPipeEarly: true });
  if (result.success) return result.output;
  throw mistakesError(
    what,
    result.issues.map((issue) => mistakeOf(issue, spell)),
  );
}

/** Maps whose keys are names that people gave, by the path to them. */
const NAMED: readonly string[] = ['hosts', 'tags', 'terraform.rules'];

function mistakeOf(issue: v.BaseIssue<unknown>, spell: Spell): Mistake {
  const at: PathStep[] = [];
  let plain = '';
  for (const { key } of issue.path ?? []) {
    const isName = NAMED.includes(plain) || plain.endsWith('.where');
    plain = plain === '' ? String(key) : `${plain}.${isName ? '*' : String(key)}`;
    at.push(typeof key === 'number' ? key : isName ? String(key) : spell(String(key)));
  }
  // The path of an unknown field ends in it; what is said is about the table that has it.
  if (isUnknownField(issue)) at.pop();
  return { at, what: issue.message };
}

function isUnknownField({ type, expected }: v.BaseIssue<unknown>): boolean {
  return type === 'strict_object' && expected === 'never';
}

/** No list, and no map or class either: their contents would be passed over. */
function isTable(value: unknown): value is object {
  if (typeof value !== 'object' || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}

/** An object with these fields and no others. */
function table<const Entries extends v.ObjectEntries>(entries: Entries, spell: Spell) {
  const message = (issue: v.BaseIssue<unknown>): string => {
    const key = String(issue.path?.at(-1)?.key);
    if (isUnknownField(issue)) return unknownField(spell(key), Object.keys(entries).map(spell));
    return 'is missing';
  };
  return v.pipe(
    v.custom<object>(isTable, 'must be a table of fields'),
    v.strictObject(entries, message),
  );
}

/** An object whose keys are names. */
function named<const Value extends v.GenericSchema>(
  isName: (name: string) => boolean,
  fault: string,
  value: Value,
) {
  return v.pipe(
    v.custom<object>(isTable, 'must be a table by name'),
    // valibot leaves out some keys without a word.
    v.rawCheck(({ dataset, addIssue }) => {
      if (!dataset.typed) return;
      for (const key of Reflect.ownKeys(dataset.value)) {
        const name = String(key);
        if (!isName(name)) addIssue({ message: `has a name ${JSON.stringify(name)}, ${fault}` });
      }
    }),
    v.record(v.string(), value),
  );
}

const text = v.pipe(
  v.string('must be a string'),
  v.nonEmpty('must not be empty'),
  v.check((value) => !value.includes('\0'), 'has a NUL character'),
);
/** What stands in one line: paths, names. */
const line = v.pipe(
  text,
  v.check((value) => !/\p{Cc}/u.test(value), 'has a control character'),
);
const boolean = v.boolean('must be true or false');
const absolutePath = v.pipe(
  line,
  v.check((value) => value.startsWith('/'), 'must be an absolute path'),
);
const duration = v.custom<number | string>(
  (value) =>
    (typeof value === 'number' || typeof value === 'string') && durationMs(value) !== undefined,
  'must be a duration of at most a day: seconds, or "90s", "2m", "1h"',
);

function wholeNumber(min: number, max: number) {
  const message = `must be a whole number from ${min} to ${max}`;
  return v.pipe(
    v.number(message),
    v.check((value) => Number.isInteger(value) && value >= min && value <= max, message),
  );
}

function oneOf<const Options extends readonly string[]>(options: Options) {
  const names = options.map((option) => JSON.stringify(option)).join(', ');
  return v.picklist(options, `must be one of ${names}`);
}

function list<const Item extends v.GenericSchema>(item: Item) {
  return v.pipe(v.array(item, 'must be a list'), v.maxLength(10_000, 'has too many entries'));
}

const tag = v.pipe(
  line,
  v.check(isTag, 'must be letters, digits and ". _ - : / = @ +", and begin with one of the former'),
);
const port = wholeNumber(1, 65_535);
const user = v.pipe(
  line,
  v.check((value) => userFault(value) === undefined, 'must be the name of a user'),
);
const address = v.pipe(
  line,
  v.check(
    (value) => addressFault(value) === undefined,
    'must be an IP address without brackets or a name, and have no port: that is a field of its own',
  ),
);
const hostUri = v.pipe(
  line,
  v.check(isGoodUri, 'must be a URI as ssh://[user@]host[:port], or ssh-ng://…'),
);

function isGoodUri(value: string): boolean {
  try {
    parseHostUri(value);
    return true;
  } catch {
    return false;
  }
}

const program = v.pipe(
  line,
  v.check(
    (value) => !value.startsWith('/') && !value.split('/').includes('..'),
    'must be a path in the closure, as "bin/activate"',
  ),
);
const hostKey = v.pipe(
  line,
  v.regex(
    /^(?:ssh|ecdsa|sk)-[\w@.-]+ [A-Za-z0-9+/]+={0,2}(?: .*)?$/,
    'must be a public key as "ssh-ed25519 AAAA…"',
  ),
);
const url = v.pipe(line, v.check(isHttpUrl, 'must be a URL that begins with http:// or https://'));

function isHttpUrl(value: string): boolean {
  return /^https?:\/\//.test(value) && URL.canParse(value.replaceAll('{host}', 'host'));
}

function settingsEntries(spell: Spell) {
  const pin = table({ link: absolutePath, source: v.optional(line) }, spell);
  const health = v.pipe(
    table(
      {
        command: v.optional(text),
        tcp: v.optional(port),
        http: v.optional(url),
        timeout: v.optional(duration),
      },
      spell,
    ),
    v.check(
      ({ command, tcp, http }) => count(command, tcp, http) === 1,
      'must have one of command, tcp and http',
    ),
  );
  return {
    user: v.optional(user),
    port: v.optional(port),
    become: v.optional(oneOf(['auto', 'sudo', 'doas', 'never'])),
    closure: v.optional(line),
    system: v.optional(v.pipe(line, v.regex(/^[\w-]+-[\w-]+$/, 'must be as "x86_64-linux"'))),
    profile: v.optional(absolutePath),
    activate: v.optional(v.union([boolean, text], 'must be a command, true or false')),
    action: v.optional(oneOf(['switch', 'boot', 'test', 'dry-activate'])),
    program: v.optional(program),
    activationTimeout: v.optional(duration),
    confirmTimeout: v.optional(duration),
    pins: v.optional(list(pin)),
    health: v.optional(list(health)),
    protocol: v.optional(oneOf(['ssh', 'ssh-ng'])),
    sshKey: v.optional(line),
    hostKey: v.optional(hostKey),
    compress: v.optional(boolean),
    remoteProgram: v.optional(line),
    remoteStore: v.optional(line),
    store: v.optional(absolutePath),
    maxConnections: v.optional(wholeNumber(1, 64)),
  };
}

const count = (...values: readonly unknown[]): number =>
  values.filter((value) => value !== undefined).length;

function haveOneActivation({ activate, action, program }: HostSettings): boolean {
  return count(activate, action, program) <= 1;
}

const oneActivation = 'can have one of activate, action and program';

function settingsSchema(spell: Spell): v.GenericSchema<unknown, HostSettings> {
  return v.pipe(
    table(settingsEntries(spell), spell),
    v.check((value) => haveOneActivation(value), oneActivation),
  );
}

function hostSchema(spell: Spell): v.GenericSchema<unknown, HostConfig> {
  return v.pipe(
    table(
      {
        ...settingsEntries(spell),
        address: v.optional(address),
        uri: v.optional(hostUri),
        tags: v.optional(list(tag)),
      },
      spell,
    ),
    v.check((value) => haveOneActivation(value), oneActivation),
    v.check(
      ({ uri, address, user, port, protocol }) =>
        uri === undefined || count(address, user, port, protocol) === 0,
      'has a uri, which says address, user, port and protocol: leave those out',
    ),
  );
}

const rulePath = v.pipe(line, v.maxLength(1000, 'is too long'));
const rulePaths = v.union([rulePath, list(rulePath)], 'must be a path of attributes, or several');

function fleetSchema(spell: Spell): v.GenericSchema<unknown, FleetConfig> {
  const settings = settingsSchema(spell);
  const rule = table(
    {
      address: v.optional(rulePaths),
      name: v.optional(rulePaths),
      tags: v.optional(rulePaths),
      user: v.optional(rulePath),
      port: v.optional(rulePath),
      where: v.optional(
        v.record(
          v.string(),
          v.union([v.string(), v.number(), v.boolean()], 'must be a string, a number or a boolean'),
          'must be a table of attributes and their values',
        ),
      ),
      ignore: v.optional(boolean),
    },
    spell,
  );
  return table(
    {
      defaults: v.optional(
        v.pipe(
          table({ ...settingsEntries(spell), tags: v.optional(list(tag)) }, spell),
          v.check((value) => haveOneActivation(value), oneActivation),
        ),
      ),
      tags: v.optional(named(isTag, "which can't be a tag", settings)),
      hosts: v.optional(named(isHostName, "which can't be a host's", hostSchema(spell))),
      terraform: v.optional(
        table(
          {
            path: line,
            rules: v.optional(
              named(
                (name) => /^(output\.)?[\w-]+$/.test(name),
                'which is no type of resource',
                rule,
              ),
            ),
          },
          spell,
        ),
      ),
      sshConfig: v.optional(table({ patterns: list(line) }, spell)),
    },
    spell,
  );
}
