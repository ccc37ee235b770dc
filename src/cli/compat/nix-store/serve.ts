/** `nix-store --serve`: answers the serve protocol on stdin and stdout, until the client hangs up. */
import { answerServeProtocol } from '../../../serve/serve-protocol.ts';
import { openSession } from '../../session.ts';
import { fetchingDestination } from '../../substitute-on-destination.ts';
import { requireKnownFlags, requireNoWords, type NixStoreOperation } from './operation.ts';

export const serve: NixStoreOperation = {
  async run({ context, store: uri }, words, flags) {
    requireKnownFlags(flags, '--write');
    requireNoWords(words);
    const isWritable = flags.includes('--write');
    const { stdin, stdout, signal } = context;
    await using session = openSession(context);
    const opened = await session.open(uri);
    // A client that may change the store may have it fetch what this machine's own nix.conf lets it fetch.
    const store = isWritable ? fetchingDestination(session, opened) : opened;
    await answerServeProtocol({
      store,
      input: stdin,
      output: (bytes) => stdout.write(bytes),
      write: isWritable,
      signal,
    });
    return 0;
  },
};
