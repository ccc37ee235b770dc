/** Opens a store and answers the serve protocol for it on stdin and stdout, until the client hangs up. */
import { answerServeProtocol } from '../../serve/serve-protocol.ts';
import type { CommandContext } from '../context.ts';
import { openSession } from '../session.ts';
import { fetchingDestination } from '../substitute-on-destination.ts';

export interface ServeRequest {
  readonly uri: string | undefined;
  readonly isWritable: boolean;
}

export async function serveStore(context: CommandContext, request: ServeRequest): Promise<void> {
  const { stdin, stdout, signal } = context;
  await using session = openSession(context);
  const opened = await session.open(request.uri);
  // A client that may change the store may have it fetch what this machine's own nix.conf lets it fetch.
  const store = request.isWritable ? fetchingDestination(session, opened) : opened;
  await answerServeProtocol({
    store,
    input: stdin,
    output: (bytes) => stdout.write(bytes),
    write: request.isWritable,
    signal,
  });
}
