import { MemoryStore } from '../../src/store/memory.ts';
import type { Store } from '../../src/store/store.ts';
import { serveStoreOver, type ServePairOptions } from '../support/serve-pair.ts';
import { testStore } from './store-conformance.ts';

function serveStore(name: string, options: ServePairOptions, chunkSize = 65536): void {
  let last: Store | undefined;
  testStore({
    name: `serve protocol, ${name}`,
    open: async () => {
      last = new MemoryStore({ chunkSize });
      return serveStoreOver(last, options);
    },
    reopen: async () => serveStoreOver(last ?? new MemoryStore(), options),
  });
}

serveStore('one connection', {});
serveStore('seven bytes at a time', {}, 7);
serveStore('three connections', { connectionsMax: 3 });
