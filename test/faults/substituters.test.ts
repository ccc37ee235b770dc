/** Substituters that are dead, slow, wrong or not to be trusted, in front of one that is good: over HTTP, to a local store. */
import assert from 'node:assert/strict';
import { createServer, type Server } from 'node:net';
import { after, test } from 'node:test';
import { readEnvironment } from '../../src/config/environment.ts';
import { loadSettings } from '../../src/config/settings.ts';
import { realise } from '../../src/copy/realise.ts';
import { hashBytes } from '../../src/format/hash.ts';
import { generateSecretKey, TrustedKeys, type SecretKey } from '../../src/format/signature.ts';
import { defaultStoreDir, parseStoreDir, type StorePath } from '../../src/format/store-path.ts';
import type { LocalStore } from '../../src/store/local/local-store.ts';
import { openStore } from '../../src/store/open-store.ts';
import type { Store } from '../../src/store/store.ts';
import { joinSubstituters, type SubstituterStore } from '../../src/store/wrap/substituters.ts';
import { readAll, sampleClosure, sampleNar, samplePath, type Sample } from '../conformance/nars.ts';
import { startHttpCache } from '../support/http-cache.ts';
import { openLocalStores } from '../support/local-stores.ts';
import { signed } from '../support/substituters.ts';
import { makeTempDirectory } from '../support/temp.ts';

const stores = openLocalStores();
const temp = makeTempDirectory({ ram: true });
let count = 0;

after(async () => {
  await stores[Symbol.asyncDispose]();
  temp[Symbol.dispose]();
});

const key = generateSecretKey('cache-1');
const trustedKeys = new TrustedKeys([key.publicKey]);
const plain = sampleClosure();
const [a, b, c, d] = [plain.a, plain.b, plain.c, plain.d].map((sample) => signed(sample, key)) as [
  Sample,
  Sample,
  Sample,
  Sample,
];
const all = [a, b, c, d];

/** Time-outs of a second, one attempt, and nothing remembered from other tests. */
function open(uri: string): Promise<Store> {
  const home = temp.join(`home-${count++}`);
  const env = readEnvironment({ ...process.env, HOME: home, XDG_CACHE_HOME: home });
  const settings = loadSettings(env, [
    ['connect-timeout', '1'],
    ['stalled-download-timeout', '1'],
    ['download-attempts', '1'],
  ]);
  return openStore(uri, { env, settings, workers: stores.workers });
}

interface Place {
  readonly store: LocalStore;
  readonly substituters: SubstituterStore;
  readonly warnings: string[];
}

/** A fresh store that requires signatures, and substituters for it. */
async function usePlace(
  uris: readonly string[],
  work: (place: Place) => Promise<void>,
): Promise<void> {
  const options = { requireSigs: true, trustedKeys };
  await using store = await stores.open(temp.join(`store-${count++}`), options);
  const warnings: string[] = [];
  await using substituters = joinSubstituters(
    uris.map((uri) => ({ uri, open: () => open(uri) })),
    {
      storeDir: defaultStoreDir,
      refuses: (infos) => store.refuses?.(infos) ?? [],
      onWarning: (message) => warnings.push(message),
    },
  );
  await work({ store, substituters, warnings });
}

async function fetchAll({ store, substituters, warnings }: Place): Promise<void> {
  const onWarning = (message: string): void => void warnings.push(message);
  await realise(store, substituters, [d.info.path], { onWarning });
  for (const { info, nar } of all) {
    assert.deepEqual(Buffer.from(await narOf(store, info.path)), Buffer.from(nar));
  }
}

async function narOf(store: Store, path: StorePath): Promise<Uint8Array> {
  for await (const nar of store.readNars([path])) return await readAll(nar);
  return new Uint8Array();
}

function flipped(nar: Uint8Array): Uint8Array {
  const other = new Uint8Array(nar);
  other[Buffer.from(other).indexOf('#!')] = 0x24;
  return other;
}

