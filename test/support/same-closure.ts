/** Whether a closure arrived as it was: real Nix verifies the store, and its infos and NARs are those of the source. */
import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { openNixHome, type NixHome } from './nix-home.ts';
import type { NixPeer } from './peers.ts';

export interface DescribedClosure {
  readonly infos: unknown;
  /** An export of all of it. */
  readonly contents: Uint8Array;
}

/** What a newer Nix, the judge, says of the paths, the same way for stores of every release. */
export async function describeClosure(
  home: NixHome,
  judge: NixPeer,
  paths: readonly string[],
): Promise<DescribedClosure> {
  const judged = openNixHome(judge, home.path);
  const printed = await judged.runOk('nix', ['path-info', '--json', ...paths]);
  const infos = Object.entries(JSON.parse(printed) as Record<string, Record<string, unknown>>);
  const exported = await judged.runForBytes('nix-store', ['--export', ...paths]);
  assert.equal(exported.status, 0, exported.stderr);
  return {
    infos: infos
      .map(([path, info]) => ({ path, ...info, registrationTime: 0, ultimate: false }))
      .sort((a, b) => (a.path < b.path ? -1 : 1)),
    contents: exported.stdout,
  };
}

/** Fails unless the home's store has just these paths, as they were described. */
export async function requireSameClosure(
  home: NixHome,
  judge: NixPeer,
  paths: readonly string[],
  wanted: DescribedClosure | undefined,
): Promise<void> {
  assert.ok(wanted !== undefined);
  await home.verify();
  const seen = await describeClosure(home, judge, paths);
  assert.deepEqual(seen.infos, wanted.infos);
  assert.ok(Buffer.from(seen.contents).equals(wanted.contents), 'NARs, byte for byte');
  const entries = readdirSync(home.realPath('/nix/store')).map((name) => `/nix/store/${name}`);
  assert.deepEqual(entries.sort(), ['/nix/store/.links', ...paths].sort(), 'and nothing else');
}
