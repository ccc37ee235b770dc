import { MemoryStore } from '../../src/store/memory.ts';
import { testStore } from './store-conformance.ts';

testStore({ name: 'memory', open: async () => new MemoryStore() });
testStore({
  name: 'memory, 7 bytes at a time',
  open: async () => new MemoryStore({ chunkSize: 7 }),
});
