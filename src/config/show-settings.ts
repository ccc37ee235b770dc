/** Settings as `nix config show` prints them, with where each comes from. */
import { settingTable, type SettingDefinition } from './setting-table.ts';
import type { Settings } from './settings.ts';
import type { Environment } from './environment.ts';

export interface ShownSetting {
  readonly name: string;
  readonly value: string;
  /** The same for JSON. */
  readonly json: unknown;
  readonly defaultJson: unknown;
  /** The places that set it, the last one last; none where it is the default. */
  readonly origins: readonly string[];
  readonly aliases: readonly string[];
}

/** By name. Passwords in URLs are left out. */
export function showSettings(settings: Settings, env: Environment): ShownSetting[] {
  const shown: ShownSetting[] = [];
  for (const [key, definition] of Object.entries(
    settingTable as Readonly<Record<string, SettingDefinition<unknown>>>,
  )) {
    const { name, kind, aliases } = definition;
    const value = withoutPasswords((settings as unknown as Record<string, unknown>)[key]);
    shown.push({
      name,
      value: kind.print(value),
      json: kind.toJson(value),
      defaultJson: kind.toJson(withoutPasswords(definition.initial(env))),
      origins: settings.origins.get(name) ?? [],
      aliases,
    });
  }
  return shown.sort((a, b) => (a.name < b.name ? -1 : 1));
}

function withoutPasswords(value: unknown): unknown {
  if (typeof value === 'string') return value.replace(/(:\/\/[^/@:\s]*):[^/\s]*@/g, '$1:***@');
  return Array.isArray(value) ? value.map(withoutPasswords) : value;
}
