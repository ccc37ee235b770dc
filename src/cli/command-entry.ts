/** How tables know commands: by name and summary; what they are is loaded when they are asked for. */
import type { Command } from './command.ts';

export interface CommandEntry {
  readonly name: string;
  /** One line, imperative, no full stop. */
  readonly summary: string;
  readonly load: () => Promise<Command>;
}

export interface CommandGroup {
  readonly name: string;
  readonly summary: string;
  readonly commands: readonly CommandEntry[];
  /** What runs where the next word is none of its commands: `ferry shell ./result`. Without it that is an error. */
  readonly fallback?: () => Promise<Command>;
}
