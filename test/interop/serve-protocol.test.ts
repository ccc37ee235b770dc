/** The serve protocol against real Nix: our asking side with its server, its clients with our answering side. */
import assert from 'node:assert/strict';
import { fileURLToPath } from 'node:url';
import { readEnvironment } from '../../src/config/environment.ts';
import { parseStoreUri } from '../../src/config/store-uri.ts';
import { formatHash } from '../../src/format/hash.ts';
import { defaultStoreDir, parseStorePath, type StorePath } from '../../src/format/store-path.ts';
import { MemoryStore } from '../../src/store/memory.ts';
import { openSshStore } from '../../src/store/serve/open-ssh-store.ts';
import type { ServeStore } from '../../src/store/serve/serve-store.ts';
import type { PathToAdd } from '../../src/store/store.ts';
import { readAll, sampleClosure, samplePath, toAdd, type Sample } from '../conformance/nars.ts';
import { remoteProgram } from '../support/far-program.ts';
import { makeNixHome, type NixHome } from '../support/nix-home.ts';
import { nixVersions, peerTest } from '../support/peers.ts';
import { makeSmallClosure } from '../support/small-closure.ts';

const toPath = (text: string): StorePath => parseStorePath(defaultStoreDir, text);
const print = (path: StorePath): string => `${defaultStoreDir}/${path}`;

interface OpenOptions {
  readonly parameters?: string;
  readonly lines?: string[];
}

/** The home's own `nix-store`, run as for the host `localhost`: without ssh. */
async function openHome(home: NixHome, options: OpenOptions = {}): Promise<ServeStore> {
  const program = remoteProgram(home.path, {
    program: home.peer.program('nix-store'),
    env: home.env,
  });
  return await openProgram(program, options);
}

async function openProgram(program: string, options: OpenOptions = {}): Promise<ServeStore> {
  const uri = parseStoreUri(
    `ssh://localhost?remote-program=${encodeURIComponent(program)}${options.parameters ?? ''}`,
  );
  assert.ok(uri.kind === 'ssh');
  return await openSshStore(uri, {
    env: readEnvironment(),
    onDiagnostic: (line) => options.lines?.push(line),
  });
}

for (const version of nixVersions) {
  peerTest(
    `a closure is asked of Nix ${version} and read from it`,
    { nix: [version] },
    async (nix) => {
      await using home = makeNixHome(nix(version));
      const made = await makeSmallClosure(home);
      await using store = await openHome(home);
      const link = toPath(made.link);
      const wanted = [made.link, made.application, made.library, made.source, made.text]
        .map(toPath)
        .sort();

      const closure = await store.queryClosure([link]);
      assert.deepEqual([...closure.keys()].sort(), wanted);
      const application = closure.get(toPath(made.application));
      assert.equal(application?.deriver, toPath(made.applicationDrv));
      assert.equal(application?.signatures.length, 1);
      const hash = await home.runOk('nix-store', ['--query', '--hash', made.application]);
      assert.equal(application && formatHash(application.narHash), hash);
      assert.equal(closure.get(toPath(made.text))?.ca?.method, 'text');

      const absent = samplePath('absent').info.path;
      assert.deepEqual(await store.queryValidPaths([link, absent]), new Set([link]));
      assert.deepEqual((await store.queryPathInfos([link, absent])).size, 1);

      const withOutputs = await store.queryClosure([toPath(made.linkDrv)], {
        includeOutputs: true,
      });
      assert.ok(withOutputs.has(link));

      // The memory store verifies structure, hash and size of each.
      await using memory = new MemoryStore();
      const order = [made.text, made.source, made.library, made.application, made.link];
      await memory.addPaths(toAddFrom(store, order.map(toPath), closure));
      assert.deepEqual(await memory.queryValidPaths(wanted), new Set(wanted));
    },
  );

  peerTest(`paths are sent to Nix ${version}`, { nix: [version] }, async (nix) => {
    await using home = makeNixHome(nix(version));
    await using store = await openHome(home);
    const { a, b, c, d } = sampleClosure();
    const added: StorePath[] = [];
    await store.addPaths(toAdd(a, b, c, d), { onAdded: (path) => added.push(path) });
    assert.deepEqual(
      added,
      [a, b, c, d].map(({ info }) => info.path),
    );
    await home.verify();
    const references = await home.runOk('nix-store', ['-q', '--references', print(d.info.path)]);
    assert.deepEqual(references.split('\n').sort(), [a, c].map((s) => print(s.info.path)).sort());
  });

  peerTest(
    `a thousand paths go ahead of Nix ${version} both ways`,
    { nix: [version] },
    async (nix) => {
      await using home = makeNixHome(nix(version));
      await using store = await openHome(home);
      const samples = chain(1000);
      let count = 0;
      await store.addPaths(toAdd(...samples), { onAdded: () => count++ });
      assert.equal(count, samples.length);
      await using again = await openHome(home);
      const paths = samples.map(({ info }) => info.path);
      let read = 0;
      for await (const nar of again.readNars(paths)) read += (await readAll(nar)).length;
      assert.equal(
        read,
        samples.reduce((sum, { nar }) => sum + nar.length, 0),
      );
    },
  );

  peerTest(
    `what Nix ${version} refuses is named, with its reason, and the rest goes on`,
    { nix: [version] },
    async (nix) => {
      await using home = makeNixHome(nix(version));
      await using store = await openHome(home);
      const { a, b, c } = sampleClosure();
      const bad = samplePath('bad', [a.info.path]);
      const wrong = { ...bad, info: { ...bad.info, narHash: a.info.narHash } };
      const onBad = samplePath('on-bad', [bad.info.path]);
      await assert.rejects(store.addPaths(toAdd(a, wrong, b)), (error: Error) => {
        assert.match(error.message, /cannot add ".*-bad".*far end said: error: hash mismatch/s);
        return true;
      });
      assert.deepEqual(
        await store.queryValidPaths([a.info.path, bad.info.path]),
        new Set([a.info.path]),
      );

      const failed = new Map<StorePath, string>();
      await store.addPaths(toAdd(a, wrong, onBad, b, c), {
        onFailed: (path, error) => failed.set(path, String(error)),
      });
      assert.deepEqual([...failed.keys()], [bad.info.path, onBad.info.path]);
      assert.match(failed.get(bad.info.path) ?? '', /hash mismatch/);
      assert.match(failed.get(onBad.info.path) ?? '', /could not be added/);
      const all = [a, b, c].map(({ info }) => info.path);
      assert.deepEqual(await store.queryValidPaths(all), new Set(all));
      await home.verify();
    },
  );

  peerTest(
    `a root that Nix ${version} doesn't have is not found, and the store stays of use`,
    { nix: [version] },
    async (nix) => {
      await using home = makeNixHome(nix(version));
      await using store = await openHome(home);
      const { a } = sampleClosure();
      const absent = samplePath('absent').info.path;
      await store.addPaths(toAdd(a));
      await assert.rejects(store.queryClosure([a.info.path, absent]), {
        code: 'not-found',
        path: print(absent),
      });
      assert.deepEqual(await store.queryValidPaths([a.info.path]), new Set([a.info.path]));
    },
  );

  peerTest(
    `what is held at Nix ${version} survives its garbage collection`,
    { nix: [version] },
    async (nix) => {
      await using home = makeNixHome(nix(version));
      const { a } = sampleClosure();
      const held = a.info.path;
      {
        await using store = await openHome(home);
        await store.queryValidPaths([held], { hold: true });
        await store.addPaths(toAdd(a));
        await home.runOk('nix-store', ['--gc']);
        await home.runOk('nix-store', ['--check-validity', print(held)]);
      }
      await home.runOk('nix-store', ['--gc']);
      assert.notEqual((await home.run('nix-store', ['--check-validity', print(held)])).status, 0);
    },
  );
}

