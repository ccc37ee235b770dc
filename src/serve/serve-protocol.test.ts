import assert from 'node:assert/strict';
import { PassThrough } from 'node:stream';
import { test } from 'node:test';
import {
  readAll,
  sampleClosure,
  samplePath,
  toAdd,
  toStream,
  type Sample,
} from '../../test/conformance/nars.ts';
import { serveStoreOver } from '../../test/support/serve-pair.ts';
import { ByteReader } from '../bytes/byte-reader.ts';
import { ByteWriter } from '../bytes/byte-writer.ts';
import { defaultStoreDir, printStorePath, type StorePath } from '../format/store-path.ts';
import { MemoryStore } from '../store/memory.ts';
import type { NarStream, PathToAdd } from '../store/store.ts';
import { protocolVersion, type Codec, type WireContext } from '../wire/codec.ts';
import {
  addToStoreNar,
  buildDerivation,
  buildPaths,
  dumpStorePath,
  exportPaths,
  queryClosure,
  queryPathInfos,
  queryValidPaths,
} from '../wire/serve/protocol.ts';
import { answerServeProtocol } from './serve-protocol.ts';

const options = {
  maxSilentTime: 0,
  buildTimeout: 0,
  maxLogSize: 0,
  repeatCount: 0,
  enforceDeterminism: false,
  keepFailed: false,
};

/** A client that says just what it is told to. */
class RawClient {
  readonly reader: ByteReader;
  readonly over: Promise<void>;
  readonly #toServer = new PassThrough();
  readonly #context: WireContext;

  constructor(store: MemoryStore, { write = true, minor = 7 } = {}) {
    const toClient = new PassThrough();
    const version = protocolVersion(2, minor);
    this.#context = { version, features: new Set(), storeDir: defaultStoreDir };
    const answerAll = async (): Promise<void> => {
      try {
        await answerServeProtocol({
          store,
          input: this.#toServer,
          output: (bytes) => void toClient.write(bytes),
          write,
        });
      } finally {
        toClient.end();
      }
    };
    this.over = answerAll();
    this.over.catch(() => {});
    this.reader = new ByteReader(toClient);
    this.numbers(0x390c9deb, version);
  }

  numbers(...numbers: readonly number[]): void {
    const writer = new ByteWriter();
    for (const number of numbers) writer.u64(number);
    this.raw(writer.take());
  }

  raw(bytes: Uint8Array): void {
    this.#toServer.write(bytes);
  }

