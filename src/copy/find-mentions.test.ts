import assert from 'node:assert/strict';
import { test } from 'node:test';
import { samplePath } from '../../test/conformance/nars.ts';
import {
  hashPartOf,
  printStorePath,
  defaultStoreDir,
  type StorePath,
} from '../format/store-path.ts';
import { MemoryStore } from '../store/memory.ts';
import { findMentions } from './find-mentions.ts';

test('each path is read once for all that is looked for in it', async () => {
  const base = samplePath('base');
  const library = samplePath('library');
  const mentioned = [base, library].map(({ info }) => printStorePath(defaultStoreDir, info.path));
  const one = samplePath('one', [base.info.path, library.info.path], mentioned.join('\n'));
  const other = samplePath('other', [base.info.path], 'nothing');
  await using store = new MemoryStore({ chunkSize: 7 });
  const samples = [base, library, one, other];
  await store.addPaths(
    (async function* () {
      for (const { info, nar } of samples) {
        yield {
          info,
          nar: {
            path: info.path,
            async *[Symbol.asyncIterator]() {
              yield nar;
            },
          },
        };
      }
    })(),
  );
  const found = new Map<StorePath, string[]>();
  await findMentions(
    store,
    new Map([
      [one.info.path, [base.info.path, library.info.path]],
      [other.info.path, [base.info.path]],
    ]),
    {
      onMentions: (path, mentions) => {
        found.set(
          path,
          mentions.map(({ file, hashPart, offset }) => `${file} ${hashPart} ${offset}`),
        );
      },
    },
  );
  const [baseHash, libraryHash] = [base, library].map(({ info }) => hashPartOf(info.path));
  const second = '/nix/store/'.length * 2 + base.info.path.length + 1;
  assert.deepEqual(Object.fromEntries(found), {
    [one.info.path]: [`text ${baseHash} 11`, `text ${libraryHash} ${second}`],
    [other.info.path]: [],
  });
  const gone = new Map([[`${'0'.repeat(32)}-gone` as StorePath, [base.info.path]]]);
  await assert.rejects(findMentions(store, gone, { onMentions: () => {} }), { code: 'not-found' });
});
