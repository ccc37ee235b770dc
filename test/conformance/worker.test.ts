/** The worker protocol in all its versions against a daemon of ours, and the releases of Nix that are here. */
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { after } from 'node:test';
import { MemoryStore } from '../../src/store/memory.ts';
import { openStore } from '../../src/store/open-store.ts';
import type { Store } from '../../src/store/store.ts';
import { openWorkerConnection } from '../../src/store/worker/open-worker-connection.ts';
import { WorkerStore } from '../../src/store/worker/worker-store.ts';
import { defaultStoreDir } from '../../src/format/store-path.ts';
import { startProcess } from '../../src/system/process.ts';
import { v, workerFeatures } from '../../src/wire/worker/version.ts';
import { openNixHome, type NixHome } from '../support/nix-home.ts';
import { startNixDaemon, type NixDaemon } from '../support/nix-daemon.ts';
import { findNix, nixVersions, peerTest } from '../support/peers.ts';
import { makeTempDirectory } from '../support/temp.ts';
import { workerStoreOver, type WorkerPairOptions } from '../support/worker-server.ts';
import { testStore } from './store-conformance.ts';

function workerStore(name: string, options: WorkerPairOptions, chunkSize = 65536): void {
  let last: Store | undefined;
  testStore({
    name: `worker protocol, ${name}`,
    open: async () => {
      last = new MemoryStore({ chunkSize });
      return workerStoreOver(last, options);
    },
    reopen: async () => workerStoreOver(last ?? new MemoryStore(), options),
  });
}

workerStore('as announced', {});
workerStore('all features, and talkative', { features: workerFeatures, isTalkative: true });
workerStore('seven bytes at a time', { isTalkative: true }, 7);
workerStore('three connections', { connectionsMax: 3 });
// Each before something new: substituting, texts of errors, framed uploads, outputs that aren't known.
for (const minor of [34, 31, 26, 25, 22, 21]) {
  workerStore(`version 1.${minor}`, { version: v(minor), isTalkative: true });
}

const temp = makeTempDirectory({ ram: true });
let count = 0;
let daemon: NixDaemon | undefined;
after(async () => {
  await daemon?.[Symbol.asyncDispose]();
  temp[Symbol.dispose]();
});

peerTest('the releases of Nix that this wants are here', { nix: nixVersions }, async (nix) => {
  for (const version of nixVersions) assert.ok(existsSync(nix(version).program('nix-daemon')));
});

for (const version of nixVersions) {
  const peer = findNix(version);
  if (peer === undefined) continue;
  const makeHome = (): NixHome => openNixHome(peer, temp.join(String(count++)));
  let last: NixHome | undefined;
  const reopen = (): Promise<WorkerStore> => openNixDaemon(last as NixHome);
  testStore({
    name: `nix-daemon --stdio of Nix ${version}`,
    open: async () => {
      last = makeHome();
      return reopen();
    },
    reopen,
  });
  testStore({
    name: `the socket of nix-daemon of Nix ${version}`,
    open: async () => {
      await daemon?.[Symbol.asyncDispose]();
      daemon = await startNixDaemon(makeHome());
      return await openStore(daemon.uri);
    },
    reopen: () => openStore(daemon?.uri),
  });
}

function openNixDaemon(home: NixHome): Promise<WorkerStore> {
  const farEnd = { name: 'far', uri: 'ssh-ng://far', program: 'nix-daemon' };
  const storeDir = defaultStoreDir;
  return WorkerStore.open({
    uri: farEnd.uri,
    storeDir,
    open: async (signal) => {
      const { env } = home;
      const daemon = await startProcess(home.peer.program('nix-daemon'), ['--stdio'], { env });
      return await openWorkerConnection(daemon, { farEnd, storeDir, signal });
    },
  });
}
