/** `nix-store --query`: which query it is, and what goes with it. */
import { nixUsage } from '../nix-words.ts';
import { PROGRAM, type NixStoreOperation } from './operation.ts';
import type { QueryScene } from './query-targets.ts';
import { withStore, type StoreScene } from './store-scene.ts';

type Query = (scene: QueryScene) => Promise<void>;

const facts = (): Promise<typeof import('./query-facts.ts')> => import('./query-facts.ts');
const sets = (): Promise<typeof import('./query-sets.ts')> => import('./query-sets.ts');
const pictures = (): Promise<typeof import('./query-pictures.ts')> => import('./query-pictures.ts');

interface QueryEntry {
  readonly flags: readonly string[];
  readonly load: () => Promise<Query>;
}

/** Only what is asked for is loaded. */
const queryTable: readonly QueryEntry[] = [
  { flags: ['--outputs'], load: async () => (await facts()).printOutputs },
  { flags: ['--requisites', '-R'], load: async () => (await sets()).printRequisites },
  { flags: ['--references'], load: async () => (await sets()).printReferences },
  { flags: ['--referrers', '--referers'], load: async () => (await sets()).printReferrers },
  {
    flags: ['--referrers-closure', '--referers-closure'],
    load: async () => (await sets()).printReferrersClosure,
  },
  { flags: ['--deriver', '-d'], load: async () => (await facts()).printDerivers },
  { flags: ['--valid-derivers'], load: async () => (await sets()).printValidDerivers },
  { flags: ['--binding', '-b'], load: async () => (await facts()).printBindings },
  { flags: ['--hash'], load: async () => (await facts()).printHashes },
  { flags: ['--size'], load: async () => (await facts()).printSizes },
  { flags: ['--tree'], load: async () => (await pictures()).printTrees },
  { flags: ['--graph'], load: async () => (await pictures()).printDot },
  { flags: ['--graphml'], load: async () => (await pictures()).printGraphml },
  { flags: ['--resolve'], load: async () => (await facts()).printResolved },
  { flags: ['--roots'], load: async () => (await import('./query-roots.ts')).printRootsOf },
];

export const query: NixStoreOperation = {
  async run(call, words, flags) {
    const asked = parseFlags(words, flags);
    const run = await (asked.entry?.load() ?? facts().then(({ printOutputs }) => printOutputs));
    return await withStore(call, async (scene) => {
      await run({ ...scene, ...asked });
      return 0;
    });
  },
};

type Asked = Omit<QueryScene, keyof StoreScene> & {
  readonly entry: QueryEntry | undefined;
};

/** @throws FerryError `usage` for unknown flags, and for two queries at once */
function parseFlags(given: readonly string[], flags: readonly string[]): Asked {
  let entry: QueryEntry | undefined;
  let words = given;
  let bindingName = '';
  const seen = { useOutput: false, forceRealise: false, includeOutputs: false };
  for (const flag of flags) {
    const found = queryTable.find((row) => row.flags.includes(flag));
    if (found !== undefined) {
      if (flag === '--binding' || flag === '-b') {
        const [name, ...rest] = words;
        if (name === undefined) throw nixUsage(PROGRAM, 'expected binding name');
        bindingName = name;
        words = rest;
      }
      if (entry !== undefined && entry !== found) {
        throw nixUsage(PROGRAM, `query type '${flag}' conflicts with earlier flag`);
      }
      entry = found;
    } else if (flag === '--use-output' || flag === '-u') seen.useOutput = true;
    else if (['--force-realise', '--force-realize', '-f'].includes(flag)) seen.forceRealise = true;
    else if (flag === '--include-outputs') seen.includeOutputs = true;
    else throw nixUsage(PROGRAM, `unknown flag '${flag}'`);
  }
  return { ...seen, words, bindingName, entry };
}
