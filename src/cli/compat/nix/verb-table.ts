/** The verbs of `nix` by name. Only what is asked for is loaded. */
import type { NixVerb } from './verb.ts';

export interface VerbEntry {
  /** `copy`, `store ls` */
  readonly name: string;
  /** One line, imperative, no full stop. */
  readonly summary: string;
  /** What Nix says of this spelling, where it is an older one. */
  readonly deprecated?: string;
  readonly load: () => Promise<NixVerb>;
}

export const verbTable: readonly VerbEntry[] = [
  {
    name: 'copy',
    summary: 'Copy paths and all they refer to from one store to another',
    load: async () => (await import('./copy.ts')).copy,
  },
];

/** Words that need another one behind them. */
export const verbGroups: ReadonlySet<string> = new Set(
  verbTable.flatMap(({ name }) => (name.includes(' ') ? [name.slice(0, name.indexOf(' '))] : [])),
);
