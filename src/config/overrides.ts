/** Settings from a command line, gathered so that they count as they would one after the other in a file. */
import { findSetting } from './settings.ts';

/**
 * Adds one to those before it. What is added to a list (`extra-NAME`) several times is one addition; setting the list
 * itself forgets what was added before.
 */
export function setOverride(overrides: Map<string, string>, name: string, value: string): void {
  const isPlain = findSetting(name) !== undefined || !name.startsWith('extra-');
  const plain = isPlain ? name : name.slice('extra-'.length);
  const today = findSetting(plain)?.name ?? plain;
  const extra = `extra-${today}`;
  if (isPlain) {
    overrides.delete(extra);
    overrides.delete(today);
    overrides.set(today, value);
  } else {
    const before = overrides.get(extra);
    overrides.set(extra, before === undefined ? value : `${before} ${value}`);
  }
}
