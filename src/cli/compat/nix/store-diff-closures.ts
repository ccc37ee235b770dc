/** `nix store diff-closures` */
import { computeClosure } from '../../../copy/closure.ts';
import {
  diffClosures,
  growthWorthTelling,
  type PackageChange,
} from '../../../copy/diff-closures.ts';
import { nixSize } from './nix-size.ts';
import { theOnlyPathOf } from './the-only-path.ts';
import { defineVerb, type NixVerb } from './verb.ts';
import { withStore } from './with-store.ts';

export const storeDiffClosures: NixVerb = defineVerb({
  description: [
    'Prints packages whose versions differ, or that grew or shrank by 8 KiB and more. ∅ is no version, ε one without a number.',
  ],
  arguments: [
    { name: 'BEFORE', help: 'a store path', completes: 'file' },
    { name: 'AFTER', help: 'another', completes: 'file' },
  ],
  options: {},
  evaluates: true,
  examples: [
    {
      meaning: 'what the last update did',
      command:
        'nix store diff-closures /nix/var/nix/profiles/system-655-link /nix/var/nix/profiles/system-658-link',
    },
  ],
  run: async (call, [before = '', after = '']) =>
    await withStore(call, async (store) => {
      const { signal, stdout } = call.context;
      const closures = [];
      for (const word of [before, after]) {
        const path = await theOnlyPathOf(call, store, word, { build: true });
        closures.push(await computeClosure(store, [path], { signal }));
      }
      const [old = new Map(), young = new Map()] = closures;
      const changes = diffClosures(old.values(), young.values());
      await stdout.write(changes.map((change) => `${lineOf(change)}\n`).join(''));
      return 0;
    }),
});

function lineOf({ name, removed, added, growth }: PackageChange): string {
  const parts: string[] = [];
  if (removed.length > 0 || added.length > 0) {
    parts.push(`${versions(removed)} → ${versions(added)}`);
  }
  if (Math.abs(growth) >= growthWorthTelling) parts.push(nixSize(growth));
  return `${name}: ${parts.join(', ')}`;
}

function versions(list: readonly string[]): string {
  return list.length === 0 ? '∅' : list.map((version) => version || 'ε').join(', ');
}