  request<T>(operation: { readonly number: number; readonly request: Codec<T> }, value: T): void {
    const writer = new ByteWriter();
    writer.u64(operation.number);
    operation.request.write(writer, value, this.#context);
    this.raw(writer.take());
  }

  async greeted(): Promise<void> {
    assert.equal(await this.reader.u64(), 0x5452eecb);
    assert.equal(await this.reader.u64(), protocolVersion(2, 8));
  }

  async answer<T>(operation: { readonly response: Codec<T> }): Promise<T> {
    return await operation.response.read(this.reader, this.#context);
  }

  async end(): Promise<void> {
    this.#toServer.end();
    await this.over;
    assert.equal(await this.reader.atEnd(), true);
  }
}

async function storeWith(...samples: readonly Sample[]): Promise<MemoryStore> {
  const store = new MemoryStore({ chunkSize: 100 });
  await store.addPaths(toAdd(...samples));
  return store;
}

test('queries are answered, sent ahead or not', async () => {
  const { a, b, c } = sampleClosure();
  await using store = await storeWith(a, b, c);
  const absent = samplePath('absent').info.path;
  const client = new RawClient(store);
  const [pathA, pathB, pathC] = [a, b, c].map(({ info }) => info.path) as [
    StorePath,
    StorePath,
    StorePath,
  ];
  client.request(queryValidPaths, { lock: true, substitute: true, paths: [pathA, absent] });
  client.request(queryPathInfos, [pathA, absent, pathB]);
  client.request(queryClosure, { includeOutputs: false, paths: [pathC] });
  client.request(dumpStorePath, pathB);
  client.request(dumpStorePath, pathA);
  await client.greeted();
  assert.deepEqual(await client.answer(queryValidPaths), [pathA]);
  assert.deepEqual(store.held, new Set([pathA, absent]));
  const infos = await client.answer(queryPathInfos);
  assert.deepEqual(infos.map(({ path }) => path).sort(), [pathA, pathB].sort());
  assert.deepEqual(await client.answer(queryClosure), [pathA, pathB, pathC].sort());
  for (const sample of [b, a]) {
    const nar = await readAll(client.reader.stream(sample.nar.length));
    assert.equal(Buffer.compare(nar, sample.nar), 0);
  }
  await client.end();
});

test('each path is acknowledged as soon as it is valid, without another request', async () => {
  await using store = await storeWith();
  const { a, b } = sampleClosure();
  const client = new RawClient(store);
  await client.greeted();
  for (const sample of [a, b, a]) {
    client.request(addToStoreNar, sample.info);
    client.raw(sample.nar);
    await client.answer(addToStoreNar);
    assert.ok((await store.queryValidPaths([sample.info.path])).has(sample.info.path));
  }
  await client.end();
});

test('paths and questions sent ahead are answered in order', async () => {
  await using store = await storeWith();
  const { a, b, c } = sampleClosure();
  const client = new RawClient(store);
  for (const sample of [a, b, c]) {
    client.request(addToStoreNar, sample.info);
    client.raw(sample.nar);
  }
  client.request(queryValidPaths, { lock: false, substitute: false, paths: [c.info.path] });
  client.request(addToStoreNar, a.info);
  client.raw(a.nar);
  await client.greeted();
  for (let i = 0; i < 3; i++) await client.answer(addToStoreNar);
  assert.deepEqual(await client.answer(queryValidPaths), [c.info.path]);
  await client.answer(addToStoreNar);
  await client.end();
});

test('a path that fails ends the session; those before it are acknowledged', async () => {
  await using store = await storeWith();
  const { a, b } = sampleClosure();
  const client = new RawClient(store);
  client.request(addToStoreNar, a.info);
  client.raw(a.nar);
  client.request(addToStoreNar, { ...b.info, narHash: a.info.narHash });
  client.raw(b.nar);
  await client.greeted();
  await client.answer(addToStoreNar);
  await assert.rejects(client.over, { code: 'corrupt' });
  assert.equal(await client.reader.atEnd(), true);
});

test('an exported stream is imported, and exported again', async () => {
  const { a, b, c } = sampleClosure();
  await using source = await storeWith(a, b, c);
  const reading = new RawClient(source);
  const paths = [a, b, c].map(({ info }) => info.path);
  reading.request(exportPaths, { paths });
  await reading.greeted();
  const exported = new PassThrough();
  const ended = reading.end();
  for (;;) {
    const bytes = await reading.reader.some(1 << 16).catch(() => new Uint8Array(0));
    if (bytes.length === 0) break;
    exported.write(bytes);
  }
  await ended.catch(() => {});
  exported.end();

  await using destination = await storeWith();
  const client = new RawClient(destination, { minor: 2 });
  client.numbers(4);
  for await (const chunk of exported) client.raw(chunk);
  await client.greeted();
  assert.equal(await client.reader.u64(), 1);
  await client.end();
  const infos = await destination.queryPathInfos(paths);
  for (const { info } of [a, b, c]) {
    assert.deepEqual(infos.get(info.path)?.references, info.references);
    assert.deepEqual(infos.get(info.path)?.narHash, info.narHash);
  }
});

test('what can not be built is refused in the answer', async () => {
  const { a } = sampleClosure();
  await using store = await storeWith(a);
  const client = new RawClient(store, { minor: 8 });
  const printed = printStorePath(defaultStoreDir, a.info.path);
  client.request(buildPaths, { targets: [printed], options });
  client.request(buildPaths, { targets: [`${printed}.drv!out`], options });
  const derivation = {
    outputs: [],
    inputPaths: [],
    platform: '',
    builder: '' as never,
    arguments: [],
    environment: [],
  };
  client.request(buildDerivation, { path: a.info.path, derivation, options });
  await client.greeted();
  assert.equal(await client.answer(buildPaths), undefined);
  const refused = await client.answer(buildPaths);
  assert.equal(refused?.status, 9);
  assert.match(refused?.message ?? '', /cannot build '.*\.drv!out'/);
  const result = await client.answer(buildDerivation);
  assert.equal(result.status, 'MiscFailure');
  await client.end();
});

test('what ends a session says so in the words of Nix', async () => {
  const { a } = sampleClosure();
  const absent = samplePath('absent').info.path;
  const cases: readonly (readonly [(client: RawClient) => void, RegExp, boolean?])[] = [
    [(client) => client.numbers(77), /^unknown serve command 77$/],
    [(client) => client.numbers(4), /^importing paths is not allowed$/, false],
    [(client) => client.request(addToStoreNar, a.info), /^importing paths is not allowed$/, false],
    [(client) => client.numbers(6), /^building paths is not allowed$/, false],
    [(client) => client.request(dumpStorePath, absent), /^path '\/nix.*-absent' is not valid$/],
    [
      (client) => client.request(queryClosure, { includeOutputs: false, paths: [absent] }),
      /^path '\/nix.*-absent' is not valid$/,
    ],
    [
      (client) => client.request(addToStoreNar, { ...a.info, narSize: 0 }),
      /^narInfo is too old and missing the narSize field$/,
    ],
    [(client) => client.numbers(4, 5), /^input doesn't look like something created by/],
    [(client) => client.numbers(2, 1, 3, 0), /^cannot read QueryPathInfos request: field "\[0\]"/],
  ];
  for (const [say, wanted, write = true] of cases) {
    await using store = await storeWith(a);
    const client = new RawClient(store, { write });
    say(client);
    await assert.rejects(client.over, { message: wanted });
  }
});

test('text instead of a greeting is a mismatch, and silence is nothing', async () => {
  await using store = await storeWith();
  const answer = (text: string): Promise<void> =>
    answerServeProtocol({
      store,
      input: (async function* () {
        if (text !== '') yield Buffer.from(text);
      })(),
      output: () => {},
      write: false,
    });
  await assert.rejects(answer('GET / HTTP/1.1\r\n\r\n'), { message: 'protocol mismatch' });
  await answer('');
});

test('an abort ends a session whose client is silent', async () => {
  await using store = await storeWith();
  const abort = new AbortController();
  const silent = new PassThrough();
  const over = answerServeProtocol({
    store,
    input: silent,
    output: () => {},
    write: true,
    signal: abort.signal,
  });
  abort.abort(new Error('enough'));
  await assert.rejects(over, /enough/);
});

test('servers of before 2.5 are sent one export stream', async () => {
  const { a, b, c } = sampleClosure();
  for (const serverVersion of [protocolVersion(2, 2), protocolVersion(2, 4)]) {
    await using store = new MemoryStore();
    await using client = serveStoreOver(store, { serverVersion });
    const added: StorePath[] = [];
    await client.addPaths(toAdd(a, b, c), { onAdded: (path) => added.push(path) });
    const paths = [a, b, c].map(({ info }) => info.path);
    assert.deepEqual(added, paths);
    assert.deepEqual(await client.queryValidPaths(paths), new Set(paths));
    if (serverVersion === protocolVersion(2, 2)) {
      await assert.rejects(client.queryPathInfos(paths), { code: 'unsupported' });
    } else {
      assert.equal((await client.queryPathInfos(paths)).size, 3);
    }
  }
});

test('a server of another major version is refused', async () => {
  await using store = new MemoryStore();
  await using client = serveStoreOver(store, { serverVersion: protocolVersion(3, 0) });
  await assert.rejects(client.queryValidPaths([]), {
    code: 'protocol',
    message: /speaks version 3\.0 .*wanted 2\.2 or a later 2\.x/,
  });
});

test('a reader that breaks out of NARs can go on, with small ones and large ones', async () => {
  const small = Array.from({ length: 5 }, (_, i) => samplePath(`small-${i}`));
  const large = samplePath('large', [], 'x'.repeat(6_000_000));
  await using store = await storeWith(...small, large);
  for (const connectionsMax of [1, 2]) {
    await using client = serveStoreOver(store, { connectionsMax });
    const samples = [...small.slice(0, 2), large, ...small.slice(2)];
    const seen: string[] = [];
    for await (const nar of client.readNars(samples.map(({ info }) => info.path))) {
      seen.push(nar.path);
      if (seen.length % 2 === 1) for await (const _ of nar) break;
    }
    assert.deepEqual(
      seen,
      samples.map(({ info }) => info.path),
    );
    for await (const nar of client.readNars([large.info.path])) {
      assert.equal(nar.path, large.info.path);
      break;
    }
    assert.equal((await client.queryValidPaths([large.info.path])).size, 1);
  }
});

test('queries go on beside a transfer', async () => {
  const { a, b, c, d } = sampleClosure();
  await using store = await storeWith();
  await using client = serveStoreOver(store);
  const asked: Promise<Set<StorePath>>[] = [];
  const paths = async function* (): AsyncGenerator<PathToAdd> {
    for (const { info, nar } of [a, b, c, d]) {
      asked.push(client.queryValidPaths([a.info.path]));
      yield { info, nar: toStream(info.path, nar) };
    }
  };
  await client.addPaths(paths());
  const counts = (await Promise.all(asked)).map((valid) => valid.size);
  assert.deepEqual(counts, [0, 1, 1, 1]);
});

test('with connections to choose from, a path follows all that it refers to', async () => {
  const samples: Sample[] = [];
  for (let i = 0; i < 200; i++) {
    const references = [samples[i - 1], samples[Math.floor(i / 2)], samples[i - 7]]
      .filter((sample) => sample !== undefined && i % 3 > 0)
      .map((sample) => sample?.info.path as StorePath);
    samples.push(samplePath(`p${i}`, [...new Set(references)]));
  }
  await using store = await storeWith();
  await using client = serveStoreOver(store, { connectionsMax: 4 });
  await client.addPaths(toAdd(...samples));
  const paths = samples.map(({ info }) => info.path);
  assert.equal((await store.queryValidPaths(paths)).size, samples.length);
});

test('a hold is renewed when the connection is', async () => {
  const { a } = sampleClosure();
  await using store = await storeWith(a);
  await using client = serveStoreOver(store);
  await client.queryValidPaths([a.info.path], { hold: true });
  store.held.clear();
  await assert.rejects(client.queryClosure([samplePath('absent').info.path]));
  await client.queryValidPaths([]);
  assert.deepEqual(store.held, new Set([a.info.path]));
});

test('a far end that sends less than it announced is found out', async () => {
  const { a } = sampleClosure();
  await using store = await storeWith(a);
  const lying = Object.assign(store, {
    async *readNars(): AsyncGenerator<NarStream> {
      yield toStream(a.info.path, a.nar.subarray(0, 50));
      throw new Error('disk failure');
    },
  });
  await using client = serveStoreOver(lying);
  await assert.rejects(async () => {
    for await (const nar of client.readNars([a.info.path])) await readAll(nar);
  }, /cannot read the NAR of "\/nix\/store\/.*-a": "ssh:\/\/test" gave up: far end said: error: disk/);
});
