/** `ferry copy`: what the program is for. */
import { FerryError } from '../../error.ts';
import { defineCommand, type Command } from '../command.ts';
import { usage } from '../parse-words.ts';
import { readSignKeys, signKeyFilesOf } from '../read-sign-keys.ts';
import { runCopy } from '../run-copy.ts';
import { wordsOf } from '../words.ts';

const TITLE = 'ferry copy';

export const copy: Command = defineCommand({
  description: [
    'A PATH is a store path, a link into the store such as ./result, a file inside a store path, or a program on PATH. What the destination has already is not sent, and what is sent is verified there. Interrupted, it leaves nothing half done: the same command again does the rest.',
    'A STORE is a URI as Nix writes them: ssh-ng://[user@]host[:port] or ssh:// for another machine, file:///DIRECTORY, https://HOST or s3://BUCKET for a binary cache, a directory such as ./root for a store below it, daemon for the daemon and auto for the store of this machine, which is also what is meant where --from or --to is missing.',
    'With several --to all are copied to at the same time, each at its own pace: one that fails or is slow leaves the others alone. The exit status is then 0 where all have everything and 6 where some have.',
    'With --json there is one JSON object per line on stdout for each event, the last one of type "done"; with --dry-run as well it is one object, the plan.',
  ],
  arguments: [
    { name: 'PATH', help: 'what to copy', optional: true, repeated: true, completes: 'file' },
  ],
  options: {
    from: { help: 'the store to copy from', value: 'STORE', completes: 'store' },
    to: {
      help: 'the store to copy to; where several are given, what they lack is read once for all',
      value: 'STORE',
      repeated: true,
      completes: 'store',
    },
    dryRun: { help: 'say what would be copied, and whether it would be taken', short: 'n' },
    json: { help: 'tell programs, in JSON' },
    noCheckSigs: { help: 'take paths that lack a signature by a trusted key' },
    signKey: {
      help: 'sign what is copied with the secret key in this file; what comes from elsewhere must be signed by a trusted key itself',
      value: 'FILE',
      repeated: true,
      completes: 'file',
    },
    noRecursive: { help: 'copy only the paths named, not what they refer to' },
    derivation: { help: 'copy the derivations that the paths were built by' },
    includeOutputs: { help: 'copy the valid outputs of all derivations that are copied' },
    substituteOnDestination: {
      help: 'let the destination fetch what it can from its own substituters',
      short: 's',
    },
    skipUpstream: {
      help: 'to a binary cache: leave out what this other cache has',
      value: 'STORE',
      repeated: true,
      completes: 'store',
    },
    skipSignedBy: {
      help: 'to a binary cache: leave out what this trusted key has signed',
      value: 'KEYNAME',
      repeated: true,
    },
    gzip: { help: 'compress what goes through ssh (ssh -C): for slow links' },
    stdin: { help: 'read further PATHs from stdin, separated by white space' },
    keepGoing: { help: 'after a failure go on with what does not depend on it', short: 'k' },
  },
  examples: [
    {
      meaning: 'what nix-build made, to a server',
      command: 'ferry copy --to ssh://alice@server ./result',
    },
    {
      meaning: 'how much that would be',
      command: 'ferry copy --dry-run --to ssh://alice@server ./result',
    },
    {
      meaning: 'a program as it is installed here',
      command: 'ferry copy --to ssh://alice@server firefox',
    },
    {
      meaning: 'to two servers at once, read here once',
      command: 'ferry copy --to ssh://a.example.org --to ssh://b.example.org ./result',
    },
    {
      meaning: 'from a server, though nobody signed it',
      command:
        'ferry copy --from ssh://server --no-check-sigs /nix/store/xfp2hphvk98rkk9ywlqpp587rjdcgnc2-hello',
    },
  ],
  async run(context, given, options) {
    const { from, to, stdin, noCheckSigs, substituteOnDestination, json, signKey, ...rest } =
      options;
    const [first, ...others] = to;
    if (from === undefined && first === undefined) {
      throw new FerryError('usage', 'neither --from nor --to was given', {
        hint: `to copy to another machine: ${TITLE} --to ssh://HOST ${given[0] ?? 'PATH'}`,
      });
    }
    if (given.length === 0 && !stdin) throw usage(TITLE, 'no PATH was given');
    const request = {
      ...rest,
      from,
      words: stdin ? [...given, ...(await wordsOf(context.stdin))] : given,
      checkSigs: !noCheckSigs,
      substitute: substituteOnDestination,
      talk: json ? 'json' : 'people',
    } as const;
    if (others.length > 0) {
      const { runCopyToMany } = await import('../run-copy-to-many.ts');
      return await runCopyToMany(context, { ...request, to, signKeyFiles: signKey });
    }
    const signKeys = readSignKeys(context, [...signKey, ...signKeyFilesOf(first)]);
    return await runCopy(context, { ...request, to: first, signKeys });
  },
});
