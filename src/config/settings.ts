/**
 * The settings that bear on what ferry does, from nix.conf, the user's files, NIX_CONFIG and the command line; later
 * wins. What they are stands in `setting-table.ts`, where the files are in `config-files.ts`.
 */
import { FerryError } from '../error.ts';
import { systemConfig, userConfig } from './config-files.ts';
import type { Environment } from './environment.ts';
import { foreignSettings } from './foreign-settings.ts';
import type { Assignment } from './nix-conf.ts';
import { settingTable, type SettingDefinition, type SettingValues } from './setting-table.ts';

export interface Settings extends SettingValues {
  /**
   * What the user's files, NIX_CONFIG and the command line set, by the name that nix.conf has for it: a daemon is told
   * these. Other settings of Nix are among them; those that a daemon isn't told are not.
   */
  readonly overridden: ReadonlyMap<string, string>;
  /** By name: the places that set it or added to it, the last one last. Defaults have none. */
  readonly origins: ReadonlyMap<string, readonly string[]>;
  /** Files and variables that were read, in the order in which they count. */
  readonly sources: readonly string[];
  /** What is odd about them: names that nobody knows, files that can't be read. */
  readonly warnings: readonly string[];
}

export type Overrides = ReadonlyMap<string, string> | Iterable<readonly [string, string]>;

export const COMMAND_LINE = 'the command line';

/** Those that say how to find the daemon, and what its client may do. */
const NOT_FOR_DAEMONS: ReadonlySet<string> = new Set(['store', 'experimental-features']);

type AnyDefinition = SettingDefinition<unknown>;

const definitions = new Map<string, { key: string; definition: AnyDefinition }>();
for (const [key, definition] of Object.entries<AnyDefinition>(
  settingTable as Readonly<Record<string, AnyDefinition>>,
)) {
  for (const name of [definition.name, ...definition.aliases]) {
    definitions.set(name, { key, definition });
  }
}

/** The setting of ferry with this name, also under its older names. */
export function findSetting(name: string): AnyDefinition | undefined {
  return definitions.get(name)?.definition;
}

/**
 * @param overrides from the command line, `--option NAME VALUE`, in its order.
 * @throws FerryError `usage` for a malformed file or value.
 */
export function loadSettings(env: Environment, overrides: Overrides = new Map()): Settings {
  const system = systemConfig(env);
  const user = userConfig(env);
  const typed = Array.from(overrides, ([name, value]) => ({ name, value, origin: COMMAND_LINE }));
  const loading = new Loading(env);
  for (const assignment of system.assignments) loading.apply(assignment, false);
  for (const assignment of [...user.assignments, ...typed]) loading.apply(assignment, true);
  const sources = [...system.sources, ...user.sources, ...(typed.length > 0 ? [COMMAND_LINE] : [])];
  return {
    ...loading.values(),
    overridden: loading.overridden,
    origins: loading.origins,
    sources,
    warnings: [...system.warnings, ...user.warnings, ...loading.warnings],
  };
}

/** Characters of a name or value in a message: a file that is none of ours may have lines of any length. */
const SHOWN_MAX = 120;

function shortened(text: string): string {
  return text.length > SHOWN_MAX ? `${text.slice(0, SHOWN_MAX)}…` : text;
}

class Loading {
  readonly overridden: Map<string, string> = new Map();
  readonly origins: Map<string, readonly string[]> = new Map();
  readonly warnings: string[] = [];
  readonly #env: Environment;
  readonly #values = new Map<string, unknown>();

  constructor(env: Environment) {
    this.#env = env;
  }

  values(): SettingValues {
    const values: Record<string, unknown> = {};
    for (const { key, definition } of definitions.values()) {
      values[key] = this.#valueOf(definition);
    }
    // The table has every key, and each value is of the kind that it says.
    return values as unknown as SettingValues;
  }

  apply(assignment: Assignment, isUser: boolean): void {
    const { name, origin } = assignment;
    const plain = definitions.get(name)?.definition;
    if (plain !== undefined) {
      this.#set(plain, assignment, false, isUser);
      return;
    }
    const isExtra = name.startsWith('extra-') && !foreignSettings.has(name);
    const base = isExtra ? name.slice('extra-'.length) : name;
    const extended = isExtra ? definitions.get(base)?.definition : undefined;
    if (extended?.kind.isAppendable === true) {
      this.#set(extended, assignment, true, isUser);
      return;
    }
    const foreign = foreignSettings.get(base);
    if (foreign === undefined || (isExtra && foreign.shape !== 'list')) {
      this.warnings.push(`unknown setting "${shortened(name)}" (${origin})`);
    } else if (isUser && foreign.isForwarded) {
      this.#override(base, assignment.value, isExtra);
    }
  }

  #set(definition: AnyDefinition, assignment: Assignment, isExtra: boolean, isUser: boolean): void {
    const { name, kind } = definition;
    const { value: text, origin } = assignment;
    const parse = (whole: string): unknown => {
      const value = kind.parse(whole);
      if (value !== undefined) return value;
      throw new FerryError(
        'usage',
        `setting ${assignment.name} is "${shortened(text)}" (${origin}), not ${kind.expects}`,
      );
    };
    const before = this.#valueOf(definition);
    const value = parse(isExtra ? `${kind.print(before)} ${text}` : text);
    this.#values.set(name, value);
    this.origins.set(name, [...(isExtra ? (this.origins.get(name) ?? []) : []), origin]);
    if (isUser && !NOT_FOR_DAEMONS.has(name)) this.overridden.set(name, kind.print(value));
  }

  /** What is added to a setting whose value isn't ours to know is told as an addition. */
  #override(name: string, value: string, isExtra: boolean): void {
    const extra = `extra-${name}`;
    const at = isExtra && !this.overridden.has(name) ? extra : name;
    if (!isExtra) this.overridden.delete(extra);
    const before = isExtra ? this.overridden.get(at) : undefined;
    this.overridden.set(at, before === undefined ? value : `${before} ${value}`);
  }

  #valueOf({ name, initial }: AnyDefinition): unknown {
    if (!this.#values.has(name)) this.#values.set(name, initial(this.#env));
    return this.#values.get(name);
  }
}
