/** What Debian packages say about themselves, as a graph without cycles: an edge is a dependency. */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { runOk } from '../test/support/run.ts';

export interface DebianPackage {
  readonly name: string;
  readonly version: string;
  /** The downloaded archive. */
  readonly file: string;
  /** Names of packages of the same set. */
  readonly dependencies: readonly string[];
}

const FIELDS = ['Package', 'Version', 'Provides', 'Pre-Depends', 'Depends'] as const;

/** All that the roots need, what is depended on first. Packages of the directory that none needs are left out. */
export async function readPackages(
  directory: string,
  roots: readonly string[],
): Promise<DebianPackage[]> {
  const described = new Map<string, { version: string; file: string; dependencies: string }>();
  const providers = new Map<string, string>();
  const format = FIELDS.map((field) => `\${${field}}`).join('\\t');
  const files = readdirSync(directory).filter((file) => file.endsWith('.deb'));
  for (const file of files.sort()) {
    const path = join(directory, file);
    const shown = await runOk('dpkg-deb', ['--show', `--showformat=${format}`, path]);
    const [name = '', version = '', provides = '', preDepends = '', depends = ''] =
      shown.split('\t');
    described.set(name, { version, file: path, dependencies: `${preDepends},${depends}` });
    for (const provided of alternatives(provides).flat()) {
      if (!providers.has(provided)) providers.set(provided, name);
    }
  }
  const find = (name: string): string | undefined =>
    described.has(name) ? name : providers.get(name);
  const dependenciesOf = (name: string): string[] => {
    const found = alternatives(described.get(name)?.dependencies ?? '').map((choices) =>
      choices.map(find).find((choice) => choice !== undefined),
    );
    return [...new Set(found.filter((choice) => choice !== undefined))].sort();
  };
  return orderWithoutCycles(roots, dependenciesOf).map(({ name, dependencies }) => {
    const found = described.get(name);
    if (found === undefined) throw new Error(`"${directory}" has no package "${name}"`);
    return { name, version: found.version, file: found.file, dependencies };
  });
}

/** The names in `a (>= 1), b:any | c`: a list of choices each. */
function alternatives(relation: string): string[][] {
  return relation
    .split(',')
    .map((choices) =>
      choices.split('|').map((choice) => /^[\w.+-]*/.exec(choice.trim())?.[0] ?? ''),
    )
    .filter(([first]) => first !== '');
}

/** Depth first; an edge back to a package that is still being visited would close a cycle and is dropped. */
function orderWithoutCycles(
  roots: readonly string[],
  dependenciesOf: (name: string) => readonly string[],
): { name: string; dependencies: string[] }[] {
  const ordered: { name: string; dependencies: string[] }[] = [];
  const isDone = new Map<string, boolean>();
  const visit = (name: string): void => {
    isDone.set(name, false);
    const dependencies: string[] = [];
    for (const dependency of dependenciesOf(name)) {
      if (!isDone.has(dependency)) visit(dependency);
      if (isDone.get(dependency) === true) dependencies.push(dependency);
    }
    isDone.set(name, true);
    ordered.push({ name, dependencies });
  };
  for (const root of roots) if (!isDone.has(root)) visit(root);
  return ordered;
}
