/** A far end in the same process: two pipes, and a function that answers on them. */
import { PassThrough } from 'node:stream';
import type { Transport } from '../../src/wire/transport.ts';

export interface InProcessOptions {
  /** Comes before the protocol. */
  readonly noise?: string;
  /** What goes to the far end passes through here. */
  readonly tap?: (bytes: Uint8Array) => void;
}

export type Answerer = (
  input: AsyncIterable<Uint8Array>,
  output: (bytes: Uint8Array) => Promise<void>,
) => Promise<void>;

/** A far end that throws ends as a program does: a message on stderr and status 1. */
export function startInProcess(answer: Answerer, options: InProcessOptions = {}): Transport {
  const toServer = new PassThrough();
  const toClient = new PassThrough();
  const send = sender(toClient);
  let said = '';
  let status: number | undefined;
  if (options.noise !== undefined) toClient.write(options.noise);
  const answerAll = async (): Promise<void> => {
    try {
      await answer(toServer, send);
      status = 0;
    } catch (error) {
      said = `error: ${error instanceof Error ? error.message : String(error)}`;
      status = 1;
      toServer.destroy();
    }
    toClient.end();
  };
  const over = answerAll();
  toServer.on('error', () => {});
  toClient.on('error', () => {});
  const sendToServer = sender(toServer);
  const abort = async (): Promise<void> => {
    toServer.destroy();
    toClient.destroy();
  };
  return {
    readable: toClient,
    write: async (bytes, onSent) => {
      options.tap?.(bytes);
      // A pipe of this process keeps what it is given, where a real one has copied it.
      await sendToServer(bytes.slice());
      onSent?.();
    },
    end: () => {
      toServer.end();
    },
    close: async () => {
      toServer.end();
      await over;
      await abort();
    },
    abort,
    ending: async () => {
      if (!toServer.destroyed) await over;
      return { said, status };
    },
  };
}

function sender(stream: PassThrough): (bytes: Uint8Array) => Promise<void> {
  return async (bytes) => {
    if (stream.destroyed || stream.writableEnded) throw new Error('the pipe is closed');
    if (stream.write(bytes)) return;
    await new Promise<void>((resolve, reject) => {
      stream.once('drain', resolve);
      stream.once('close', () => reject(new Error('the pipe is closed')));
    });
  };
}
