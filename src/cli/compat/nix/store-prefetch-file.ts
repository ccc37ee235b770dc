/** `nix store prefetch-file` */
import { uriWithoutSecrets } from '../../../config/uri-without-secrets.ts';
import { formatHash, parseHashAlgorithm } from '../../../format/hash.ts';
import { printStorePath } from '../../../format/store-path.ts';
import { say } from '../../context.ts';
import { openSession } from '../../session.ts';
import { parseHashArgument } from '../hash-argument.ts';
import { prefetch } from '../prefetch.ts';
import { defineVerb, type NixVerb } from './verb.ts';

export const storePrefetchFile: NixVerb = defineVerb({
  description: [
    'Prints the store path of the file and its hash, as fetchurl wants to know it. With --expected-hash nothing is downloaded where the store has it.',
  ],
  arguments: [{ name: 'URL', help: 'of http, https or file' }],
  options: {
    json: { help: 'tell programs, in JSON' },
    name: { help: 'the name in the store; by default that in the URL', value: 'NAME' },
    hashType: { help: 'hash algorithm, sha256 by default', value: 'ALGO' },
    expectedHash: { help: 'the hash that it must have', value: 'HASH' },
    executable: { help: 'make it a program' },
    unpack: { help: 'unpack the archive, and add what is in it' },
  },
  aliases: { '--hash-algo': 'hashType' },
  examples: [
    {
      meaning: 'what fetchurl wants to know',
      command: 'nix store prefetch-file --json https://example.org/source.tar.gz',
    },
  ],
  async run(call, [url = ''], options) {
    const { context, store: uri } = call;
    const { name, unpack, executable, expectedHash } = options;
    const algorithm = parseHashAlgorithm(options.hashType ?? 'sha256');
    const expected =
      expectedHash === undefined ? undefined : parseHashArgument(expectedHash, algorithm);
    await using session = openSession(context);
    const store = await session.open(uri);
    const request = { url, name, algorithm, expected, unpack, executable };
    const fetched = await prefetch(context, session, store, request);
    const path = printStorePath(store.storeDir, fetched.path);
    const hash = formatHash(fetched.hash, 'sri');
    if (options.json) {
      await context.stdout.write(`${JSON.stringify({ hash, storePath: path })}\n`);
    } else {
      await say(context, `Downloaded '${uriWithoutSecrets(url)}' to '${path}' (hash '${hash}').`);
    }
    return 0;
  },
});
