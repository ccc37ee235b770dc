import { after } from 'node:test';
import { openLocalStores } from '../support/local-stores.ts';
import { makeTempDirectory } from '../support/temp.ts';
import { testStore } from './store-conformance.ts';

const stores = openLocalStores();
const temp = makeTempDirectory({ ram: true });
let count = 0;

after(async () => {
  await stores[Symbol.asyncDispose]();
  temp[Symbol.dispose]();
});

testStore({
  name: 'local',
  open: () => stores.open(temp.join(String(count++)), { requireSigs: true }),
});
testStore({
  name: 'local, without a write-ahead log',
  open: () => stores.open(temp.join(String(count++)), { useWal: false, syncStorePaths: true }),
});
