/**
 * A host that is this machine: scripts run in a shell here, in an environment of the test's own. Its profiles are of a small
 * nix-env in sh, which numbers and switches generations as Nix does and needs no store, or of a real one.
 */
import { spawn } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { FerryError } from '../../src/error.ts';
import type { HostConnection, HostRun, HostRunOptions } from '../../src/host/host-connection.ts';
import type { HostFacts } from '../../src/host/host-facts.ts';
import { makeTempDirectory, type TempDirectory } from './temp.ts';

export interface LocalHostOptions {
  /** The words of the shell, its program absolute; `/bin/sh` by default. */
  readonly shell?: readonly string[];
  readonly facts?: Partial<HostFacts>;
  readonly env?: Readonly<Record<string, string>>;
}

export interface LocalHost extends AsyncDisposable {
  readonly temp: TempDirectory;
  readonly connection: HostConnection;
  readonly profile: string;
  /** Where activations are kept. */
  readonly activations: string;
  /** Makes a closure with these executable scripts, by their paths in it. */
  addClosure(name: string, programs?: Readonly<Record<string, string>>): string;
  /** What a file of its directory has in it; empty where it isn't there. */
  read(name: string): string;
}

export function openLocalHost(options: LocalHostOptions = {}): LocalHost {
  const temp = makeTempDirectory({ prefix: 'ferry-host-', ram: true });
  const bin = temp.join('bin');
  mkdirSync(bin);
  writeProgram(join(bin, 'nix-env'), nixEnv);
  const shell = options.shell ?? ['/bin/sh'];
  // The agent runs in the same kind of shell.
  writeProgram(join(bin, 'sh'), `#!/bin/sh\nexec ${shell.join(' ')} "$@"\n`);
  const env = {
    PATH: `${bin}:/usr/bin:/bin:/usr/sbin:/sbin`,
    HOME: temp.path,
    NIX_STATE_DIR: temp.join('state'),
    XDG_STATE_HOME: temp.join('state'),
    TMPDIR: temp.path,
    ...options.env,
  };
  const facts: HostFacts = {
    system: 'x86_64-linux',
    extraSystems: [],
    user: 'root',
    home: temp.path,
    becomesRoot: { how: 'is-root' },
    nixVersion: '2.34',
    ferryVersion: undefined,
    nixStore: ['nix-store'],
    nixEnv: ['nix-env'],
    hasSystemd: false,
    bootId: 'unknown',
    freeBytes: undefined,
    clockSkewMs: 0,
    ...options.facts,
  };
  const connection: HostConnection = {
    host: { name: 'here', uri: 'ssh://localhost', becomeRoot: 'auto' },
    facts,
    run: (script, runOptions) => runHere([...shell], script, env, runOptions),
    openStore: () => Promise.reject(new Error('a local host has no store')),
    reconnect: () => Promise.resolve(connection),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
  return {
    temp,
    connection,
    profile: temp.join('profiles', 'system'),
    activations: temp.join('state', 'ferry', 'activations'),
    addClosure(name, programs = {}) {
      const closure = temp.join('store', name);
      mkdirSync(closure, { recursive: true });
      for (const [path, script] of Object.entries(programs)) {
        mkdirSync(join(closure, path, '..'), { recursive: true });
        writeProgram(join(closure, path), `#!/bin/sh\n${script}\n`);
      }
      return closure;
    },
    read: (name) => {
      const path = temp.join(name);
      return existsSync(path) ? readFileSync(path, 'utf8') : '';
    },
    [Symbol.asyncDispose]: () => temp[Symbol.asyncDispose](),
  };
}

function writeProgram(path: string, content: string): void {
  writeFileSync(path, content);
  chmodSync(path, 0o755);
}

/** The parts of nix-env about profiles that an activation needs. */
const nixEnv = `#!/bin/sh
profile=$2
newest() { ls -d "$profile"-*-link 2>/dev/null | sed 's/.*-\\([0-9]*\\)-link$/\\1/' | sort -n | tail -n 1; }
point() { ln -s "\${profile##*/}-$1-link" "$profile.tmp" && mv -T "$profile.tmp" "$profile"; }
case $3 in
  --set)
    number=$(newest)
    if [ -z "$number" ] || [ "$(readlink "$profile-$number-link")" != "$4" ]; then
      number=$((\${number:-0} + 1))
      ln -s "$4" "$profile-$number-link" || exit
    fi
    point "$number"
    ;;
  --switch-generation)
    [ -L "$profile-$4-link" ] || { echo "error: profile version $4 does not exist" >&2; exit 1; }
    point "$4"
    ;;
  *) echo "error: $*" >&2; exit 1 ;;
esac
`;

async function runHere(
  shell: string[],
  script: string,
  env: Readonly<Record<string, string>>,
  { args = [], signal, timeoutMs = 60_000, onLine }: HostRunOptions = {},
): Promise<HostRun> {
  const [program = 'sh', ...words] = shell;
  const child = spawn(program, [...words, '-c', script, 'sh', ...args], {
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  });
  let stopped: unknown;
  const stop = (reason: unknown): void => {
    stopped ??= reason;
    try {
      if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL');
    } catch {
      // It ended by itself.
    }
  };
  const timer = setTimeout(
    () => stop(new FerryError('unavailable', 'it takes too long')),
    timeoutMs,
  );
  const onAbort = (): void => stop(signal?.reason);
  signal?.addEventListener('abort', onAbort, { once: true });
  if (signal?.aborted === true) onAbort();
  let stdout = '';
  let rest = '';
  child.stdout.setEncoding('utf8');
  child.stdout.on('data', (more: string) => {
    stdout += more;
    const lines = (rest + more).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) onLine?.(line);
  });
  const closed = new Promise<number>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (status) => resolve(status ?? 255));
  });
  try {
    const [stderr, status] = await Promise.all([text(child.stderr), closed]);
    if (stopped !== undefined) throw stopped;
    return { status, stdout: stdout.slice(0, 1 << 20), stderr };
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener('abort', onAbort);
  }
}
