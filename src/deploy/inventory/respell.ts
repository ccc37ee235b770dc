/** Turns documents whose fields are in kebab-case or snake_case into those of TypeScript; names that people gave stay. */
import { mistakesError, type Mistake, type PathStep, type Spell } from './spelling.ts';

export interface RespellOptions {
  /** What messages call it: `fleet of "ferry.toml"`. */
  readonly what: string;
  /** How fields are written in it. */
  readonly spell: Spell;
  /** Whether the keys of the table at this path are names. */
  readonly isNamed: (at: readonly PathStep[]) => boolean;
}

/** Deeper than any table that means something: what lies below stays as it is, and is refused later. */
const DEPTH_MAX = 8;
/** Characters of a field's name in a message. */
const SHOWN_MAX = 80;

/** @throws FerryError `usage` for fields that are written in another way */
export function respell(value: unknown, options: RespellOptions): unknown {
  const mistakes: Mistake[] = [];
  const found = walk(value, [], 0);
  if (mistakes.length > 0) throw mistakesError(options.what, mistakes);
  return found;

  function walk(value: unknown, at: readonly PathStep[], depth: number): unknown {
    if (depth > DEPTH_MAX || typeof value !== 'object' || value === null) return value;
    if (Array.isArray(value)) return value.map((item, i) => walk(item, [...at, i], depth + 1));
    if (Object.getPrototypeOf(value) !== Object.prototype && Object.getPrototypeOf(value) !== null)
      return value;
    const named = options.isNamed(at);
    const entries = Object.entries(value).map(([key, inner]) => {
      const field = named ? key : fieldOf(key, at);
      return [field, walk(inner, [...at, key], depth + 1)];
    });
    // Unlike an assignment this makes a property of "__proto__" too, for the schema to refuse.
    return Object.fromEntries(entries);
  }

  function fieldOf(key: string, at: readonly PathStep[]): string {
    const field = key.replaceAll(/[-_]([a-z])/g, (_, letter: string) => letter.toUpperCase());
    if (options.spell(field) !== key) {
      const spelled = options.spell(field);
      const isWord = /^[a-z][a-z0-9]*([-_][a-z0-9]+)*$/.test(spelled);
      const why = isWord ? `which would be written "${spelled}"` : "which it can't have";
      mistakes.push({ at, what: `has a field ${JSON.stringify(key.slice(0, SHOWN_MAX))}, ${why}` });
    }
    return field;
  }
}
