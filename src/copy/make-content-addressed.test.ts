import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  readAll,
  sampleNar,
  samplePath,
  toAdd,
  toStream,
  type Sample,
} from '../../test/conformance/nars.ts';
import { hashBytes } from '../format/hash.ts';
import { isContentAddressed } from '../format/path-info.ts';
import { hashPartOf, printStorePath, type StorePath } from '../format/store-path.ts';
import { MemoryStore } from '../store/memory.ts';
import type { Store } from '../store/store.ts';
import { overriding } from '../store/wrap/overriding.ts';
import { makeContentAddressed } from './make-content-addressed.ts';

/** A path whose contents mention what it refers to. */
function mentioning(name: string, references: readonly Sample[], self = false): Sample {
  const { path } = samplePath(name).info;
  const all = [...references.map(({ info }) => info.path), ...(self ? [path] : [])].sort();
  const nar = sampleNar(all.map((one) => `/nix/store/${one}/x`).join('\n'));
  const narHash = hashBytes('sha256', nar);
  return {
    nar,
    info: { path, narHash, narSize: nar.length, references: all, signatures: [] },
  };
}

async function textOf(store: MemoryStore, path: StorePath): Promise<string> {
  for await (const nar of store.readNars([path])) {
    return Buffer.from(await readAll(nar)).toString('latin1');
  }
  return '';
}

const library = mentioning('library', [], true);
const plain = mentioning('plain', []);
const application = mentioning('application', [library, plain]);

test('every path of the closure proves its name, and refers to the new ones', async () => {
  await using source = new MemoryStore({ chunkSize: 100 });
  await using destination = new MemoryStore();
  await source.addPaths(toAdd(library, plain, application));
  const told: StorePath[] = [];
  const renamed = await makeContentAddressed(source, destination, [application.info.path], {
    onRewriting: (from, to) => told.push(from, to),
  });
  assert.equal(renamed.size, 3);
  assert.equal(told.length, 6);
  const infos = await destination.queryPathInfos(renamed.values());
  assert.equal(infos.size, 3);
  for (const info of infos.values()) {
    assert.ok(isContentAddressed(destination.storeDir, info), info.path);
  }
  const [app, lib, text] = [application, library, plain].map(({ info }) => renamed.get(info.path));
  assert.ok(app !== undefined && lib !== undefined && text !== undefined);
  assert.deepEqual(infos.get(app)?.references, [lib, text].sort());
  assert.deepEqual(infos.get(lib)?.references, [lib]);
  const contents = await textOf(destination, app);
  for (const path of [lib, text]) {
    assert.ok(contents.includes(printStorePath(destination.storeDir, path)), path);
  }
  assert.ok(!contents.includes(hashPartOf(library.info.path)));
  assert.ok((await textOf(destination, lib)).includes(hashPartOf(lib)));
});

test('what proves its name already keeps it, however often', async () => {
  await using source = new MemoryStore();
  await using destination = new MemoryStore();
  await source.addPaths(toAdd(plain, library, application));
  const first = await makeContentAddressed(source, destination, [application.info.path]);
  const app = first.get(application.info.path);
  assert.ok(app !== undefined);
  const again = await makeContentAddressed(destination, destination, [app]);
  for (const [from, to] of again) assert.equal(from, to);
});

test('what is not valid is refused before anything is written', async () => {
  await using source = new MemoryStore();
  await using destination = new MemoryStore();
  await assert.rejects(makeContentAddressed(source, destination, [plain.info.path]), {
    code: 'not-found',
  });
});

test('what is not what its info says is not made into something that proves itself', async () => {
  for (const spoil of [
    (nar: Uint8Array) => Uint8Array.from(nar, (byte) => (byte === 0x78 ? 0x79 : byte)),
    (nar: Uint8Array) => Buffer.concat([nar, nar]),
  ]) {
    await using memory = new MemoryStore();
    await using destination = new MemoryStore();
    await memory.addPaths(toAdd(library));
    const { path } = library.info;
    await using source = overriding<Store>(memory, {
      async *readNars() {
        yield toStream(path, spoil(library.nar));
      },
    });
    const told: StorePath[] = [];
    const onRewriting = (from: StorePath): void => void told.push(from);
    await assert.rejects(makeContentAddressed(source, destination, [path], { onRewriting }), {
      code: 'corrupt',
      path: printStorePath(memory.storeDir, path),
    });
    assert.deepEqual(told, []);
  }
});
