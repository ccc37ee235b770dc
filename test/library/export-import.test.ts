/** Exports and imports between stores of all kinds: on this machine, in memory. */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { readAll, sampleClosure, samplePath, toAdd } from '../conformance/nars.ts';
import { streamOf } from '../support/export-streams.ts';
import { openLocalStores } from '../support/local-stores.ts';
import { makeTempDirectory } from '../support/temp.ts';
import { ByteReader } from '../../src/bytes/byte-reader.ts';
import type { PathInfo } from '../../src/format/path-info.ts';
import { defaultStoreDir, type StorePath } from '../../src/format/store-path.ts';
import { MemoryStore } from '../../src/store/memory.ts';
import type { Store } from '../../src/store/store.ts';
import type { CopyEvent } from '../../src/copy/events.ts';
import { exportPaths } from '../../src/copy/export-paths.ts';
import { importPaths } from '../../src/copy/import-paths.ts';

const stores = openLocalStores();
const temp = makeTempDirectory({ ram: true });
after(async () => {
  await stores[Symbol.asyncDispose]();
  temp[Symbol.dispose]();
});

const { a, b, c, d } = sampleClosure();
const all = [a, b, c, d];
const stream = streamOf(...all);
const { workers } = stores;

async function exported(store: Store, infos: readonly PathInfo[]): Promise<Uint8Array> {
  return await readAll(exportPaths(store, infos, { workers }));
}

describe('export and import', () => {
  for (const kind of ['local', 'memory'] as const) {
    const open = async (name: string): Promise<Store> =>
      kind === 'local' ? await stores.open(temp.join(name)) : new MemoryStore();

    test(`${kind}: what comes out is the stream of Nix, and what goes in the paths`, async () => {
      await using source = await open('source');
      await source.addPaths?.(toAdd(...all));
      const infos = all.map(({ info }) => info);
      assert.ok(Buffer.compare(await exported(source, infos), stream) === 0);

      await using target = await open('target');
      const imported: StorePath[] = [];
      const reader = new ByteReader(exportPaths(source, infos, { workers }));
      await importPaths(target, reader, { onImported: (path) => imported.push(path) });
      assert.deepEqual(imported.toSorted(), infos.map(({ path }) => path).sort());
      assert.ok(Buffer.compare(await exported(target, infos), stream) === 0);
    });

    test(`${kind}: events tell what is done`, async () => {
      await using source = await open('events');
      await source.addPaths?.(toAdd(...all));
      const events: CopyEvent[] = [];
      const onEvent = (event: CopyEvent): void => void events.push(event);
      const infos = [a.info, d.info];
      for await (const _ of exportPaths(source, infos, { workers, onEvent }));
      const narSize = a.info.narSize + d.info.narSize;
      assert.deepEqual(events[0], { type: 'start', paths: 2, narSize });
      const bytes = events.map((event) => (event.type === 'path-bytes' ? event.bytes : 0));
      assert.equal(
        bytes.reduce((sum, each) => sum + each, 0),
        narSize,
      );
      const done = events.filter(({ type }) => type === 'path-done');
      assert.deepEqual(
        done.map((event) => (event.type === 'path-done' ? event.path : '')),
        infos.map(({ path }) => path),
      );
      assert.equal(events.at(-1)?.type, 'done');
    });

    test(`${kind}: may be left in the middle`, async () => {
      await using source = await open('left');
      await source.addPaths?.(toAdd(...all));
      for (let i = 0; i < 3; i++) {
        for await (const chunk of exportPaths(source, [a.info, d.info], { workers })) {
          assert.ok(chunk.length > 0);
          break;
        }
      }
      assert.ok((await exported(source, [a.info])).length > 0);
    });

    test(`${kind}: an abort ends it`, async () => {
      await using source = await open('aborted');
      await source.addPaths?.(toAdd(...all));
      const stop = new AbortController();
      const reason = new Error('enough');
      await assert.rejects(async () => {
        const { signal } = stop;
        for await (const _ of exportPaths(source, [a.info, d.info], { workers, signal })) {
          stop.abort(reason);
        }
      }, reason);
    });
  }

  test('many small paths come in order and in large pieces', async () => {
    await using source = await stores.open(temp.join('many'));
    const many = Array.from({ length: 300 }, (_, i) => samplePath(`small-${i}`));
    await source.addPaths?.(toAdd(...many));
    const chunks: Uint8Array[] = [];
    const infos = many.map(({ info }) => info);
    for await (const chunk of exportPaths(source, infos, { workers })) chunks.push(chunk);
    assert.ok(Buffer.compare(Buffer.concat(chunks), streamOf(...many)) === 0);
    assert.ok(chunks.length < 10, `${chunks.length} pieces`);
  });

  test('what has changed is not named', async () => {
    await using source = await stores.open(temp.join('changed'));
    await source.addPaths?.(toAdd(a, b));
    writeFileSync(join(source.toRealPath(b.info.path), 'text'), 'B');
    const chunks: Uint8Array[] = [];
    await assert.rejects(
      async () => {
        const stream = exportPaths(source, [a.info, b.info], { workers });
        for await (const chunk of stream) chunks.push(chunk);
      },
      { code: 'corrupt', message: /has changed from/ },
    );
    const bytes = Buffer.concat(chunks);
    assert.ok(bytes.includes(`/nix/store/${a.info.path}`));
    assert.ok(!bytes.includes(`/nix/store/${b.info.path}`));
  });

  test('what is not valid ends it', async () => {
    await using source = await stores.open(temp.join('invalid'));
    await source.addPaths?.(toAdd(a));
    await assert.rejects(exported(source, [a.info, b.info]), { code: 'not-found' });
  });

  test('a store that cannot be written to says so', async () => {
    await using source = await stores.open(temp.join('read'));
    const readOnly: Store = {
      uri: 'x://',
      storeDir: defaultStoreDir,
      features: new Set(),
      queryValidPaths: (paths) => source.queryValidPaths(paths),
      queryPathInfos: (paths) => source.queryPathInfos(paths),
      readNars: (paths) => source.readNars(paths),
      [Symbol.asyncDispose]: async () => {},
    };
    const reader = new ByteReader((async function* () {})());
    await assert.rejects(importPaths(readOnly, reader), { code: 'unsupported' });
  });
});
