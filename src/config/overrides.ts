/** Settings from a command line, gathered so that each counts as it would if it stood in a file of its own line. */

/**
 * Adds one to those before it. What is added to a list (`extra-NAME`) several times is one addition; it counts after
 * the list itself, if that is set as well.
 */
export function setOverride(overrides: Map<string, string>, name: string, value: string): void {
  const before = name.startsWith('extra-') ? overrides.get(name) : undefined;
  overrides.delete(name);
  overrides.set(name, before === undefined ? value : `${before} ${value}`);
}
