/**
 * The real programs that tests run against: three releases of Nix that `scripts/peers.sh` unpacks, and programs of
 * the system. A test whose peers are missing is skipped and says so; with FERRY_REQUIRE_PEERS=1 it fails.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';

export const nixVersions: readonly ['2.8', '2.26', '2.34'] = ['2.8', '2.26', '2.34'];
export type NixVersion = (typeof nixVersions)[number];

export type NixProgram =
  | 'nix'
  | 'nix-build'
  | 'nix-collect-garbage'
  | 'nix-copy-closure'
  | 'nix-daemon'
  | 'nix-env'
  | 'nix-hash'
  | 'nix-instantiate'
  | 'nix-prefetch-url'
  | 'nix-shell'
  | 'nix-store';

export interface NixPeer {
  readonly version: NixVersion;
  /** Its programs under their own names, to be put on a PATH. */
  readonly binDir: string;
  /** Absolute path of one of its programs. */
  program(name: NixProgram): string;
}

export function findNix(version: NixVersion): NixPeer | undefined {
  const directory = join(peersDirectory(), `nix-${version}`);
  // The stamp is written last: without it the release is only half there.
  if (!existsSync(join(directory, 'stamp'))) return undefined;
  const binDir = join(directory, 'bin');
  return { version, binDir, program: (name) => join(binDir, name) };
}

/** Absolute path of a program of this machine, or an unpacked one; daemons live where PATH may not look. */
export function findProgram(name: string): string | undefined {
  const directories = [
    ...(process.env['PATH'] ?? '').split(':'),
    '/usr/sbin',
    '/sbin',
    join(peersDirectory(), name, 'bin'),
  ];
  return directories
    .filter((directory) => directory !== '')
    .map((directory) => join(directory, name))
    .find((path) => existsSync(path));
}

export interface PeerTestOptions {
  /** The releases of Nix it needs. */
  readonly nix?: readonly NixVersion[];
  /** The programs of the system it needs. */
  readonly programs?: readonly string[];
  /** What else it lacks here, in words. */
  readonly lacks?: readonly string[];
}

/** Answers for the releases that the test asked for; asking for another is a mistake in the test. */
export type FoundNix = (version: NixVersion) => NixPeer;

/** A test of `node:test` that needs peers. */
export function peerTest(
  name: string,
  options: PeerTestOptions,
  body: (nix: FoundNix, context: TestContext) => Promise<void>,
): void {
  const { nix = [], programs = [], lacks = [] } = options;
  const found = new Map(nix.map((version) => [version, findNix(version)]));
  const missing = [
    ...nix.filter((version) => found.get(version) === undefined).map((version) => `Nix ${version}`),
    ...programs.filter((program) => findProgram(program) === undefined),
    ...lacks,
  ];
  const reason = `missing: ${missing.join(', ')}; scripts/peers.sh makes them`;
  const isRequired = process.env['FERRY_REQUIRE_PEERS'] === '1';
  const skip = missing.length > 0 && !isRequired ? reason : false;
  void test(name, { skip }, async (context) => {
    if (missing.length > 0) throw new Error(reason);
    await body((version) => {
      const peer = found.get(version);
      if (peer === undefined) throw new Error(`the test didn't ask for Nix ${version}`);
      return peer;
    }, context);
  });
}

export function peersDirectory(): string {
  return process.env['FERRY_PEERS'] ?? fileURLToPath(new URL('../../.peers', import.meta.url));
}
