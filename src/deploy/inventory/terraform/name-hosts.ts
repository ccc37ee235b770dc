/** Gives hosts names that are unique: providers let machines be called the same. */
import type { FoundHost } from '../inventory.ts';
import { terraformSource, type Candidate } from './candidate.ts';

/**
 * A host is called as it wants if no other wants the same; else the hosts of its group that got none are called by the
 * first of their other names that are unique. The order in the state doesn't matter.
 */
export function nameHosts(candidates: readonly Candidate[]): FoundHost[] {
  const names = new Map<Candidate, string>();
  const taken = new Set<string>();
  /** By stem, the last that was given to one of it. */
  const numbers = new Map<string, number>();
  let left = claim(candidates, ({ wanted }) => wanted);
  const rounds = left.reduce((most, { otherNames }) => Math.max(most, otherNames.length), 0);
  for (let round = 0; round < rounds; round++) {
    const isCrowded = groupsInConflict(left, round);
    const waiting = left.filter(({ group }) => isCrowded.has(group));
    const free = left.filter(({ group }) => !isCrowded.has(group));
    left = [...waiting, ...claim(free, (one) => one.otherNames[round])];
  }
  for (const one of left) {
    const name = numbered(one.wanted ?? one.otherNames[0] ?? 'host');
    names.set(one, name);
    taken.add(name);
  }
  return candidates.map((one) => ({
    name: names.get(one) ?? '',
    origin: one.origin,
    source: terraformSource,
    config: one.config,
  }));

  /** Those that got no name. */
  function claim(
    those: readonly Candidate[],
    wish: (one: Candidate) => string | undefined,
  ): Candidate[] {
    const counts = countOf(those.map(wish));
    return those.filter((one) => {
      const name = wish(one);
      if (name === undefined || counts.get(name) !== 1 || taken.has(name)) return true;
      names.set(one, name);
      taken.add(name);
      return false;
    });
  }

  function groupsInConflict(those: readonly Candidate[], round: number): Set<string> {
    const counts = countOf(those.map(({ otherNames }) => otherNames[round]));
    const crowded = those.filter(({ otherNames }) => {
      const name = otherNames[round];
      return name === undefined || counts.get(name) !== 1 || taken.has(name);
    });
    return new Set(crowded.map(({ group }) => group));
  }

  function numbered(stem: string): string {
    let number = (numbers.get(stem) ?? 0) + 1;
    while (taken.has(`${stem}-${number}`)) number++;
    numbers.set(stem, number);
    return `${stem}-${number}`;
  }
}

function countOf(names: readonly (string | undefined)[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const name of names) {
    if (name !== undefined) counts.set(name, (counts.get(name) ?? 0) + 1);
  }
  return counts;
}
