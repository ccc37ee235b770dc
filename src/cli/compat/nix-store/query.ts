/** `nix-store --query`: which query it is, and what goes with it. */
import { nixUsage } from '../nix-words.ts';
import { PROGRAM, type NixStoreOperation } from './operation.ts';
import type { QueryScene } from './query-targets.ts';
import { withStore, type StoreScene } from './store-scene.ts';

type Query = (scene: QueryScene) => Promise<void>;

interface QueryEntry {
  readonly flags: readonly string[];
  readonly load: () => Promise<Query>;
}

/** What is asked for where no flag says it. */
const OUTPUTS: QueryEntry = {
  flags: ['--outputs'],
  load: async () => (await import('./query-facts.ts')).printOutputs,
};

/** Only what is asked for is loaded. */
const queryTable: readonly QueryEntry[] = [
  OUTPUTS,
  {
    flags: ['--requisites', '-R'],
    load: async () => (await import('./query-sets.ts')).printRequisites,
  },
  { flags: ['--references'], load: async () => (await import('./query-sets.ts')).printReferences },
  {
    flags: ['--referrers', '--referers'],
    load: async () => (await import('./query-sets.ts')).printReferrers,
  },
  {
    flags: ['--referrers-closure', '--referers-closure'],
    load: async () => (await import('./query-sets.ts')).printReferrersClosure,
  },
  {
    flags: ['--deriver', '-d'],
    load: async () => (await import('./query-facts.ts')).printDerivers,
  },
  {
    flags: ['--valid-derivers'],
    load: async () => (await import('./query-sets.ts')).printValidDerivers,
  },
  {
    flags: ['--binding', '-b'],
    load: async () => (await import('./query-facts.ts')).printBindings,
  },
  { flags: ['--hash'], load: async () => (await import('./query-facts.ts')).printHashes },
  { flags: ['--size'], load: async () => (await import('./query-facts.ts')).printSizes },
  { flags: ['--tree'], load: async () => (await import('./query-pictures.ts')).printTrees },
  { flags: ['--graph'], load: async () => (await import('./query-pictures.ts')).printDot },
  { flags: ['--graphml'], load: async () => (await import('./query-pictures.ts')).printGraphml },
  { flags: ['--resolve'], load: async () => (await import('./query-facts.ts')).printResolved },
  { flags: ['--roots'], load: async () => (await import('./query-roots.ts')).printRootsOf },
];

export const query: NixStoreOperation = {
  async run(call, words, flags) {
    const asked = parseFlags(words, flags);
    const run = await (asked.entry ?? OUTPUTS).load();
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
