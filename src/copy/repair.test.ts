import assert from 'node:assert/strict';
import {
  chmodSync,
  closeSync,
  existsSync,
  lstatSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { samplePath, toAdd, type Sample } from '../../test/conformance/nars.ts';
import { openLocalStores } from '../../test/support/local-stores.ts';
import {
  deadSource,
  memoryWith,
  signed,
  sourceOf,
  withNar,
} from '../../test/support/substituters.ts';
import { makeTempDirectory, removeTree } from '../../test/support/temp.ts';
import type { FerryError } from '../error.ts';
import { contentAddressedPath } from '../format/make-store-path.ts';
import { generateSecretKey, TrustedKeys } from '../format/signature.ts';
import { defaultStoreDir, type StorePath } from '../format/store-path.ts';
import type { LocalStore } from '../store/local/local-store.ts';
import type { SubstituterSource } from '../store/wrap/substituter.ts';
import { joinSubstituters, type SubstituterStore } from '../store/wrap/substituters.ts';
import { repairPaths, type RepairOptions } from './repair.ts';

/** Threads take long to start: all tests share them. */
const stores = openLocalStores();
after(() => stores[Symbol.asyncDispose]());

const key = generateSecretKey('trusted-1');
const trustedKeys = new TrustedKeys([key.publicKey]);
const base = samplePath('base');
const top = samplePath('top', [base.info.path]);
const BASE = base.info.path;
const TOP = top.info.path;
/** Another build of `top`, which refers to something else. */
const extra = signed(samplePath('extra'), key);
const rebuilt = samplePath('top', [extra.info.path], 'built again');

interface Scene {
  readonly store: LocalStore;
  readonly text: (path: StorePath) => string;
  readonly damage: (path: StorePath) => void;
  readonly repair: (
    sources: readonly SubstituterSource[],
    options?: Partial<RepairOptions> & { paths?: readonly StorePath[] },
  ) => Promise<{ failures: Map<StorePath, FerryError>; repaired: string[]; warnings: string[] }>;
  /** The store is just these paths, all whole, and nothing lies beside them. */
  readonly requireWhole: (...paths: readonly StorePath[]) => Promise<void>;
}

async function withStore(
  body: (scene: Scene) => Promise<void>,
  { autoOptimise = false }: { autoOptimise?: boolean } = {},
): Promise<void> {
  await using temp = makeTempDirectory({ ram: true });
  {
    await using adding = await stores.open(temp.path);
    await adding.addPaths?.(toAdd(base, top), { checkSigs: false });
  }
  const options = { requireSigs: true, trustedKeys, autoOptimise };
  await using store = await stores.open(temp.path, options);
  const file = (path: StorePath): string => join(store.toRealPath(path), 'text');
  await body({
    store,
    text: (path) => readFileSync(file(path), 'utf8'),
    damage(path) {
      chmodSync(store.toRealPath(path), 0o755);
      chmodSync(file(path), 0o644);
      writeFileSync(file(path), 'damaged');
      chmodSync(file(path), 0o444);
      chmodSync(store.toRealPath(path), 0o555);
    },
    async repair(sources, { paths = [TOP], ...more } = {}) {
      await using resources = new AsyncDisposableStack();
      const warnings: string[] = [];
      const repaired: string[] = [];
      const onWarning = (message: string): void => void warnings.push(message);
      const failures = await repairPaths(store, paths, {
        join: (refuses): SubstituterStore =>
          resources.use(
            joinSubstituters(sources, { storeDir: defaultStoreDir, refuses, onWarning }),
          ),
        onWarning,
        onRepaired: (path, from) => repaired.push(`${path} ${from}`),
        ...more,
      });
      return { failures, repaired, warnings };
    },
    async requireWhole(...paths) {
      const valid = await store.queryAllValidPaths();
      assert.deepEqual(valid, [...paths].sort());
      assert.deepEqual(await store.verifyStore({ checkContents: true }), { errorsLeft: 0 });
      const entries = readdirSync(join(store.toRealPath(BASE), '..'));
      assert.deepEqual(entries.sort(), ['.links', ...valid].sort());
    },
  });
}

test('the contents that are recorded need nobody to vouch for them', () =>
  withStore(async ({ store, damage, text, repair, requireWhole }) => {
    damage(TOP);
    const before = (await store.queryPathInfos([TOP])).get(TOP);
    const { failures, repaired } = await repair([sourceOf('one', await memoryWith(base, top))]);
    assert.deepEqual([failures.size, repaired], [0, [`${TOP} test://one`]]);
    assert.equal(text(TOP), 'top');
    assert.deepEqual((await store.queryPathInfos([TOP])).get(TOP), before);
    await requireWhole(BASE, TOP);
  }));

test('signatures of just these contents are kept', () =>
  withStore(async ({ store, repair }) => {
    const source = sourceOf('one', await memoryWith(base, signed(top, key)));
    await repair([source]);
    const { signatures } = (await store.queryPathInfos([TOP])).get(TOP) ?? {};
    assert.deepEqual(signatures, signed(top, key).info.signatures);
  }));

test('as Nix asks, also the same contents must be signed', () =>
  withStore(async ({ damage, text, repair, requireWhole }) => {
    damage(TOP);
    const unsigned = sourceOf('unsigned', await memoryWith(base, top));
    const { failures } = await repair([unsigned], { checkSame: true });
    assert.equal(failures.get(TOP)?.code, 'untrusted');
    assert.equal(text(TOP), 'damaged');
    const good = sourceOf('signed', await memoryWith(base, signed(top, key)));
    const { repaired } = await repair([unsigned, good], { checkSame: true });
    assert.deepEqual(repaired, [`${TOP} test://signed`]);
    await requireWhole(BASE, TOP);
  }));

test('what is gone comes back, with what it refers to and is gone too', () =>
  withStore(async ({ store, repair, requireWhole }) => {
    for (const path of [BASE, TOP]) removeTree(store.toRealPath(path));
    const source = sourceOf('one', await memoryWith(base, top));
    const { failures } = await repair([source], { paths: [TOP, BASE] });
    assert.equal(failures.size, 0);
    assert.equal(source.asked.opened, 1);
    await requireWhole(BASE, TOP);
  }));

test('what somebody gives in a wrong way is taken from the next one', () =>
  withStore(async ({ store, damage, repair, requireWhole }) => {
    damage(TOP);
    const memory = await memoryWith(base, top);
    const truncated = withNar(
      TOP,
      async function* (nar) {
        for await (const chunk of nar) {
          yield chunk.subarray(0, 100);
          return;
        }
      },
      memory,
    );
    const wrong = withNar(
      TOP,
      async function* (nar) {
        for await (const chunk of nar) yield chunk.with(chunk.length - 200, 7);
      },
      memory,
    );
    const { failures, repaired, warnings } = await repair([
      deadSource('dead'),
      sourceOf('truncated', truncated),
      sourceOf('wrong', wrong),
      sourceOf('good', memory),
    ]);
    assert.deepEqual([...failures], []);
    assert.deepEqual(repaired, [`${TOP} test://good`]);
    assert.equal(warnings.length, 3, warnings.join('\n'));
    assert.ok(existsSync(store.toRealPath(TOP)));
    await requireWhole(BASE, TOP);
  }));

test('where nobody has it, it stays as it is, and who was asked is told', () =>
  withStore(async ({ store, damage, text, repair }) => {
    damage(TOP);
    const lacking = [sourceOf('a', await memoryWith()), sourceOf('b', await memoryWith(base))];
    const { failures } = await repair([...lacking, deadSource('c')]);
    const { message, hint, code } = failures.get(TOP) ?? {};
    assert.equal(code, 'unavailable');
    assert.match(message ?? '', /^cannot repair "\/nix\/store\/.*-top": no substituter has it$/);
    assert.match(hint ?? '', /asked "test:\/\/a", "test:\/\/b"; could not ask "test:\/\/c"/);
    assert.equal(text(TOP), 'damaged');
    const nobody = await repair([]);
    assert.match(nobody.failures.get(TOP)?.message ?? '', /no substituter is asked$/);
    assert.equal((await store.queryValidPaths([TOP])).size, 1);
  }));

test('contents of another build are not taken unasked, whoever signed them', () =>
  withStore(async ({ damage, text, repair }) => {
    damage(TOP);
    const source = sourceOf('one', await memoryWith(extra, signed(rebuilt, key)), {
      isTrusted: false,
    });
    const { failures } = await repair([source]);
    assert.equal(failures.get(TOP)?.code, 'untrusted');
    assert.match(failures.get(TOP)?.hint ?? '', /--other-contents/);
    const trusted = sourceOf('two', await memoryWith(extra, rebuilt), { isTrusted: true });
    const again = await repair([trusted]);
    assert.equal(again.failures.size, 1, 'not even where all is trusted');
    assert.equal(text(TOP), 'damaged');
  }));

test('asked for, they are taken with what they refer to, if they are signed', () =>
  withStore(async ({ store, damage, text, repair, requireWhole }) => {
    damage(TOP);
    const unsigned = sourceOf('unsigned', await memoryWith(extra, rebuilt));
    const refused = await repair([unsigned], { otherContents: true });
    assert.equal(refused.failures.get(TOP)?.code, 'untrusted');
    assert.equal(text(TOP), 'damaged');
    const source = sourceOf('signed', await memoryWith(extra, signed(rebuilt, key)));
    const { failures } = await repair([unsigned, source], { otherContents: true });
    assert.deepEqual([...failures], []);
    assert.equal(text(TOP), 'built again');
    const info = (await store.queryPathInfos([TOP])).get(TOP);
    assert.deepEqual(info?.references, [extra.info.path]);
    assert.deepEqual(info.narHash, rebuilt.info.narHash);
    assert.deepEqual(info.signatures, signed(rebuilt, key).info.signatures);
    await requireWhole(BASE, TOP, extra.info.path);
  }));

test('the same contents come before those of another build, whoever has them', () =>
  withStore(async ({ damage, text, repair }) => {
    damage(TOP);
    const first = sourceOf('first', await memoryWith(extra, signed(rebuilt, key)), { priority: 1 });
    const last = sourceOf('last', await memoryWith(base, top), { priority: 50 });
    await repair([first, last], { otherContents: true });
    assert.equal(text(TOP), 'top');
  }));

test('unsigned contents of another build are taken where signatures are waived', () =>
  withStore(async ({ damage, text, repair }) => {
    damage(TOP);
    const source = sourceOf('one', await memoryWith(extra, rebuilt));
    const { failures } = await repair([source], { otherContents: true, checkSigs: false });
    assert.deepEqual([...failures], []);
    assert.equal(text(TOP), 'built again');
  }));

test('an address that is not of the contents is refused also when it is signed', () =>
  withStore(async ({ damage, text, repair }) => {
    damage(TOP);
    const ca = { method: 'nar', hash: rebuilt.info.narHash } as const;
    const claimed: Sample = signed({ ...rebuilt, info: { ...rebuilt.info, ca } }, key);
    assert.notEqual(contentAddressedPath(defaultStoreDir, 'top', ca), TOP);
    const source = sourceOf('one', await memoryWith(extra, rebuilt), {
      queryPathInfos: async () => new Map([[TOP, claimed.info]]),
    });
    const { failures } = await repair([source], { otherContents: true });
    assert.equal(failures.size, 1);
    assert.equal(text(TOP), 'damaged');
  }));

test('whoever has a file open keeps it, and the path is there all the time', () =>
  withStore(async ({ store, text, repair }) => {
    const tree = store.toRealPath(TOP);
    const fd = openSync(join(tree, 'text'), 'r');
    const before = lstatSync(tree).ino;
    let isMissing = false;
    const watch = setInterval(() => {
      if (!existsSync(join(tree, 'text'))) isMissing = true;
    }, 0);
    await repair([sourceOf('one', await memoryWith(base, top))]);
    clearInterval(watch);
    const bytes = Buffer.alloc(10);
    assert.equal(bytes.toString('utf8', 0, readSync(fd, bytes)), 'top');
    closeSync(fd);
    assert.ok(!isMissing);
    assert.notEqual(lstatSync(tree).ino, before);
    assert.equal(text(TOP), 'top');
  }));

test('a file that several paths share is whole again in those that are repaired, and its link is gone', () =>
  withStore(
    async ({ store, damage, repair, requireWhole }) => {
      const twin = samplePath('twin', [], 'top');
      await store.addPaths?.(toAdd(twin), { checkSigs: false });
      await store.optimise();
      damage(TOP);
      const asked = [TOP, twin.info.path];
      const source = sourceOf('one', await memoryWith(base, top, twin));
      const { failures } = await repair([source], { paths: asked });
      assert.equal(failures.size, 0);
      await requireWhole(BASE, TOP, twin.info.path);
      const inode = (path: StorePath): number =>
        lstatSync(join(store.toRealPath(path), 'text')).ino;
      assert.equal(inode(TOP), inode(twin.info.path));
    },
    { autoOptimise: true },
  ));

test('what is not valid is fetched, as other paths are', () =>
  withStore(async ({ repair, requireWhole }) => {
    const { path } = extra.info;
    const unsigned = await repair([sourceOf('one', await memoryWith(samplePath('extra')))], {
      paths: [path],
    });
    assert.equal(unsigned.failures.get(path)?.code, 'untrusted');
    const { failures, repaired } = await repair([sourceOf('one', await memoryWith(extra))], {
      paths: [path],
    });
    assert.deepEqual([failures.size, repaired], [0, [`${path} test://one`]]);
    await requireWhole(BASE, TOP, path);
  }));

test('many at once, in order or side by side, and an abort in the middle', () =>
  withStore(async ({ store, damage, repair, requireWhole }) => {
    const samples = Array.from({ length: 30 }, (_, n) => samplePath(`many-${n}`));
    const paths = samples.map(({ info }) => info.path);
    await store.addPaths?.(toAdd(...samples), { checkSigs: false });
    for (const path of paths) damage(path);
    const abort = new AbortController();
    const aborted = repair([sourceOf('one', await memoryWith(...samples))], {
      paths,
      signal: abort.signal,
      onRepaired: () => abort.abort(new Error('enough')),
    });
    await assert.rejects(aborted, { message: 'enough' });
    const again = sourceOf('one', await memoryWith(...samples));
    const { failures, repaired } = await repair([again], { paths });
    assert.deepEqual([...failures.values()].map(String), []);
    assert.equal(repaired.length, 30);
    await requireWhole(BASE, TOP, ...paths);
    assert.ok(!paths.some((path) => existsSync(`${store.toRealPath(path)}.lock`)));
  }));
