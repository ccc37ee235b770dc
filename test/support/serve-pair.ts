/** Both sides of the serve protocol in one process, with two pipes between them: a client over any store. */
import { PassThrough } from 'node:stream';
import { answerServeProtocol } from '../../src/serve/serve-protocol.ts';
import { openServeConnection } from '../../src/store/serve/connection.ts';
import { ServeStore } from '../../src/store/serve/serve-store.ts';
import type { Store } from '../../src/store/store.ts';
import type { Transport } from '../../src/wire/transport.ts';

export interface ServePairOptions {
  readonly write?: boolean;
  /** What the server announces. */
  readonly serverVersion?: number;
  readonly connectionsMax?: number;
  /** Comes before the protocol. */
  readonly noise?: string;
  /** What goes to the server passes through here. */
  readonly tap?: (bytes: Uint8Array) => void;
  readonly onWarning?: (message: string) => void;
}

/** The stores stay the caller's; disposing the client ends its servers and not the store. */
export function serveStoreOver(store: Store, options: ServePairOptions = {}): ServeStore {
  return new ServeStore({
    uri: 'ssh://test',
    storeDir: store.storeDir,
    connectionsMax: options.connectionsMax,
    open: (signal) =>
      openServeConnection(startServer(store, options), {
        farEnd: { name: 'test', uri: 'ssh://test', program: 'nix-store' },
        storeDir: store.storeDir,
        signal,
        onWarning: options.onWarning,
      }),
  });
}

function startServer(store: Store, options: ServePairOptions): Transport {
  const toServer = new PassThrough();
  const toClient = new PassThrough();
  const send = sender(toClient);
  let said = '';
  let status: number | undefined;
  if (options.noise !== undefined) toClient.write(options.noise);
  const answerAll = async (): Promise<void> => {
    try {
      await answerServeProtocol({
        store,
        input: toServer,
        output: send,
        write: options.write ?? true,
        version: options.serverVersion,
      });
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
    write: (bytes) => {
      options.tap?.(bytes);
      return sendToServer(bytes);
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
