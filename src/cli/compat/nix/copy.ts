/** `nix copy` */
import { FerryError } from '../../../error.ts';
import type { LocalStore } from '../../../store/local/local-store.ts';
import type { Store } from '../../../store/store.ts';
import { allPathsOf } from '../../all-paths-of.ts';
import { asLocalStore } from '../../as-local-store.ts';
import { runCopy } from '../../run-copy.ts';
import { wordsOf } from '../../words.ts';
import { nixUsage } from '../nix-words.ts';
import { findInstallables, pathsOf, type Installable } from './installables.ts';
import { installableArgument } from './path-words.ts';
import { PROGRAM } from './parse-verb-words.ts';
import { makeOutLinks, setProfile, theOnlyPath } from './roots.ts';
import { substituteMissing } from './substitute-missing.ts';
import { defineVerb, type NixVerb } from './verb.ts';

export const copy: NixVerb = defineVerb({
  description: [
    'What the destination has already is not sent; what is sent is verified there. Where --from or --to is missing the default store is meant.',
  ],
  arguments: [installableArgument],
  options: {
    from: { help: 'the store to copy from', value: 'STORE', completes: 'store' },
    to: { help: 'the store to copy to', value: 'STORE', completes: 'store' },
    all: { help: 'every path of the source' },
    stdin: { help: 'read further paths from stdin, separated by white space' },
    derivation: { help: 'the derivations of the paths, with all that these refer to' },
    noRecursive: { help: 'only the paths that are named' },
    noCheckSigs: { help: 'take paths that lack a signature by a trusted key' },
    substituteOnDestination: {
      help: 'let the destination fetch what it can from its own substituters',
      short: 's',
    },
    profile: {
      help: 'make the path a generation of this profile',
      value: 'PATH',
      completes: 'file',
    },
    outLink: {
      help: 'make links to the paths that keep them from garbage collection',
      short: 'o',
      value: 'PATH',
      completes: 'file',
    },
    recursive: { help: 'as by default', short: 'r', hidden: true },
  },
  aliases: { '--no-closure': 'noRecursive' },
  evaluates: true,
  examples: [
    { meaning: 'to a machine', command: 'nix copy --to ssh://alice@server ./result' },
    {
      meaning: 'out of a cache, without a signature',
      command:
        'nix copy --from file:///srv/cache --no-check-sigs /nix/store/xfp2hphvk98rkk9ywlqpp587rjdcgnc2-hello',
    },
  ],
  async run(call, given, options) {
    const { from, to, all, derivation, profile, outLink } = options;
    if (from === undefined && to === undefined) {
      throw nixUsage(PROGRAM, "you must pass '--from' and/or '--to'");
    }
    const words = options.stdin ? [...given, ...(await wordsOf(call.context.stdin))] : given;
    if (all && words.length > 0) throw nixUsage(PROGRAM, "'--all' does not expect arguments");
    const source = from ?? call.store;
    let found: readonly Installable[] = [];
    const status = await runCopy(call.context, {
      from: source,
      to: to ?? call.store,
      words: [],
      async find(store, session) {
        if (all) return await allPathsOf(store, call.context.signal);
        found = await findInstallables(call, store, words, {
          build: true,
          derivation,
          storeUri: source,
          defaultFlake: !options.stdin,
        });
        if (profile !== undefined) theOnlyPath(found);
        const paths = pathsOf(found);
        await substituteMissing(call, session, store, paths);
        return paths;
      },
      checkDestination(store) {
        if (profile !== undefined) requireRoots(store, '--profile');
        if (outLink !== undefined) requireRoots(store, '--out-link');
      },
      async finish(store) {
        if (profile !== undefined) {
          await setProfile(call, requireRoots(store, '--profile'), profile, theOnlyPath(found));
        }
        if (outLink !== undefined) {
          await makeOutLinks(call, requireRoots(store, '--out-link'), outLink, found);
        }
      },
      checkSigs: !options.noCheckSigs,
      substitute: options.substituteOnDestination,
      noRecursive: options.noRecursive,
      includeOutputs: false,
      derivation,
      gzip: false,
      keepGoing: call.keepGoing,
      dryRun: false,
      talk: 'nix',
    });
    return status === 0 ? 0 : 1;
  },
});

/** Roots are files of the machine that the store is on. */
function requireRoots(store: Store, flag: string): LocalStore {
  const local = asLocalStore(store);
  if (local !== undefined) return local;
  throw new FerryError('unsupported', `'${flag}' is not supported for "${store.uri}"`, {
    hint: 'GC roots are made on the machine that the store is on',
  });
}
