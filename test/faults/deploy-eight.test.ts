/** Deployments to eight machines at once, of all kinds that there are: all live, from one reading of the source. */
import assert from 'node:assert/strict';
import { mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { activationsOf, makeDeployables } from '../support/deployable.ts';
import {
  requireRuns,
  requireWhole,
  requireWholeThere,
  runDeploy,
  toHosts,
} from '../support/deploying.ts';
import { type HostOptions, hostsLack, startHosts } from '../support/hosts.ts';
import { startHttpServer, type HttpServer } from '../support/http-server.ts';
import { makeNixHome, type NixHome } from '../support/nix-home.ts';
import { nixVersions, peerTest } from '../support/peers.ts';

const hasSystemd = hostsLack('systemd').length === 0;
const needs = { nix: nixVersions, programs: ['ssh', 'strace'], lacks: hostsLack() };
const kinds: readonly Omit<HostOptions, 'name'>[] = [
  { runs: 'nix-2.8' },
  { runs: 'nix-2.34' },
  { runs: 'ferry' },
  { runs: 'nix-2.26' },
  { runs: 'nix-2.34', init: hasSystemd ? 'systemd' : 'plain' },
  { runs: 'ferry', init: hasSystemd ? 'systemd' : 'plain' },
  { runs: 'nix-2.8', init: hasSystemd ? 'systemd' : 'plain' },
  { runs: 'nix-2.34', daemon: false },
];
const RATE = '100mbit';

peerTest(
  'eight hosts of all kinds are live at once, from one reading',
  needs,
  async (nix, context) => {
    await using fleet = await startHosts({
      hosts: kinds.map((kind, at) => ({
        ...kind,
        name: `h${at + 1}`,
        rate: RATE,
        requireSigs: false,
      })),
    });
    const { hosts } = fleet;
    await using home = makeNixHome(nix('2.34'), {
      ram: true,
      env: { NIX_SSHOPTS: fleet.sshOptions },
    });
    const systems = await makeDeployables(
      home,
      ['v1', 'v2', 'v3'].map((version) => ({ version, ownBytes: 3_000_000 })),
      { sharedBytes: 6_000_000 },
    );
    const [v1, v2, v3] = systems;
    assert.ok(v1 !== undefined && v2 !== undefined && v3 !== undefined);
    const everywhere = (outcome: string): Record<string, string> =>
      Object.fromEntries(hosts.map(({ name }) => [name, outcome]));

    // Out of a cache that counts what it is asked for.
    await using server = await cacheOf(home, v1.path);
    const fromCache = ['--from', server.origin, '--no-check-sigs'];
    const first = await runDeploy(home, [v1.path, ...toHosts(hosts), ...fromCache]);
    assert.deepEqual(first.outcomes, everywhere('live'), first.stderr);
    assert.equal(first.status, 0);
    const nars = server.seen
      .filter(({ method, path }) => method === 'GET' && path.includes('nar/'))
      .map(({ path }) => path);
    // The system itself is looked into beforehand, to know which machines it is for.
    const narOfSystem = narKeyOf(server, v1.path);
    const fetched = nars.filter((path) => path !== narOfSystem);
    const there = [...server.objects.keys()].filter((key) => key.startsWith('nar/'));
    assert.ok(nars.length - fetched.length <= 2, nars.join(' '));
    assert.deepEqual(
      fetched.toSorted(byName),
      there.filter((key) => key !== narOfSystem).toSorted(byName),
    );
    for (const host of hosts) {
      await requireRuns(host, v1);
      assert.deepEqual(await activationsOf(host), ['v1 switch-to-configuration switch']);
      assert.equal(first.of(host.name).generation, 1);
    }

    // Out of the store of this machine: its files are opened once each.
    const trace = join(home.path, 'trace');
    const strace = ['strace', '--seccomp-bpf', '-f', '-e', 'trace=openat', '-o', trace];
    const second = await runDeploy(home, [v2.path, ...toHosts(hosts)], { under: strace });
    assert.deepEqual(second.outcomes, everywhere('live'), second.stderr);
    const own = (await home.runOk('nix-store', ['-q', '--references', v2.path]))
      .split('\n')
      .filter((path) => path.endsWith('-own-v2'));
    assert.equal(opensOf(trace, home.realPath(own[0] ?? '?')), 1);
    for (const host of hosts) {
      await requireRuns(host, v2);
      const { generation, oldGeneration } = second.of(host.name);
      assert.deepEqual([generation, oldGeneration], [2, 1]);
    }

    // What runs already is left alone, and nothing is sent.
    const again = await runDeploy(home, [v2.path, ...toHosts(hosts)]);
    assert.deepEqual([again.status, again.outcomes], [0, everywhere('unchanged')], again.stderr);
    assert.ok(hosts.every(({ name }) => again.of(name).copiedPaths === 0));

    for (const host of hosts) {
      assert.deepEqual(await activationsOf(host), [
        'v1 switch-to-configuration switch',
        'v2 switch-to-configuration switch',
      ]);
      await requireWhole(host);
      await requireWholeThere(host);
    }

    const alone = hosts.slice(1, 2);
    const one = await runDeploy(home, [v3.path, ...toHosts(alone)]);
    const seven = await runDeploy(home, [v3.path, ...toHosts(hosts)]);
    assert.deepEqual(one.outcomes, { h2: 'live' }, one.stderr);
    assert.deepEqual(seven.outcomes, { ...everywhere('live'), h2: 'unchanged' }, seven.stderr);
    const seconds = [first, second, one, seven].map(({ elapsedMs }) =>
      (elapsedMs / 1000).toFixed(1),
    );
    context.diagnostic(
      `at ${RATE} each: 9 MB to 8 hosts ${seconds[0]} s, 3 MB to 8 ${seconds[1]} s (traced), to 1 ${seconds[2]} s, to 7 ${seconds[3]} s`,
    );
  },
);

/** A binary cache with the closure, uncompressed. */
async function cacheOf(home: NixHome, path: string): Promise<HttpServer> {
  const directory = join(home.path, 'cache');
  mkdirSync(directory);
  await home.runOk('nix', ['copy', '--to', `file://${directory}?compression=none`, path]);
  const server = await startHttpServer();
  for (const name of readdirSync(directory, { recursive: true, withFileTypes: true })) {
    if (!name.isFile()) continue;
    const file = join(name.parentPath, name.name);
    server.objects.set(file.slice(directory.length + 1), new Uint8Array(readFileSync(file)));
  }
  return server;
}

function narKeyOf(server: HttpServer, path: string): string {
  const [hashPart = ''] = path.slice('/nix/store/'.length).split('-');
  const narinfo = Buffer.from(server.objects.get(`${hashPart}.narinfo`) ?? []).toString();
  return /^URL: (.*)$/m.exec(narinfo)?.[1] ?? '';
}

function byName(one: string, other: string): number {
  return one < other ? -1 : 1;
}

function opensOf(trace: string, file: string): number {
  return readFileSync(trace, 'utf8')
    .split('\n')
    .filter((line) => line.includes(`"${file}"`) && !line.includes('ENOENT')).length;
}
