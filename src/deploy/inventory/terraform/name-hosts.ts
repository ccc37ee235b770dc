/** Gives hosts names that are unique: providers let machines be called the same. */
import type { FoundHost } from '../inventory.ts';
import { terraformSource, type Candidate } from './candidate.ts';

/** Each gets the first of its names that no other wants at the same time: the order in the state doesn't matter. */
export function nameHosts(candidates: readonly Candidate[]): FoundHost[] {
  const taken = new Set<string>();
  const names = new Map<Candidate, string>();
  let left = candidates;
  for (let round = 0; left.length > 0; round++) {
    const wishes = left.flatMap((one) => one.names[round] ?? []);
    if (wishes.length === 0) break;
    const counts = new Map<string, number>();
    for (const name of wishes) counts.set(name, (counts.get(name) ?? 0) + 1);
    const isMine = (name: string | undefined): name is string =>
      name !== undefined && counts.get(name) === 1 && !taken.has(name);
    const lucky = left.filter((one) => isMine(one.names[round]));
    for (const one of lucky) {
      const name = one.names[round] ?? '';
      taken.add(name);
      names.set(one, name);
    }
    left = left.filter((one) => !names.has(one));
  }
  for (const one of left) names.set(one, numbered(one.names[0] ?? 'host', taken));
  return candidates.map((one) => ({
    name: names.get(one) ?? '',
    origin: one.origin,
    source: terraformSource,
    config: one.config,
  }));
}

function numbered(stem: string, taken: Set<string>): string {
  for (let n = 1; ; n++) {
    const name = `${stem}-${n}`;
    if (taken.has(name)) continue;
    taken.add(name);
    return name;
  }
}
