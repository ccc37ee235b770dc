/** Both sides of the serve protocol in one process, with two pipes between them: a client over any store. */
import { answerServeProtocol } from '../../src/serve/serve-protocol.ts';
import { openServeConnection } from '../../src/store/serve/connection.ts';
import { ServeStore } from '../../src/store/serve/serve-store.ts';
import type { Store } from '../../src/store/store.ts';
import { startInProcess } from './in-process.ts';

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
      openServeConnection(
        startInProcess(
          (input, output) =>
            answerServeProtocol({
              store,
              input,
              output,
              write: options.write ?? true,
              version: options.serverVersion,
            }),
          options,
        ),
        {
          farEnd: { name: 'test', uri: 'ssh://test', program: 'nix-store' },
          storeDir: store.storeDir,
          signal,
          onWarning: options.onWarning,
        },
      ),
  });
}
