/** Which hosts of a fleet the words of the command line mean: names, patterns, `@tag`, URIs. */
import { nearest } from '../../config/nearest.ts';
import { FerryError } from '../../error.ts';
import type { Host } from '../fleet.ts';
import { isGlob, matchesGlob } from './glob.ts';
import { isHostUri } from './host-place.ts';
import type { Inventory } from './inventory.ts';

/**
 * All hosts where there are no words. In the order of the fleet; those that it doesn't have come last.
 * @throws FerryError `not-found` for a word that means no host, `usage`
 */
export function chooseHosts(inventory: Inventory, words: readonly string[]): Host[] {
  const { hosts } = inventory;
  if (words.length === 0) return [...hosts.values()];
  const chosen = new Map<string, Host>();
  for (const word of words) {
    const found = isHostUri(word) ? [inventory.hostAt(word)] : hostsOf(hosts, word);
    for (const host of found) {
      // A URI says how the host is to be reached, wherever it stands among the words.
      if (!chosen.has(host.name) || isHostUri(word)) chosen.set(host.name, host);
    }
  }
  const known = [...hosts.keys()].flatMap((name) => chosen.get(name) ?? []);
  return [...known, ...[...chosen.values()].filter(({ name }) => !hosts.has(name))];
}

function hostsOf(hosts: ReadonlyMap<string, Host>, word: string): Host[] {
  const all = [...hosts.values()];
  const isTag = word.startsWith('@');
  const pattern = isTag ? word.slice(1) : word;
  const exact = isTag ? undefined : hosts.get(word);
  if (exact !== undefined) return [exact];
  const found = all.filter(({ name, tags }) =>
    (isTag ? tags : [name]).some((text) =>
      isGlob(pattern) ? matchesGlob(pattern, text) : pattern === text,
    ),
  );
  if (found.length > 0) return found;
  throw new FerryError('not-found', noneText(word, { isTag, isPattern: isGlob(pattern) }), {
    hint: hintFor(all, pattern, isTag),
  });
}

function noneText(word: string, is: { isTag: boolean; isPattern: boolean }): string {
  if (is.isPattern)
    return `no host of the fleet ${is.isTag ? 'has a tag' : 'is called'} as "${word}" says`;
  return is.isTag
    ? `no host of the fleet has the tag "${word.slice(1)}"`
    : `no host of the fleet is called "${word}"`;
}

const SHOWN_MAX = 12;

function hintFor(hosts: readonly Host[], word: string, isTag: boolean): string {
  const tags = [...new Set(hosts.flatMap((host) => host.tags))];
  const names = hosts.map(({ name }) => name);
  const known = isTag ? tags : names;
  const mark = isTag ? '@' : '';
  // Who forgets the sign means the tag all the same.
  if (!isTag && tags.includes(word)) return `the tag is written "@${word}"`;
  const guess = isGlob(word) ? undefined : nearest(word, known);
  if (guess !== undefined) return `did you mean "${mark}${guess}"?`;
  if (known.length === 0) return isTag ? 'none of them has any tag' : 'it has no hosts';
  const shown = known.slice(0, SHOWN_MAX).map((one) => mark + one);
  const more = known.length > shown.length ? `, and ${known.length - shown.length} more` : '';
  return `there ${known.length === 1 ? 'is' : 'are'} ${shown.join(', ')}${more}`;
}
