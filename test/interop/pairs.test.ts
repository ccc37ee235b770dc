/**
 * `ferry copy --from A --to B` for every pair of kinds of stores. Where a Nix answers at an end, with each release of
 * it. What arrived is judged by real Nix: infos and NARs are those of the source. Ends with a table.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { runFerryOk } from '../support/ferry-program.ts';
import { makeNixHome, openNixHome, type NixHome } from '../support/nix-home.ts';
import { nixVersions, peerTest, type NixPeer, type NixVersion } from '../support/peers.ts';
import {
  cacheKinds,
  nixKinds,
  openPlaces,
  storeKinds,
  type Place,
  type PlaceKind,
  type Places,
} from '../support/places.ts';
import { lacksS3 } from '../support/s3-server.ts';
import {
  describeClosure,
  requireSameClosure,
  type DescribedClosure,
} from '../support/same-closure.ts';
import { makeSmallClosure } from '../support/small-closure.ts';

const kinds: readonly PlaceKind[] = [...storeKinds, ...cacheKinds];
/** Passed, by "FROM TO" and release; null where no Nix answers at either end. */
const results = new Map<string, Map<NixVersion | null, boolean>>();

for (const version of nixVersions) {
  const nix = [...new Set([version, '2.34'] as const)];
  const needs = { nix, programs: ['ssh', 'sshd'], lacks: lacksS3() };
  peerTest(`pairs of stores, Nix ${version}`, needs, async (nix, context) => {
    await using places = await openPlaces();
    await using source = makeNixHome(nix(version), { ram: true });
    const { paths } = await makeSmallClosure(source);
    const all = (await source.runOk('nix-store', ['-qR', ...paths])).split('\n');
    const judge = nix('2.34');
    const wanted = await describeClosure(source, judge, all);
    for (const from of kinds) {
      const origin = await places.open(from, source);
      if (isCache(from)) await copy(places, source, { uri: source.root }, origin, all);
      for (const to of kinds) {
        const answering = nixKinds.includes(from) || nixKinds.includes(to) ? version : null;
        const name = `${from} ${to}`;
        const passed = results.get(name) ?? new Map<NixVersion | null, boolean>();
        results.set(name, passed);
        if (passed.has(answering)) continue;
        passed.set(answering, false);
        await context.test(`from ${from} to ${to}`, async () => {
          await using destination = makeNixHome(nix(version), { ram: true });
          const target = await places.open(to, destination);
          await copy(places, destination, origin, target, all);
          await judgeArrival(places, target, destination, judge, all, wanted);
          passed.set(answering, true);
        });
      }
    }
  });
}

test('the table of pairs', (context) => {
  if (results.size === 0) return;
  context.diagnostic(`${'from \\ to'.padEnd(10)}${kinds.map((to) => to.padEnd(8)).join('')}`);
  for (const from of kinds) {
    const cells = kinds.map((to) => {
      const passed = [...(results.get(`${from} ${to}`)?.values() ?? [])];
      return (passed.every(Boolean) ? `ok ${passed.length}` : 'FAILED').padEnd(8);
    });
    context.diagnostic(`${from.padEnd(10)}${cells.join('')}`);
  }
  const failed = [...results].filter(([, passed]) => [...passed.values()].includes(false));
  assert.deepEqual(failed, []);
});

function isCache(kind: PlaceKind): boolean {
  return cacheKinds.some((each) => each === kind);
}

async function copy(
  { env }: Places,
  home: NixHome,
  from: Pick<Place, 'uri'>,
  to: Place,
  paths: readonly string[],
): Promise<void> {
  const ends = ['--from', from.uri, '--to', to.uri];
  await runFerryOk(home, ['copy', ...ends, '--no-check-sigs', '--quiet', ...paths], { env });
}

/** Stores are looked into where they lie; what came into a cache is fetched out of it into a fresh store first. */
async function judgeArrival(
  places: Places,
  target: Place,
  destination: NixHome,
  judge: NixPeer,
  all: readonly string[],
  wanted: DescribedClosure,
): Promise<void> {
  if (!isCache(target.kind)) {
    await requireSameClosure(destination, judge, all, wanted);
    return;
  }
  await using fresh = makeNixHome(judge, { ram: true });
  if (target.directory === undefined) {
    await copy(places, fresh, target, { kind: 'chroot', uri: fresh.root }, all);
  } else {
    const uri = `file://${target.directory()}`;
    const theirs = openNixHome(judge, fresh.path);
    await theirs.runOk('nix', ['copy', '--all', '--no-check-sigs', '--from', uri]);
  }
  await requireSameClosure(fresh, judge, all, wanted);
}
