/** Far ends that say nothing, or never stop: made of two pipes, so that their silence is of our making. */
import assert from 'node:assert/strict';
import { PassThrough } from 'node:stream';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { samplePath } from '../../../test/conformance/nars.ts';
import { ByteWriter } from '../../bytes/byte-writer.ts';
import { defaultStoreDir, printStorePath } from '../../format/store-path.ts';
import { queryValidPaths, serverMagic, serveVersion } from '../../wire/serve/protocol.ts';
import type { Transport } from '../../wire/transport.ts';
import { openServeConnection, type ConnectionOptions, type ServeConnection } from './connection.ts';
import { ServeStore } from './serve-store.ts';

const uri = 'ssh://far';
const storeDir = defaultStoreDir;
const { path } = samplePath('a').info;

interface FarEnd {
  readonly transport: Transport;
  readonly says: (...texts: readonly (number | string)[]) => void;
  isEnded: boolean;
}

function farEnd(): FarEnd {
  const toClient = new PassThrough();
  const end = async (): Promise<void> => {
    far.isEnded = true;
    toClient.end();
  };
  const far: FarEnd = {
    isEnded: false,
    says: (...texts) => {
      const writer = new ByteWriter();
      for (const text of texts) {
        if (typeof text === 'number') writer.u64(text);
        else writer.string(text);
      }
      toClient.write(writer.take());
    },
    transport: {
      readable: toClient,
      write: (_, onSent) => onSent?.(),
      end: () => {},
      close: end,
      abort: end,
      ending: async () => ({ said: '' }),
    },
  };
  return far;
}

function connect(far: FarEnd, options: Partial<ConnectionOptions>): Promise<ServeConnection> {
  const names = { name: 'far', uri, program: 'nix-store' };
  return openServeConnection(far.transport, { farEnd: names, storeDir, ...options });
}

const request = { lock: false, substitute: false, paths: [path] };

test('who is let in without a word of ssh is not waited for without end', async () => {
  const far = farEnd();
  await assert.rejects(connect(far, { authenticates: true, authenticationMs: 50 }), {
    code: 'unavailable',
    message: /no greeting within/,
  });
  assert.ok(far.isEnded);
});

test('a far end that owes an answer and is silent is given up on', async () => {
  const far = farEnd();
  far.says(serverMagic, serveVersion);
  const connection = await connect(far, { silenceMs: 100 });
  await sleep(200, undefined);
  assert.ok(connection.isAlive, 'while nothing is owed');
  await assert.rejects(connection.ask(queryValidPaths, request), {
    code: 'unavailable',
    message: /silent .* and still owes an answer/,
  });
  assert.ok(far.isEnded);
});

test('no far end is blamed for our own slowness, or for long work', async () => {
  const far = farEnd();
  far.says(serverMagic, serveVersion);
  const connection = await connect(far, { silenceMs: 100 });
  const { answer } = connection.exchange(
    async (sink) => {
      await sink(connection.encode(queryValidPaths, request));
      await sleep(300);
    },
    (reader) => queryValidPaths.response.read(reader, connection.context),
  );
  await sleep(250);
  far.says(0);
  assert.deepEqual(await answer, []);
  const patient = connection.ask(queryValidPaths, request, undefined, true);
  await sleep(250);
  far.says(1, printStorePath(storeDir, path));
  assert.deepEqual(await patient, [path]);
  await connection.close();
});

test('an answer that tells what was not asked for ends where it does', async () => {
  const far = farEnd();
  far.says(serverMagic, serveVersion);
  const connection = await connect(far, {});
  await using store = new ServeStore({ uri, storeDir, open: async () => connection });
  const other = printStorePath(storeDir, samplePath('other').info.path);
  // Never ended.
  far.says(other, '', 0, 8, 8);
  await assert.rejects(store.queryPathInfos([path]), {
    code: 'protocol',
    message: /QueryPathInfos: field .*-other" was not asked for/,
  });
});

test('an abort also ends the reading past what nobody wants', async () => {
  const far = farEnd();
  far.says(serverMagic, serveVersion);
  const connection = await connect(far, {});
  await using store = new ServeStore({ uri, storeDir, open: async () => connection });
  const info = samplePath('a').info;
  const hash = `sha256:${'0'.repeat(64)}`;
  far.says(printStorePath(storeDir, path), '', 0, info.narSize, info.narSize, hash, '', 0, '');
  await store.queryPathInfos([path]);
  const abort = new AbortController();
  setTimeout(() => abort.abort(new Error('enough')), 50);
  // A NAR begins so; the rest of it never comes.
  far.says('nix-archive-1'.length);
  const read = (async () => {
    for await (const nar of store.readNars([path], { signal: abort.signal })) {
      for await (const _ of nar) break;
      break;
    }
  })();
  const late = sleep(5000, 'late', { ref: false });
  assert.notEqual(await Promise.race([read, late]), 'late');
});
