/**
 * A home for a real Nix: its own configuration, store and state, and none of what the machine or the user has set up.
 * Its programs see no network, no build users and no substituters.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { NixPeer, NixProgram } from './peers.ts';
import {
  type Finished,
  type FinishedBytes,
  run,
  runForBytes,
  runOk,
  type RunOptions,
} from './run.ts';
import { makeTempDirectory, type TempOptions } from './temp.ts';

export interface NixHomeOptions {
  /** Lines of nix.conf beyond the hermetic ones, or instead of them where the name is the same. */
  readonly settings?: Readonly<Record<string, string>>;
  /** Variables beyond the hermetic ones: `NIX_SSHOPTS`, say. */
  readonly env?: Readonly<Record<string, string>>;
}

/** What a run may add; variables join those of the home. */
export type NixRunOptions = Pick<RunOptions, 'env' | 'input' | 'cwd' | 'timeoutMs'>;

export interface NixHome {
  readonly peer: NixPeer;
  readonly path: string;
  /** The root of its store: the logical `/nix/store` is `ROOT/nix/store` on disk. */
  readonly root: string;
  /** The store for other programs: `local?root=ROOT`. */
  readonly storeUri: string;
  /** The whole environment of its programs. */
  readonly env: Readonly<Record<string, string>>;
  /** Where a logical store path lies on disk. */
  realPath(storePath: string): string;
  run(program: NixProgram, args: readonly string[], options?: NixRunOptions): Promise<Finished>;
  /** Its stdout without the last line end; any exit but 0 is an error. */
  runOk(program: NixProgram, args: readonly string[], options?: NixRunOptions): Promise<string>;
  runForBytes(
    program: NixProgram,
    args: readonly string[],
    options?: NixRunOptions,
  ): Promise<FinishedBytes>;
  /** Fails unless Nix finds every path of its store whole. */
  verify(): Promise<void>;
}

/** Use as `await using home = makeNixHome(nix('2.34'))`: a home that is gone when its scope ends. */
export function makeNixHome(
  peer: NixPeer,
  options: NixHomeOptions & TempOptions = {},
): NixHome & AsyncDisposable {
  const temp = makeTempDirectory({ prefix: `ferry-nix-${peer.version}-`, ...options });
  const home = openNixHome(peer, temp.path, options);
  return { ...home, [Symbol.asyncDispose]: temp[Symbol.asyncDispose] };
}

/** A home in a directory of the caller's, made or found as it was left. All programs of it work on its own store. */
export function openNixHome(peer: NixPeer, path: string, options: NixHomeOptions = {}): NixHome {
  const root = join(path, 'root');
  const storeUri = `local?root=${root}`;
  const env = { ...hermeticEnv(peer, path, storeUri, options.settings), ...options.env };
  const runOptions = (extra: NixRunOptions = {}): RunOptions => ({
    ...extra,
    cwd: extra.cwd ?? path,
    env: { ...env, ...extra.env },
  });
  const home: NixHome = {
    peer,
    path,
    root,
    storeUri,
    env,
    realPath: (storePath) => join(root, storePath),
    run: (program, args, extra) => run(peer.program(program), args, runOptions(extra)),
    runOk: async (program, args, extra) =>
      (await runOk(peer.program(program), args, runOptions(extra))).replace(/\n$/, ''),
    runForBytes: (program, args, extra) =>
      runForBytes(peer.program(program), args, runOptions(extra)),
    verify: async () => {
      await home.runOk('nix-store', ['--verify', '--check-contents']);
    },
  };
  return home;
}

/**
 * The environment of a Nix that knows nothing but `directory` and the store `storeUri`. Also for the far end of a
 * connection, whose Nix must not find the machine's own configuration either.
 */
export function hermeticEnv(
  peer: NixPeer,
  directory: string,
  storeUri: string,
  settings: Readonly<Record<string, string>> = {},
): Record<string, string> {
  const home = join(directory, 'home');
  const conf = join(directory, 'conf');
  const temporary = join(directory, 'tmp');
  for (const made of [home, conf, temporary]) mkdirSync(made, { recursive: true });
  const all = { ...HERMETIC_SETTINGS, store: storeUri, ...settings };
  const lines = Object.entries(all).map(([name, value]) => `${name} = ${value}\n`);
  writeFileSync(join(conf, 'nix.conf'), lines.join(''));
  return {
    PATH: `${peer.binDir}:/usr/bin:/bin:/usr/sbin:/sbin`,
    HOME: home,
    TMPDIR: temporary,
    LANG: 'C.UTF-8',
    NIX_CONF_DIR: conf,
    // An empty list: not even the configuration of this home's user.
    NIX_USER_CONF_FILES: '',
  };
}

const HERMETIC_SETTINGS: Readonly<Record<string, string>> = {
  'experimental-features': 'nix-command flakes',
  'build-users-group': '',
  substituters: '',
  sandbox: 'false',
  'flake-registry': '',
};
