/** `ferry deploy` as people run it, to machines of `hosts.ts`: watched event by event, and judged by what they then have. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { activeVersion } from './deployable.ts';
import { type FerryHome, ferryBin, ferryEnv } from './ferry-program.ts';
import type { TestHost } from './hosts.ts';
import { findNix } from './peers.ts';
import { makeNixHome } from './nix-home.ts';
import type { Finished } from './run.ts';

/** A line of `ferry deploy --json`, as docs/json.md has them: which fields there are depends on the type. */
export interface DeployLine {
  readonly type: 'start' | 'phase' | 'copy' | 'line' | 'warning' | 'ended' | 'done';
  readonly host?: string;
  readonly phase?: string;
  readonly line?: string;
  readonly message?: string;
  readonly event?: { readonly type: string };
  readonly outcome?: string;
  readonly path?: string | null;
  readonly generation?: number | null;
  readonly oldGeneration?: number | null;
  readonly error?: { readonly code: string; readonly message: string } | null;
  readonly copiedPaths?: number;
  readonly copiedBytes?: number;
  readonly hosts?: Readonly<Record<string, string>> | readonly string[];
  readonly status?: number | null;
}

export interface Deployed {
  /** Null where a signal ended it. */
  readonly status: number | null;
  readonly lines: readonly DeployLine[];
  readonly stderr: string;
  readonly elapsedMs: number;
  /** How it ended for that host. */
  of(host: string): DeployLine;
  /** `outcome` of each host, or `outcome: code` where there is an error. */
  readonly outcomes: Readonly<Record<string, string>>;
}

export interface Deploying {
  readonly pid: number;
  kill(signal: NodeJS.Signals): void;
  /** When a line like that has come, or all is over: then false. */
  until(isIt: (line: DeployLine) => boolean): Promise<boolean>;
  readonly ended: Promise<Deployed>;
}

export interface DeployRunOptions {
  readonly env?: Readonly<Record<string, string>>;
  /** Words that go before those of ferry: `strace`, say. */
  readonly under?: readonly string[];
}

/** Longer than hosts that nobody reaches are waited for. */
const TIMEOUT_MS = 300_000;

/** Begins with it; `--json` is added. */
export function startDeploy(
  home: FerryHome,
  args: readonly string[],
  { env, under = [] }: DeployRunOptions = {},
): Deploying {
  const began = performance.now();
  const [program, ...words] = [...under, ferryBin, 'deploy', ...args, '--json'];
  const child = spawn(program, words, {
    cwd: home.path,
    env: { ...ferryEnv(home), ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
    // A process group of its own, so that what limits it ends all of it.
    detached: true,
  });
  const { pid } = child;
  if (pid === undefined) throw new Error(`cannot start ${program}`);
  const lines: DeployLine[] = [];
  const waiting = new Set<() => void>();
  const tell = (): void => {
    for (const each of waiting) each();
  };
  let stderr = '';
  let isOver = false;
  child.stderr.on('data', (bytes) => (stderr += String(bytes)));
  createInterface({ input: child.stdout }).on('line', (text) => {
    lines.push(JSON.parse(text) as DeployLine);
    tell();
  });
  const timer = setTimeout(() => process.kill(-pid, 'SIGKILL'), TIMEOUT_MS);
  const ended = once(child, 'close').then((): Deployed => {
    clearTimeout(timer);
    isOver = true;
    tell();
    return describe(lines, {
      status: child.exitCode,
      stderr,
      elapsedMs: performance.now() - began,
    });
  });
  return {
    pid,
    kill: (signal) => void child.kill(signal),
    until: async (isIt) => {
      for (let at = 0; ; ) {
        for (; at < lines.length; at += 1) {
          const line = lines[at];
          if (line !== undefined && isIt(line)) return true;
        }
        if (isOver) return false;
        const { promise, resolve } = Promise.withResolvers<void>();
        waiting.add(resolve);
        await promise;
        waiting.delete(resolve);
      }
    },
    ended,
  };
}

export async function runDeploy(
  home: FerryHome,
  args: readonly string[],
  options: DeployRunOptions = {},
): Promise<Deployed> {
  return await startDeploy(home, args, options).ended;
}

function describe(
  lines: readonly DeployLine[],
  rest: Pick<Deployed, 'status' | 'stderr' | 'elapsedMs'>,
): Deployed {
  const ends = new Map(
    lines.filter(({ type }) => type === 'ended').map((line) => [line.host ?? '', line]),
  );
  const outcomes = Array.from(ends, ([host, { outcome = '', error }]): [string, string] => {
    return [host, error === null || error === undefined ? outcome : `${outcome}: ${error.code}`];
  });
  return {
    ...rest,
    lines,
    of: (host) => {
      const end = ends.get(host);
      assert.ok(end !== undefined, `nothing was said of the end of ${host}:\n${rest.stderr}`);
      return end;
    },
    outcomes: Object.fromEntries(outcomes),
  };
}

/** `--to` of all of them. */
export function toHosts(
  hosts: readonly TestHost[],
  user?: Parameters<TestHost['uri']>[0],
): string[] {
  return hosts.flatMap((host) => ['--to', host.uri(user)]);
}

/** A fleet in which each machine has a closure of its own; `--config` of it. */
export function fleetOf(home: FerryHome, closures: ReadonlyMap<TestHost, string>): string[] {
  const file = join(home.path, 'fleet.toml');
  const tables = Array.from(
    closures,
    ([host, closure]) => `[hosts.${host.name}]\nuri = "${host.uri()}"\nclosure = "${closure}"\n`,
  );
  writeFileSync(file, tables.join('\n'));
  return ['--config', file];
}

export const systemProfile = '/nix/var/nix/profiles/system';

/** What the profile has now, as a store path; empty where it has nothing. */
export async function profilePath(
  host: TestHost,
  profile: string = systemProfile,
): Promise<string> {
  const { stdout } = await host.exec(['readlink', '-e', profile]);
  return stdout.trim();
}

/** What runs is what the profile has, and both are that version. */
export async function requireRuns(
  host: TestHost,
  system: { readonly version: string; readonly path: string },
): Promise<void> {
  assert.equal(await activeVersion(host), system.version, host.name);
  assert.equal(await profilePath(host), system.path, host.name);
  assert.equal(await host.execOk(['readlink', '/run/current-system']), system.path, host.name);
}

/** By a real Nix, whatever runs on the machine itself: every path of its store is whole. */
export async function requireWhole(host: TestHost): Promise<void> {
  const nix = findNix('2.34');
  if (nix === undefined) throw new Error('no Nix 2.34 here; scripts/peers.sh makes it');
  await using home = makeNixHome(nix);
  const store = ['--option', 'store', `local?root=${host.root}`];
  requireClean(host, await home.run('nix-store', [...store, '--verify', '--check-contents']));
}

/** The same, by the Nix or the ferry that is there. */
export async function requireWholeThere(host: TestHost): Promise<void> {
  const isBare = (await host.exec(['sh', '-c', 'command -v nix-store'])).status !== 0;
  const verify = [...(isBare ? ['ferry', 'nix-store'] : ['nix-store']), '--verify'];
  requireClean(host, await host.exec([...verify, '--check-contents']));
}

/** What has disappeared is not an error to Nix: it strikes it off. */
function requireClean(host: TestHost, { status, stderr }: Finished): void {
  assert.ok(status === 0 && !stderr.includes('disappeared'), `${host.name}: ${stderr}`);
}
