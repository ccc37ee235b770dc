/**
 * Copies a closure between two local stores in a process of its own, so that a test may kill it:
 * `node copy-process.ts SOURCE-ROOT DESTINATION-ROOT PATH…`. Prints "begun", and "added" for each path.
 */
import { planCopy } from '../../src/copy/plan.ts';
import { transfer } from '../../src/copy/transfer.ts';
import { parseStorePath } from '../../src/format/store-path.ts';
import { openLocalStores } from './local-stores.ts';

const [source, destination, ...paths] = process.argv.slice(2);
if (source === undefined || destination === undefined) throw new Error('two stores are needed');
await using stores = openLocalStores();
await using from = await stores.open(source);
await using to = await stores.open(destination);
const plan = await planCopy(
  from,
  to,
  paths.map((path) => parseStorePath(from.storeDir, path)),
);
process.stdout.write('begun\n');
await transfer(plan, from, to, {
  onEvent({ type }) {
    if (type === 'path-done') process.stdout.write('added\n');
  },
});
