/** Binary caches by their URIs: which parameters there are, what they come to, and what the next process remembers. */
import assert from 'node:assert/strict';
import { chmodSync, existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { after, before, describe, test } from 'node:test';
import { readAll, sampleClosure, toAdd } from '../../test/conformance/nars.ts';
import { startHttpServer } from '../../test/support/http-server.ts';
import { makeTempDirectory, type TempDirectory } from '../../test/support/temp.ts';
import { readEnvironment, type Environment } from '../config/environment.ts';
import { loadSettings } from '../config/settings.ts';
import { narInfoKey, parseNarInfo, type NarInfo } from '../format/narinfo.ts';
import { formatSecretKey, generateSecretKey } from '../format/signature.ts';
import { defaultStoreDir, hashPartOf } from '../format/store-path.ts';
import { openTreeWorkers } from '../system/threads/tree-workers.ts';
import type { TreeWorkers } from '../system/tree-jobs.ts';
import { openStore } from './open-store.ts';
import type { Store } from './store.ts';

const { a, b } = sampleClosure();

let temp: TempDirectory;
let workers: TreeWorkers;
let env: Environment;
let lines: string[] = [];
before(() => {
  temp = makeTempDirectory({ ram: true });
  workers = openTreeWorkers({ width: 2 });
  env = readEnvironment({
    HOME: temp.join('home'),
    XDG_CACHE_HOME: temp.join('cache-home'),
    NIX_CONF_DIR: temp.join('none'),
    NIX_USER_CONF_FILES: '',
  });
});
after(async () => {
  await workers[Symbol.asyncDispose]();
  temp[Symbol.dispose]();
});

function open(uri: string, overrides: readonly (readonly [string, string])[] = []): Promise<Store> {
  lines = [];
  const settings = loadSettings(env, overrides);
  const onDiagnostic = (line: string): void => void lines.push(line);
  return openStore(uri, { env, settings, workers, onDiagnostic });
}

function narInfoIn(directory: string): NarInfo {
  const text = readFileSync(`${directory}/${narInfoKey(hashPartOf(a.info.path))}`, 'utf8');
  return parseNarInfo(text, defaultStoreDir);
}

describe('file://', () => {
  test('opening makes nothing, adding makes what Nix makes', async () => {
    const directory = temp.join('plain');
    await using store = await open(`file://${directory}`);
    assert.equal(store.uri, `file://${directory}`);
    assert.equal((await store.queryValidPaths([a.info.path])).size, 0);
    assert.equal(existsSync(directory), false);
    await store.addPaths?.(toAdd(a));
    const names = readdirSync(directory).filter((name) => !name.endsWith('.narinfo'));
    assert.deepEqual(names.sort(), ['log', 'nar', 'nix-cache-info', 'realisations']);
    assert.equal(narInfoIn(directory).compression, 'zstd');
    assert.equal(existsSync(temp.join('cache-home')), false, 'nothing is remembered of it');
  });

  test('parameters say how it is written', async () => {
    const key = generateSecretKey('cache-1');
    writeFileSync(temp.join('key'), formatSecretKey(key), { mode: 0o600 });
    const other = generateSecretKey('other-1');
    writeFileSync(temp.join('other'), formatSecretKey(other), { mode: 0o600 });
    const directory = temp.join('with');
    const parameters = [
      'compression=gzip',
      'compression-level=1',
      'parallel-compression=true',
      'write-nar-listing=true',
      'index-debug-info=1',
      `secret-key=${temp.join('key')}`,
      `secret-keys=${temp.join('key')},${temp.join('other')}`,
      'priority=12',
      'trusted=true',
    ];
    await using store = await open(`file://${directory}//?${parameters.join('&')}`);
    await store.addPaths?.(toAdd(a));
    assert.deepEqual(lines, []);
    const { compression, info, url } = narInfoIn(directory);
    assert.equal(compression, 'gzip');
    assert.match(url, /\.nar$/);
    assert.deepEqual(
      info.signatures.map((signature) => signature.split(':')[0]),
      ['cache-1', 'other-1'],
    );
    assert.ok(existsSync(`${directory}/${hashPartOf(a.info.path)}.ls`));
    assert.ok(existsSync(`${directory}/debuginfo`));
    assert.deepEqual(store.substituter, { priority: 12, wantMassQuery: false, isTrusted: true });
    for await (const nar of store.readNars([a.info.path])) {
      assert.equal(Buffer.compare(await readAll(nar), a.nar), 0);
    }
  });

  test('parameters that make no sense are refused, unknown ones are told', async () => {
    const directory = temp.join('wrong');
    const refused = [
      'compression=snappy',
      'compression-level=high',
      'compression-level=-2',
      'parallel-compression=perhaps',
      'priority=first',
      'store=nix/store',
    ];
    for (const parameter of refused) {
      await assert.rejects(open(`file://${directory}?${parameter}`), { code: 'usage' }, parameter);
    }
    await assert.rejects(open(`file://${directory}?secret-key=${temp.join('absent')}`), {
      code: 'not-found',
    });
    writeFileSync(temp.join('open-key'), formatSecretKey(generateSecretKey('open-1')));
    chmodSync(temp.join('open-key'), 0o644);
    await assert.rejects(open(`file://${directory}?secret-key=${temp.join('open-key')}`), {
      code: 'denied',
    });
    await using store = await open(`file://${directory}?narinfo-compression=xz&colour=blue`);
    assert.equal(lines.length, 2);
    assert.match(lines.join(), /narinfo-compression.*colour/);
    await store[Symbol.asyncDispose]();
    await using level = await open(`file://${directory}?compression-level=-1&compression=`);
    assert.deepEqual(lines, []);
    await level[Symbol.asyncDispose]();
    assert.equal(existsSync(directory), false);
  });

  test('a path that is not absolute is refused, bzip2 and lzip can only be read', async () => {
    await assert.rejects(open('file://cache'), { code: 'usage', hint: /file:\/\/\// });
    await using store = await open(`file://${temp.join('bz')}?compression=bzip2`);
    await assert.rejects(async () => store.addPaths?.(toAdd(a)), { code: 'unsupported' });
  });

  test('another store directory is another store', async () => {
    const directory = temp.join('gnu');
    {
      await using store = await open(`file://${directory}?store=/gnu/store`);
      await store.addPaths?.(toAdd(a));
      assert.equal(store.storeDir, '/gnu/store');
    }
    await assert.rejects(open(`file://${directory}`), { code: 'unsupported' });
  });
});

describe('http://', () => {
  test('what was learnt is remembered by the next process, as long as the settings say', async () => {
    await using server = await startHttpServer();
    const uri = server.origin;
    const ask = async (overrides: readonly (readonly [string, string])[] = []): Promise<number> => {
      const before = server.seen.length;
      await using store = await open(uri, overrides);
      await store.queryPathInfos([a, b].map(({ info }) => info.path));
      return server.seen.length - before;
    };
    {
      await using store = await open(uri);
      await store.addPaths?.(toAdd(a));
    }
    assert.ok(server.objects.has('nix-cache-info'));
    assert.equal(await ask(), 1, 'what was added is known, what is missing is not');
    assert.equal(await ask(), 0);
    assert.equal(await ask([['narinfo-cache-negative-ttl', '0']]), 1);
    const refresh = ['positive', 'negative', 'meta'].map((kind): [string, string] => [
      `narinfo-cache-${kind}-ttl`,
      '0',
    ]);
    assert.equal(await ask(refresh), 3);
    assert.ok(existsSync(temp.join('cache-home/ferry/narinfo-v1.sqlite')));
  });
});
