/** Opens a store and answers the serve protocol for it on stdin and stdout, until the client hangs up. */
import { answerServeProtocol } from '../../serve/serve-protocol.ts';
import type { CommandContext } from '../context.ts';
import { openSession } from '../session.ts';

export interface ServeRequest {
  readonly uri: string | undefined;
  readonly isWritable: boolean;
}

export async function serveStore(context: CommandContext, request: ServeRequest): Promise<void> {
  const { stdin, stdout, signal } = context;
  await using session = openSession(context);
  const store = await session.open(request.uri);
  await answerServeProtocol({
    store,
    input: stdin,
    output: (bytes) => stdout.write(bytes),
    write: request.isWritable,
    signal,
  });
}