/** Accepts connections and never says a word. */
async function startHole(): Promise<{ uri: string; connections: () => number } & AsyncDisposable> {
  let connections = 0;
  const server: Server = createServer((socket) => {
    connections++;
    socket.on('error', () => {});
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  const address = server.address();
  assert.ok(address !== null && typeof address === 'object');
  return {
    uri: `http://127.0.0.1:${address.port}`,
    connections: () => connections,
    async [Symbol.asyncDispose]() {
      server.close();
    },
  };
}

test('the priority in nix-cache-info decides, whatever the order', async () => {
  await using second = await startHttpCache(all, { priority: 50 });
  await using first = await startHttpCache(all, { priority: 30 });
  await usePlace([second.origin, first.origin], fetchAll);
  assert.equal(second.seen.filter(({ path }) => path.startsWith('nar/')).length, 0);
  assert.equal(first.seen.filter(({ path }) => path.startsWith('nar/')).length, all.length);
});

test('a hole in front of a closure of 300 costs one connection and no error', async () => {
  const samples: Sample[] = [];
  for (let i = 0; i < 300; i++) {
    const reference = samples.at(-1)?.info.path;
    samples.push(signed(samplePath(`p${i}`, reference === undefined ? [] : [reference]), key));
  }
  await using hole = await startHole();
  await using good = await startHttpCache(samples);
  await usePlace([hole.uri, good.origin], async ({ store, substituters }) => {
    const summary = await realise(
      store,
      substituters,
      samples.map(({ info }) => info.path),
    );
    assert.equal(summary.copied, 300);
  });
  assert.equal(hole.connections(), 1);
});

test('a port where nobody listens costs a warning', async () => {
  const hole = await startHole();
  await hole[Symbol.asyncDispose]();
  await using good = await startHttpCache(all);
  await usePlace([hole.uri, good.origin], async (place) => {
    await fetchAll(place);
    assert.equal(place.warnings.length, 1);
    assert.match(place.warnings[0] ?? '', /^leaving substituter ".*" alone: /);
  });
});

test('a slow one is waited for only where nobody else has the path', async () => {
  await using slow = await startHttpCache([a], { priority: 10 });
  slow.fail({ delayMs: 200 });
  await using good = await startHttpCache([b, c, d]);
  await usePlace([slow.origin, good.origin], fetchAll);
  assert.ok(slow.seen.some(({ path }) => path.startsWith('nar/')));
});

for (const [what, narOf] of [
  ['other bytes in a NAR', ({ nar }: Sample) => flipped(nar)],
  ['the NAR of another path behind a validly signed narinfo', () => a.nar],
  ['half a NAR', ({ nar }: Sample) => nar.subarray(0, nar.length / 2)],
  ['no NAR behind a narinfo', () => undefined],
] as const) {
  test(`${what}: that path comes from the next one`, async () => {
    const isBad = ({ info }: Sample): boolean => info.path === b.info.path;
    await using bad = await startHttpCache(all, {
      priority: 10,
      narOf: (sample) => (isBad(sample) ? narOf(sample) : sample.nar),
    });
    await using good = await startHttpCache(all);
    await usePlace([bad.origin, good.origin], async (place) => {
      await fetchAll(place);
      assert.equal(place.warnings.length, 1, place.warnings.join('\n'));
    });
    const read = good.seen.map(({ path }) => path).filter((path) => path.startsWith('nar/'));
    assert.deepEqual(read, [`nar/${b.info.path}.nar`]);
  });
}

test('one that dies in the middle of its NARs is given up; the next has other contents for one', async () => {
  const nar = sampleNar('another build of b');
  const other = signed(
    { nar, info: { ...plain.b.info, narHash: hashBytes('sha256', nar), narSize: nar.length } },
    key,
  );
  await using dying = await startHttpCache(all, { priority: 10 });
  dying.fail({ path: /^nar\//, resetAfter: 40 });
  await using good = await startHttpCache([a, other, c, d]);
  await usePlace([dying.origin, good.origin], async ({ store, substituters }) => {
    const summary = await realise(store, substituters, [d.info.path]);
    assert.equal(summary.copied, 4);
    assert.deepEqual(Buffer.from(await narOf(store, other.info.path)), Buffer.from(nar));
  });
});

test('a narinfo of another path is no answer', async () => {
  await using liar = await startHttpCache(all, {
    priority: 10,
    infoOf: ({ info }) => (info.path === b.info.path ? a.info : info),
  });
  await using good = await startHttpCache(all);
  await usePlace([liar.origin, good.origin], fetchAll);
});

test('a cache of another store directory is left alone', async () => {
  await using other = await startHttpCache([], {
    priority: 10,
    storeDir: parseStoreDir('/gnu/store'),
  });
  await using good = await startHttpCache(all);
  await usePlace([other.origin, good.origin], async (place) => {
    await fetchAll(place);
    assert.equal(place.warnings.length, 1);
    assert.match(place.warnings[0] ?? '', /\/gnu\/store/);
  });
});

test('what is not signed, or by a stranger of the same name, comes from who signed it', async () => {
  const stranger: SecretKey = generateSecretKey('cache-1');
  const plainSamples = [plain.a, plain.b, plain.c, plain.d];
  await using unsigned = await startHttpCache(plainSamples, { priority: 10 });
  await using forged = await startHttpCache(
    plainSamples.map((sample) => signed(sample, stranger)),
    { priority: 20 },
  );
  await using good = await startHttpCache(all);
  await usePlace([unsigned.origin, forged.origin, good.origin], async (place) => {
    await fetchAll(place);
    assert.equal(place.warnings.length, 2);
    for (const warning of place.warnings) assert.match(warning, /^ignoring substitute for "/);
  });
  for (const { seen } of [unsigned, forged]) {
    assert.ok(!seen.some(({ path }) => path.startsWith('nar/')), 'no byte of it is fetched');
  }
  await usePlace([unsigned.origin], async ({ store, substituters }) => {
    await assert.rejects(realise(store, substituters, [a.info.path]), { code: 'untrusted' });
  });
  await usePlace([`${unsigned.origin}?trusted=true`], fetchAll);
});