peerTest('a text before the protocol is stepped over', { nix: ['2.34'] }, async (nix) => {
  await using home = makeNixHome(nix('2.34'));
  const program = home.peer.program('nix-store');
  const lines: string[] = [];
  const far = remoteProgram(home.path, {
    program: '/bin/sh',
    args: ['-c', 'echo Welcome to the machine; exec "$0" "$@"', program],
    env: home.env,
  });
  await using store = await openProgram(far, { lines });
  assert.deepEqual(await store.queryValidPaths([samplePath('x').info.path]), new Set());
  assert.match(
    lines.join('\n'),
    /printed text before the protocol began: "Welcome to the machine"/,
  );
});

for (const version of nixVersions) {
  peerTest(
    `Nix ${version} copies to and from a store that ferry serves`,
    { nix: [version, '2.34'] },
    async (nix) => {
      await using near = makeNixHome(nix(version));
      await using far = makeNixHome(nix('2.34'));
      const served = remoteProgram(near.path, {
        program: process.execPath,
        args: [mainScript, far.storeUri],
      });
      const store = `ssh://localhost?remote-program=${served}`;
      const made = await makeSmallClosure(near);
      await near.runOk('nix', ['copy', '--to', store, made.link]);
      await far.verify();
      await far.runOk('nix-store', ['--check-validity', made.link]);

      await using back = makeNixHome(nix(version));
      await back.runOk('nix', ['copy', '--no-check-sigs', '--from', store, made.link]);
      await back.verify();
      await back.runOk('nix-store', ['--check-validity', made.link, made.text]);
      const missing = await back.run('nix', [
        'copy',
        '--from',
        store,
        print(samplePath('x').info.path),
      ]);
      assert.notEqual(missing.status, 0);
      assert.match(missing.stderr, /(?:is not valid|is required)/);
    },
  );
}

const mainScript = fileURLToPath(new URL('../support/serve-main.ts', import.meta.url));

/** Small paths, each of which refers to the one before it. */
function chain(count: number): Sample[] {
  const samples: Sample[] = [];
  for (let i = 0; i < count; i++) {
    const last = samples.at(-1);
    samples.push(samplePath(`link-${i}`, last === undefined ? [] : [last.info.path]));
  }
  return samples;
}

async function* toAddFrom(
  store: ServeStore,
  paths: readonly StorePath[],
  infos: ReadonlyMap<StorePath, PathToAdd['info']>,
): AsyncGenerator<PathToAdd> {
  for await (const nar of store.readNars(paths)) {
    const info = infos.get(nar.path);
    assert.ok(info !== undefined);
    yield { info, nar };
  }
}
