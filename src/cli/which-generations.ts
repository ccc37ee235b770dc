/** Which generations `--remove` means: `old`, `30d`, `+5`, `3`, `3,4`. */
import type { GenerationsToRemove } from '../deploy/agent/agent.ts';
import type { OldGenerations } from '../store/local/profile-generations.ts';
import { usage } from './parse-words.ts';

const DAY_SECONDS = 24 * 3600;

/** @throws FerryError `usage` */
export function parseGenerationsToRemove(
  title: string,
  words: readonly string[],
): GenerationsToRemove | undefined {
  const [first, ...others] = words;
  if (first === undefined) return undefined;
  const parsed = words.map((word) => parseOne(title, word));
  const numbers = parsed.flatMap((one) => (isNumbers(one) ? one : []));
  const [only = numbers] = parsed;
  if (!isNumbers(only) && others.length === 0) return only;
  if (parsed.every(isNumbers)) return [...new Set(numbers)].sort((a, b) => a - b);
  throw usage(title, `--remove ${words.join(' and ')} exclude each other`);
}

function isNumbers(one: GenerationsToRemove): one is readonly number[] {
  return Array.isArray(one);
}

function parseOne(title: string, word: string): GenerationsToRemove {
  if (word === 'old') return 'old';
  const days = /^(\d{1,5})d$/.exec(word)?.[1];
  if (Number(days) > 0) return { olderThanDays: Number(days) };
  const keep = /^\+(\d{1,5})$/.exec(word)?.[1];
  if (Number(keep) > 0) return { keep: Number(keep) };
  if (/^\d{1,15}(,\d{1,15})*$/.test(word)) return word.split(',').map(Number);
  throw usage(
    title,
    `--remove "${word}" is none of: old, days such as 30d, how many to keep such as +5, numbers such as 3 or 3,4`,
  );
}

/** The same for a profile of this machine. */
export function asOldGenerations(which: GenerationsToRemove, nowMs: number): OldGenerations {
  if (which === 'old') return { kind: 'all' };
  if (isNumbers(which)) return { kind: 'numbers', numbers: new Set(which) };
  if ('keep' in which) return { kind: 'keep', count: which.keep };
  return { kind: 'before', time: Math.floor(nowMs / 1000) - which.olderThanDays * DAY_SECONDS };
}
