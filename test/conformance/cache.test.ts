import { after } from 'node:test';
import { compressions, isWritable } from '../../src/format/compression.ts';
import { openCacheStores } from '../support/cache-stores.ts';
import { makeTempDirectory } from '../support/temp.ts';
import { testStore } from './store-conformance.ts';

const caches = openCacheStores();
const temp = makeTempDirectory({ ram: true });
let count = 0;
const next = (): string => temp.join(String(count++));

after(async () => {
  await caches[Symbol.asyncDispose]();
  temp[Symbol.dispose]();
});

for (const compression of compressions.filter(isWritable)) {
  testStore({
    name: `cache in a directory, ${compression}`,
    open: () => caches.open(next(), { writing: { compression } }),
  });
}
testStore({
  name: 'cache in a directory, with listings and debug information',
  open: () => caches.open(next(), { writing: { writesListing: true, indexesDebugInfo: true } }),
});
