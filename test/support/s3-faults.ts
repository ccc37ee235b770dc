/**
 * An HTTP proxy before a real S3 server that does what servers and networks do on bad days. The Host header passes
 * unchanged, so signatures hold.
 */
import { once } from 'node:events';
import { createServer, request, type IncomingMessage, type ServerResponse } from 'node:http';

/** A request as the test decides by it. */
export interface SeenRequest {
  readonly method: string;
  /** With the query, as it was sent. */
  readonly url: string;
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
}

export type S3Fault =
  /** An answer of its own; the request doesn't reach the server. */
  | {
      readonly kind: 'answer';
      readonly status: number;
      readonly code?: string;
      readonly headers?: Readonly<Record<string, string>>;
      /** Within `<Error>`, beside the code. */
      readonly details?: string;
    }
  /** Not even an answer. */
  | { readonly kind: 'reset' }
  /** The server does it, and its answer never arrives. */
  | { readonly kind: 'lose-answer' }
  /** The body of the answer ends, or stops, after so many bytes. */
  | { readonly kind: 'cut' | 'stall'; readonly afterBytes: number }
  /** Accepted, and nothing more. */
  | { readonly kind: 'silence' }
  /** A byte of the body becomes another on its way to the server. */
  | { readonly kind: 'damage' }
  /** Headers of the answer are others. */
  | { readonly kind: 'headers'; readonly headers: Readonly<Record<string, string>> }
  /** The server does it, and then this is what the answer says. */
  | { readonly kind: 'replace'; readonly status: number; readonly body: string };

export interface S3Faults extends AsyncDisposable {
  readonly endpoint: string;
  readonly seen: SeenRequest[];
  /** What happens to a request from now on; undefined passes it on as it is. */
  decide: (request: SeenRequest) => S3Fault | undefined;
}

/** Use as `await using faults = await startS3Faults(server)`. */
export async function startS3Faults(target: {
  readonly host: string;
  readonly port: number;
}): Promise<S3Faults> {
  const seen: SeenRequest[] = [];
  const faults: Pick<S3Faults, 'decide'> = { decide: () => undefined };
  const server = createServer((incoming, outgoing) => {
    const { method = '', url = '', headers } = incoming;
    const asked: SeenRequest = { method, url, headers };
    seen.push(asked);
    const fault = faults.decide(asked);
    if (fault?.kind === 'answer') answer(incoming, outgoing, fault);
    else if (fault?.kind === 'reset') incoming.socket.resetAndDestroy();
    else if (fault?.kind === 'silence') incoming.resume();
    else pass(incoming, outgoing, target, fault);
  });
  // It passes on what it is asked to: whether a body is wanted is for the server behind it.
  server.on('checkContinue', (incoming: IncomingMessage, outgoing: ServerResponse) => {
    outgoing.writeContinue();
    server.emit('request', incoming, outgoing);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('a TCP server has a port');
  return Object.assign(faults, {
    endpoint: `http://127.0.0.1:${address.port}`,
    seen,
    [Symbol.asyncDispose]: async (): Promise<void> => {
      server.close();
      server.closeAllConnections();
      if (server.listening) await once(server, 'close');
    },
  });
}

/** How often a request that `matches` has failed decides: the first `times` do. */
export function firstTimes(
  times: number,
  matches: (request: SeenRequest) => boolean,
  fault: S3Fault,
): (request: SeenRequest) => S3Fault | undefined {
  let left = times;
  return (asked) => {
    if (left === 0 || !matches(asked)) return undefined;
    left -= 1;
    return fault;
  };
}

function answer(
  incoming: IncomingMessage,
  outgoing: ServerResponse,
  { status, code, headers, details = '' }: Extract<S3Fault, { kind: 'answer' }>,
): void {
  incoming.resume();
  outgoing.writeHead(status, { 'Content-Type': 'application/xml', ...headers });
  if (code === undefined || incoming.method === 'HEAD') outgoing.end();
  else
    outgoing.end(
      `<Error><Code>${code}</Code><Message>said by the test</Message>${details}</Error>`,
    );
}

function pass(
  incoming: IncomingMessage,
  outgoing: ServerResponse,
  target: { readonly host: string; readonly port: number },
  fault: S3Fault | undefined,
): void {
  const { method, url } = incoming;
  const { expect: _, ...headers } = incoming.headers;
  const onward = request({
    host: target.host,
    port: target.port,
    method,
    path: url,
    headers,
    agent: false,
  });
  onward.on('error', () => incoming.socket.destroy());
  incoming.on('close', () => {
    if (!incoming.complete) onward.destroy();
  });
  onward.on('response', (response) => {
    if (fault?.kind === 'lose-answer') {
      response.resume();
      response.on('end', () => incoming.socket.resetAndDestroy());
      return;
    }
    if (fault?.kind === 'replace') {
      response.resume();
      response.on('end', () => outgoing.writeHead(fault.status).end(fault.body));
      return;
    }
    const changed = fault?.kind === 'headers' ? fault.headers : {};
    outgoing.writeHead(response.statusCode ?? 502, { ...response.headers, ...changed });
    if (fault?.kind === 'cut' || fault?.kind === 'stall') {
      void breakOff(response, outgoing, fault);
      return;
    }
    response.pipe(outgoing);
  });
  let isFirst = true;
  incoming.on('data', (chunk: Buffer) => {
    if (fault?.kind === 'damage' && isFirst && chunk[0] !== undefined) chunk[0] ^= 1;
    isFirst = false;
    if (!onward.write(chunk)) {
      incoming.pause();
      onward.once('drain', () => incoming.resume());
    }
  });
  incoming.on('end', () => onward.end());
}

async function breakOff(
  response: IncomingMessage,
  outgoing: ServerResponse,
  { kind, afterBytes }: Extract<S3Fault, { kind: 'cut' | 'stall' }>,
): Promise<void> {
  let left = afterBytes;
  for await (const chunk of response as AsyncIterable<Uint8Array>) {
    const part = chunk.subarray(0, left);
    left -= part.length;
    await new Promise<void>((resolve) => {
      outgoing.write(part, () => resolve());
    });
    if (left === 0) break;
  }
  if (kind === 'cut') outgoing.socket?.destroy();
}
