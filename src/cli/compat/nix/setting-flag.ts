/** Every setting of nix.conf is a flag too: `--NAME VALUE`, `--NAME` and `--no-NAME` for switches, `--extra-NAME`. */
import { foreignSettings } from '../../../config/foreign-settings.ts';
import { booleanKind } from '../../../config/setting-kinds.ts';
import { findSetting } from '../../../config/settings.ts';

export interface SettingFlag {
  /** As nix.conf has it; with `extra-` in front where it adds. */
  readonly name: string;
  /** What the flag alone says; absent where a word with the value follows. */
  readonly value?: string | undefined;
}

/** @param name the flag without its two dashes. Undefined where it is no setting. */
export function settingFlagOf(name: string): SettingFlag | undefined {
  const shape = shapeOf(name);
  if (shape === 'switch') return { name, value: 'true' };
  if (shape !== undefined) return { name };
  if (name.startsWith('no-') && shapeOf(name.slice(3)) === 'switch') {
    return { name: name.slice(3), value: 'false' };
  }
  return name.startsWith('extra-') && shapeOf(name.slice(6)) === 'list' ? { name } : undefined;
}

function shapeOf(name: string): 'switch' | 'value' | 'list' | undefined {
  const kind = findSetting(name)?.kind;
  if (kind === undefined) return foreignSettings.get(name)?.shape;
  if (Object.is(kind, booleanKind)) return 'switch';
  return kind.isAppendable ? 'list' : 'value';
}
